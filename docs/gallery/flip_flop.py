"""Fixed points of a network that was trained to hold three bits: the cube of Sussillo and Barak (2013, section 3.2)."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import Entry
from torch import Tensor, nn
from trained import FOLDER

import elman
from elman.core.showing import svg
from elman.interpretation.fixed_points import Points, fixed_points
from elman.interpretation.pictures import plane
from elman.interpretation.stepping import Stepping, stepping_of

SEED, UNITS, STEPS, BATCH = 0, 48, 1500, 64
TRIALS, TIME, PULSES = 4096, 50, 0.1
STARTS, DRAWN = 400, 40
TILT = (0.45, 0.3)  # where the second bit's axis goes on paper
CUBE = " They are the corners, edges, faces and the middle of a cube: a saddle has a way out for each bit that is undecided there."
KINDS = ("stable", "one way out", "two ways out", "three ways out")
SIDE = 400  # of the picture, in pixels


class FlipFlop(nn.Module):
    """A vanilla network of torch's own, which reads pulses (batch, time, 3) and answers with the last one of each bit."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.RNN(3, UNITS, batch_first=True), nn.Linear(UNITS, 3)

    def forward(self, pulses: Tensor) -> Tensor:
        """The three bits after each step (batch, time, 3)."""
        answer: Tensor = self.head(self.rnn(pulses)[0])
        return answer


def trials(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pulses of -1 and 1, one in every bit at the first step and rare ones later, and what is to be held: (count, TIME, 3) each."""
    draw = np.random.default_rng(seed)
    pulses = draw.choice([-1.0, 0.0, 1.0], (count, TIME, 3), p=[PULSES / 2, 1 - PULSES, PULSES / 2])
    pulses[:, 0] = draw.choice([-1.0, 1.0], (count, 3))
    held, now = np.zeros_like(pulses), np.zeros((count, 3))
    for step in range(TIME):
        now = np.where(pulses[:, step] != 0, pulses[:, step], now)
        held[:, step] = now
    return torch.from_numpy(pulses).float(), torch.from_numpy(held).float()


def train(model: FlipFlop, pulses: Tensor, held: Tensor) -> None:
    """Mean squared error, Adam, one cycle of the learning rate."""
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=STEPS)
    draw = torch.Generator().manual_seed(SEED)
    for _ in range(STEPS):
        rows = torch.randint(0, len(pulses), (BATCH,), generator=draw)
        optimizer.zero_grad()
        (model(pulses[rows]) - held[rows]).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def points(model: FlipFlop, pulses: Tensor) -> tuple[Stepping, Points, np.ndarray]:
    """Its step, the points of rest without a pulse, and of how many eigenvalues of each lie outside the unit circle.

    Sought from visited states and from mixtures of two: a saddle is passed between two corners, and seldom lingered at.
    """
    stepping = stepping_of(elman.RNN.from_torch(model.rnn))
    states = stepping.states(pulses).flatten(0, 1)
    draw = torch.Generator().manual_seed(SEED)
    one, other = (states[torch.randint(0, len(states), (STARTS,), generator=draw)] for _ in range(2))
    share = torch.rand(STARTS, 1, generator=draw, dtype=torch.float64)
    found = fixed_points(stepping, torch.zeros(3), share * one + (1 - share) * other)
    return stepping, found, (np.abs(found.eigenvalues) > 1).sum(1)


def flat(bits: np.ndarray) -> np.ndarray:
    """The cube on paper: (..., 3) -> (..., 2), the second bit's axis aslant."""
    return np.stack([bits[..., 0] + TILT[0] * bits[..., 1], bits[..., 2] + TILT[1] * bits[..., 1]], -1)


def counted(ways: np.ndarray) -> list[int]:
    """How many points have 0, 1, 2 and 3 ways out."""
    return [int((ways == k).sum()) for k in range(4)]


def placed(bits: np.ndarray, ways: np.ndarray) -> bool:
    """Whether every point (points, 3) lies where its ways out say: so many bits undecided, the others at -1 or 1."""
    undecided, decided = np.abs(bits) < 0.3, np.abs(np.abs(bits) - 1) < 0.3
    return bool((undecided | decided).all() and (undecided.sum(1) == ways).all())


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """Train it, or take what was trained; draw its points and count them."""
    torch.manual_seed(SEED)
    model, (pulses, held) = FlipFlop(), trials(TRIALS, SEED)
    fresh, weights = copy.deepcopy(model), FOLDER / "flip-flop" / "weights.pt"
    if weights.exists():
        model.load_state_dict(torch.load(weights))
    else:
        train(model, pulses, held)
        weights.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), weights)
    new, right = trials(200, SEED + 1)
    with torch.no_grad():
        hits = float((model(new).sign() == right).float().mean())
    stepping, found, ways = points(model, new)
    _, before, ways_before = points(fresh, new)
    told, head = counted(ways[found.fixed]), model.head.double()
    x, y = f"bit 1 + {TILT[0]} bit 2", f"bit 3 + {TILT[1]} bit 2"
    with torch.no_grad():
        bits = head(torch.from_numpy(found.states)).numpy()
        at = flat(bits)
        way = flat(head(stepping.states(new[:DRAWN])).numpy())
    paths = [
        {x: float(place[0]), y: float(place[1]), "step": step, "sequence": str(row)}
        for row, each in enumerate(way)
        for step, place in enumerate(each)
    ]
    dots = [
        {x: float(at[k, 0]), y: float(at[k, 1]), "point": f"{KINDS[kind]} ({told[kind]})"}
        for kind in range(4)
        for k in np.flatnonzero(found.fixed & (ways == kind))
    ]
    chart = plane(paths, dots, x, y, height=SIDE, title="Where it rests when no pulse comes")
    (images / "flip_flop.svg").write_text(svg({**chart, "width": SIDE}), encoding="utf-8")
    return {
        "held": hits, "points": told, "cube": placed(bits[found.fixed], ways[found.fixed]),
        "points_before": len(before), "stable_before": counted(ways_before[before.fixed])[0],
        "data": hashlib.sha256(pulses.numpy().tobytes()).hexdigest()[:12],
    }  # fmt: skip


def entry(facts: dict[str, Any]) -> Entry:
    """How many points of each kind there are, and before training."""
    told, before, stable = facts["points"], facts["points_before"], facts["stable_before"]
    one = {(1, 1): "which is stable", (1, 0): "which is not stable"}
    resting = one.get((before, stable), f"{stable} of them stable")
    return Entry(
        "Three bits: the cube of fixed points",
        f"A vanilla network of {UNITS} units that was trained to hold three bits (it holds {facts['held']:.1%} of them in new trials) has {told[0]} stable points "
        f"and, between them, {told[1]} saddles with one way out, {told[2]} with two and {told[3]} with three."
        f"{CUBE if facts['cube'] else ''} Grey is the way of its state in {DRAWN} trials, and each axis what its readout says.",
        f"The same network before training has {before} point{'s' * (before != 1)} of rest, {resting}.",
        [], SEED, f"{TRIALS:,} trials of {TIME} steps, drawn, SHA-256 `{facts['data']}`",
        [("flip_flop.svg", f"Cube of {told[0]} stable points with saddles between them")],
        more="The network is an `nn.RNN` of torch's own; its step is made by `RNN.from_torch` and `stepping_of`, its points found by "
        "`fixed_points` ([Dynamics](interpretation.md#dynamics)).",
    )  # fmt: skip
