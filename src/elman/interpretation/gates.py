"""Gates: how open they are, how often they are stuck, and how long they make the cell remember.

A gate is stuck below 0.05 or above 0.95 (Karpathy, Johnson and Li 2015 draw the line at 0.1 and 0.9; ours is stricter, since a
gate at 0.1 still passes a third of its greatest slope). What a unit holds that keeps the share f of its state at each step has
fallen to 1/e after -1 / ln f steps: its time scale, about the 1 / (1 - f) of Tallec and Ollivier (2018). Which gate keeps, and
whether it does so when open or when closed, is not taken from its name but measured on the cell's own step:
new = kept * old + written * candidate. What this identity leaves over is the residual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.cells.contract import Cell
from elman.core.results import Finding
from elman.interpretation.pictures import bars, lines, stack
from elman.interpretation.view import Sample, View, untouched
from elman.models.rnn import RNN

LOW, HIGH = 0.05, 0.95
NONE_STUCK = 0.005  # share of values that rounds to 0%
EXACT = 1e-3  # largest residual at which the identity counts as found
CONVENTION = (
    "forget_gate",
    "update_gate",
)  # keep when open, as in torch: for networks whose cells are not at hand


@dataclass(frozen=True)
class Keeper:
    """The gate that keeps the state of one layer: open (or closed, if `inverted`); what the identity leaves over."""

    gate: str
    inverted: bool
    residual: float | None


@dataclass
class Tally:
    """Sums over the values of one reading, so that memory does not grow with the sample."""

    count: int = 0
    low: int = 0  # below LOW
    high: int = 0  # above HIGH
    low_state: int = 0  # below -HIGH
    largest: float = 0.0
    units: Any = 0.0  # (unit,) sum over steps
    steps: int = 0

    def add(self, values: Tensor) -> None:
        """Values (steps, unit) of valid steps."""
        self.count += values.numel()
        self.low += int((values < LOW).sum())
        self.high += int((values > HIGH).sum())
        self.low_state += int((values < -HIGH).sum())
        self.largest = max(self.largest, float(values.abs().max())) if values.numel() else self.largest
        self.units = self.units + values.double().sum(0).cpu().numpy()
        self.steps += len(values)

    @property
    def mean(self) -> np.ndarray:
        """Mean over steps of each unit (unit,)."""
        return np.asarray(self.units / max(1, self.steps))


def gates(view: View, sample: Sample) -> Finding:
    """Mean and saturation of every gate over all valid steps, and the time scale of every layer's keeping gate.

    `arrays` holds "time_scales" of the first layer and "time_scales.LAYER" of each, in steps (unit,).
    """
    tallies = tally(view, sample)
    if not tallies:
        return Finding("gates", "Gates", "This network has no gates or states that can be read step by step.")
    keepers = find_keepers(view.model, tallies)
    arrays = {f"time_scales.{layer}": scales for layer, scales in time_scales(keepers, tallies).items()}
    table = [_row(name, tally, keepers, arrays) for name, tally in tallies.items()]
    is_gate = [name.endswith("gate") for name in tallies]
    states = [row for row in table if not row["name"].endswith("candidate")]
    shown = [row for row, gate in zip(table, is_gate) if gate] or states or table
    worst = max(shown, key=lambda row: row["stuck"])
    if any(is_gate) and worst["stuck"] < NONE_STUCK:
        sentence = (
            f"No gate is stuck: fewer than 1% of the values of any gate are below {LOW} or above {HIGH}."
        )
    elif any(is_gate):
        sentence = (
            f"The gate that is stuck most is the {spoken(worst['name'])}: {worst['stuck']:.0%} of its values are below {LOW} "
            f"or above {HIGH}."
        )
    elif max(tally.largest for tally in tallies.values()) <= 1:
        sentence = (
            f"A cell without gates: {worst['stuck']:.0%} of the values of its {spoken(worst['name'])} are beyond ±{HIGH}, "
            "where little gradient passes."
        )
    else:
        sentence = f"A cell without gates whose values are not bounded: {spoken(worst['name'])} reaches {max(t.largest for t in tallies.values()):.3g}."
    for layer, keeper in list(keepers.items())[:1]:
        arrays["time_scales"] = arrays[f"time_scales.{layer}"]
        what = f"{'closed ' if keeper.inverted else ''}{keeper.gate.replace('_', ' ')}"
        where = spoken(f"{layer}.units") if len(keepers) > 1 else "units"
        sentence += (
            f" By the mean of its {what}, half of the {where} keep what they hold for more than "
            f"{np.median(arrays['time_scales']):.1f} steps, the slowest for {arrays['time_scales'].max():.0f}."
        )
    residuals = [keeper.residual for keeper in keepers.values() if keeper.residual is not None]
    return Finding(
        "gates", "Gates" if any(is_gate) else "Saturation", sentence, worst["stuck"], "share of values", residual=max(residuals, default=None),
        sample=f"{len(sample)} sequences", chart=_chart(shown, arrays, any(is_gate)), table=tuple(table), arrays=arrays,
    )  # fmt: skip


def tally(view: View, sample: Sample) -> dict[str, Tally]:
    """Sums over all valid steps of every gate and state, by name."""
    tallies: dict[str, Tally] = {}
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        for part in sample.parts():
            for name, reading in view.trace(part.inputs, part.lengths).items():
                tallies.setdefault(name, Tally()).add(_valid(reading, part).float())
    return tallies


def time_scales(keepers: dict[str, Keeper], tallies: dict[str, Tally]) -> dict[str, np.ndarray]:
    """For each layer with a keeping gate, the steps in which each unit falls to 1/e by the gate's mean (unit,)."""
    found = {}
    for layer, keeper in keepers.items():
        mean = tallies[f"{layer}.{keeper.gate}"].mean
        kept = np.clip(1 - mean if keeper.inverted else mean, 1e-6, 1 - 1e-6)
        found[layer] = -1 / np.log(kept)
    return found


def _valid(reading: Tensor, part: Sample) -> Tensor:
    """The values of valid steps (steps, unit); patches of steps have no padding."""
    if part.lengths is None or reading.shape[1] != part.inputs.shape[1]:
        return reading.flatten(0, 1)
    return reading[torch.arange(reading.shape[1], device=reading.device) < part.lengths[:, None]]


def _row(
    name: str, tally: Tally, keepers: dict[str, Keeper], arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """One line of the table. What is no gate is stuck beyond ±HIGH, where it is bounded by 1 at all."""
    layer, _, kind = name.rpartition(".")
    gate = kind.endswith("gate")
    low = tally.low if gate else tally.low_state
    bounded = gate or tally.largest <= 1
    closed, opened = ((count / max(1, tally.count) if bounded else 0.0) for count in (low, tally.high))
    keeps = layer in keepers and keepers[layer].gate == kind
    scale = float(np.median(arrays[f"time_scales.{layer}"])) if keeps else None
    return {
        "name": name, "mean": float(tally.mean.mean()), "closed": closed, "open": opened, "stuck": closed + opened,
        "median time scale (steps)": scale,
    }  # fmt: skip


def _chart(shown: list[dict[str, Any]], arrays: dict[str, np.ndarray], gated: bool) -> dict[str, Any]:
    low, high = (f"below {LOW}", f"above {HIGH}") if gated else (f"below -{HIGH}", f"above {HIGH}")
    rows = [
        {"gate": spoken(row["name"]), "values (%)": 100 * row[part], "state": state}
        for row in shown
        for part, state in (("closed", low), ("open", high))
    ]
    height = max(80, 26 * len(shown))
    title = (
        "How often gates are fully closed or fully open" if gated else "How often states are at their bounds"
    )
    first = bars(rows, "values (%)", "gate", "state", height=height, title=title, most=100)
    layers = [name for name in arrays if name.startswith("time_scales.")]
    if not layers:
        return first
    sorted_rows = [
        {"units, from fast to slow (%)": 100 * (rank + 0.5) / len(arrays[name]), "time scale (steps)": float(value),
         "layer": spoken(name.removeprefix("time_scales.") + ".units").removesuffix(" units")}
        for name in layers
        for rank, value in enumerate(np.sort(arrays[name]))
    ]  # fmt: skip
    nothing_stuck = gated and all(row["stuck"] < NONE_STUCK for row in shown)
    title = "How long each unit keeps what it holds"
    second = lines(
        sorted_rows, "units, from fast to slow (%)", "time scale (steps)", "layer" if len(layers) > 1 else None,
        points=False, height=150, title=title,
    )  # fmt: skip
    return second if nothing_stuck else stack(first, second)


def spoken(name: str) -> str:
    """A trace's name in words: "layers.0.forward.forget_gate" -> "layer 1 forget gate", with "backward" where it is.

    The path of a module stands in front: "encoder.layers.0.forward.h" -> "encoder layer 1 state h".
    """
    path, parts = name.split(".")[:-4], name.split(".")[-4:]
    if len(parts) != 4 or parts[0] != "layers" or not parts[1].isdigit():
        return name
    kind = {"h": "state h", "c": "state c"}.get(parts[3], parts[3].replace("_", " "))
    front = f"{'.'.join(path)} " if path else ""
    return f"{front}layer {int(parts[1]) + 1} {'backward ' if parts[2] == 'backward' else ''}{kind}"


def find_keepers(model: nn.Module, names: Any) -> dict[str, Keeper]:
    """Layer name -> its keeping gate: measured where the model's cells are ours, by torch's convention elsewhere."""
    found: dict[str, Keeper] = {}
    cells = dict(_cells(model))
    for name in names:
        layer, _, kind = name.rpartition(".")
        if layer in found:
            continue
        measured = keeper(cells[layer]) if layer in cells else None
        if measured is not None:
            found[layer] = measured
        elif kind in CONVENTION:
            found[layer] = Keeper(kind, False, None)
    return found


def keeper(cell: Cell) -> Keeper | None:
    """The gate with which new = kept * old + written * candidate holds in a step from random states; None if none does."""
    draw, like = torch.Generator().manual_seed(0), next(cell.parameters())
    with torch.no_grad():
        x, *parts = (
            torch.randn(16, size, generator=draw).to(like) for size in (cell.input_size, *cell.state_sizes)
        )
        old = cell.State(*parts)
        new, values = cell.step(cell.project(x), old)
        readings = dict(zip(cell.readings, values))
        candidate = readings.get("candidate")
        opens = {name: value for name, value in readings.items() if name.endswith("gate")}
        if candidate is None:
            return None
        tried = []
        for name, value in opens.items():
            for inverted, kept in ((False, value), (True, 1 - value)):
                for written in (1 - kept, *(other for key, other in opens.items() if key != name)):
                    for before, after in zip(old, new):
                        if after.shape != candidate.shape:  # a projected state
                            continue
                        left = (after - kept * before - written * candidate).abs().max() / after.abs().max()
                        tried.append((float(left), inverted, name))
    residual, inverted, name = min(tried, default=(1.0, False, ""))
    return Keeper(name, inverted, residual) if residual < EXACT else None


def _cells(model: nn.Module) -> Iterator[tuple[str, Cell]]:
    for rnn in model.modules():
        if isinstance(rnn, RNN):
            layers: Any = rnn.layers
            for depth, layer in enumerate(layers):
                for direction, cell in zip(rnn.directions, layer):
                    yield f"layers.{depth}.{direction}", cell
            return
