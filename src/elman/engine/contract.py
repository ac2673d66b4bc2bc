"""What an executor is asked and what it gives, time-major: one layer, one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from elman.cells.contract import Cell
from elman.engine.time import valid_steps


@dataclass(frozen=True)
class Call:
    """One cell over one batch of sequences.

    x        (time, batch, input_size)
    state    the cell's State before the first step, each part (batch, its size)
    lengths  valid steps of each sequence (batch,), or None: all are full. Later steps never change anything
    hold     per part of the state (time, batch, its size) in [0, 1], or None: new = hold * old + (1 - hold) * new.
             Zoneout (Krueger et al. 2017) is a random hold in training and its rate in evaluation
    reset    (time, batch) bool, or None: before such a step the state starts afresh from `fresh`
    fresh    the state that a reset starts from; zeros when None
    readings whether gates and states of every step are wanted; they are taken before hold
    final    whether the state after the last valid step is wanted
    """

    cell: Cell
    x: Tensor
    state: Any
    lengths: Tensor | None = None
    hold: tuple[Tensor, ...] | None = None
    reset: Tensor | None = None
    fresh: Any = None
    readings: bool = False
    final: bool = True


@dataclass(frozen=True)
class Result:
    """output (time, batch, output_size), 0 after a sequence's end; state after each sequence's last valid step, or None
    when it was not wanted; readings by name (time, batch, hidden_size), the state's parts included."""

    output: Tensor
    state: Any
    readings: dict[str, Tensor]


def answer(call: Call, projected: Tensor, states: Any, before: Any, seen: Any) -> Result:
    """The Result of an executor that has every state: a State of parts (time, batch, its size), the ends among them.

    before: the states before hold; seen: the cell's readings (time, batch, hidden_size); neither is looked at where no
    readings are wanted.
    """
    cell, valid = call.cell, valid_steps(call.lengths, call.x.shape[0])
    output = cell.readout(projected, states)
    named = {}
    if call.readings:
        named = dict(zip((*cell.readings, *cell.state_names), (*seen, *before)))
        if "h" not in named:
            named["h"] = cell.readout(projected, before)
    if valid is not None:
        padding = ~valid[..., None]
        output = output.masked_fill(padding, 0.0)
        named = {name: value.masked_fill(padding, 0.0) for name, value in named.items()}
    return Result(output, cell.State(*(part[-1] for part in states)), named)


class Executor(Protocol):
    """One way to run a cell over time: a file in `engine/executors/` that ends in `executor = ...`.

    One that could answer, but knows another to be faster, may have `yields(call) -> str | None`, too: asked after `refuses`,
    and only where no executor is forced.
    """

    def refuses(self, call: Call) -> str | None:
        """Why this executor cannot answer the call, or None when it can."""

    def run(self, call: Call) -> Result:
        """Answer a call that was not refused."""
