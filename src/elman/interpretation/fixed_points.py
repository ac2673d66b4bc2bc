"""Where a network rests: states that one step does not change, found as Sussillo and Barak (2013) do.

The speed of a state is q(s) = |F(s, u) - s|^2 / 2 (their eq. 2) for a constant input u. From states that real sequences visit
it is minimised by gradient descent, then by Newton's method on F(s, u) = s, which makes of a slow point a fixed one where there is
one near. What is left with q above `tolerance` is a slow point: the network lingers there, and does not rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.interpretation.stepping import Stepping

TOLERANCE = 1e-16  # of q, in float64: a state that moves by 1e-8 rests
SLOW = 1e-4  # of q relative to |s|^2: what moves faster is passed, not visited
NEAR = 1e-2  # of the scale of states: descents that end closer than this go on as one
# Of the places where descents ended MANY are followed, in a state of more than LARGE numbers FEW.
LARGE, MANY, FEW = 128, 64, 8
APART = 1e-3  # of the scale of states: two points closer than this are one (by distance, not by coordinates)


@dataclass(frozen=True)
class Points:
    """Distinct fixed and slow points under one input.

    states       (points, size)
    speed        (points,) q
    eigenvalues  (points, size) complex, of the Jacobian, largest modulus first
    found_from   (points,) how many starts ended there
    """

    states: np.ndarray
    speed: np.ndarray
    eigenvalues: np.ndarray
    found_from: np.ndarray

    def __len__(self) -> int:
        return len(self.states)

    @property
    def fixed(self) -> np.ndarray:
        """Which points rest (points,) bool; the others are slow."""
        resting: np.ndarray = self.speed <= TOLERANCE
        return resting

    @property
    def stable(self) -> np.ndarray:
        """Which points draw in what is near (points,) bool: every eigenvalue inside the unit circle."""
        inside: np.ndarray = np.abs(self.eigenvalues).max(1, initial=0.0) < 1
        return inside


def fixed_points(
    stepping: Stepping, vector: Tensor, starts: Tensor, *, descents: int = 400, newtons: int = 40
) -> Points:
    """The points reached from `starts` (n, size) under the input `vector` (features,)."""
    starts, vector = starts.to(stepping.start), vector.to(stepping.start)
    scale = float(starts.square().sum(1).mean().sqrt()) or 1.0
    inputs = vector.expand(len(starts), -1)
    states = _descend(stepping, starts, inputs, descents)
    states, counts = _distinct(states[_speed(stepping, states, inputs).argsort()], NEAR * scale)
    # Newton's steps on a large state cost as its cube; the slowest come first.
    most = MANY if stepping.size <= LARGE else FEW
    states, counts, inputs = states[:most], counts[:most], inputs[: len(states[:most])]
    states, speed = _newton(stepping, states, inputs, newtons)
    # Far outside of what was ever visited, a point says nothing about this network's use of its state.
    spread = (starts - starts.mean(0)).norm(dim=1).max()
    near = (states - starts.mean(0)).norm(dim=1) <= 3 * spread + scale
    kept = near & (speed <= SLOW * max(scale, 1e-12) ** 2) & states.isfinite().all(1)
    order = speed[kept].argsort()
    found, counts = _distinct(states[kept][order], APART * scale, counts[kept][order])
    values = torch.linalg.eigvals(stepping.jacobian(found, inputs[: len(found)])).numpy()
    values = np.take_along_axis(values, np.argsort(-np.abs(values), 1, kind="stable"), 1)
    speed = _speed(stepping, found, inputs[: len(found)])
    return Points(found.numpy(), speed.numpy(), values, counts.numpy())


def _distinct(states: Tensor, apart: float, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """States of which no two are closer than `apart`, the first of each crowd, and how many stand for each."""
    counts = torch.ones(len(states), dtype=torch.long) if counts is None else counts
    chosen: list[int] = []
    stand: list[int] = []
    for index in range(len(states)):
        gaps = (states[chosen] - states[index]).norm(dim=1)
        if chosen and float(gaps.min()) <= apart:
            stand[int(gaps.argmin())] += int(counts[index])
        else:
            chosen.append(index)
            stand.append(int(counts[index]))
    return states[chosen], torch.tensor(stand, dtype=torch.long)


def _speed(stepping: Stepping, states: Tensor, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return (stepping.step(states, inputs) - states).square().sum(1) / 2


def _descend(stepping: Stepping, states: Tensor, inputs: Tensor, count: int) -> Tensor:
    """Adam on q of all states at once (they do not see each other), its rate falling to zero."""
    states = states.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([states], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, count))
    with torch.enable_grad():
        for _ in range(count):
            optimizer.zero_grad()
            ((stepping.step(states, inputs) - states).square().sum() / 2).backward()
            optimizer.step()
            schedule.step()
    return states.detach()


def _newton(stepping: Stepping, states: Tensor, inputs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Newton's steps on F(s) - s = 0, halved until they slow a state down, and the speed reached; one that cannot is left."""
    eye = torch.eye(stepping.size, dtype=states.dtype)
    states, speed = states.clone(), _speed(stepping, states, inputs)
    moving = torch.ones(len(states), dtype=torch.bool)
    for _ in range(count):
        active = torch.nonzero(moving & (speed > TOLERANCE * 1e-6)).flatten()
        if not len(active):
            break
        at, under = states[active], inputs[active]
        with torch.no_grad():
            gap = stepping.step(at, under) - at
        # On a line of fixed points the matrix is singular: what is not finite is never taken.
        # One by one: torch's batched solve fails on several threads (MKL's DLASWP, torch 2.13).
        slopes = stepping.jacobian(at, under) - eye
        step = -torch.stack([torch.linalg.solve_ex(one, by)[0] for one, by in zip(slopes, gap)])
        better, rate = torch.zeros(len(active), dtype=torch.bool), 1.0
        while rate > 1e-3 and not bool(better.all()):
            slower = _speed(stepping, states[active] + rate * step, under) < speed[active]
            at = torch.where((slower & ~better)[:, None], states[active] + rate * step, at)
            better |= slower
            rate /= 2
        states[active], speed[active], moving[active] = at, _speed(stepping, at, under), better
    return states, speed
