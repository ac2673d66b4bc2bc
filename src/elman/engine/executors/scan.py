"""A chunked parallel scan for linear cells: h' = a * h + b, exact with a carried state.

Chunks of 32 steps are scanned side by side in 5 doublings (Hillis and Steele 1986); a short loop carries the state
from chunk to chunk (Blelloch 1990). Work per step does not grow with the length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from elman.cells.contract import LinearCell
from elman.engine.contract import Call, Result
from elman.engine.time import valid_steps

CHUNK = 32


class Scan:
    """Padding, hold and resets change only the coefficients: held, a = hold + (1 - hold) a and b = (1 - hold) b."""

    def refuses(self, call: Call) -> str | None:
        if not isinstance(call.cell, LinearCell):
            return f"{type(call.cell).__name__} is not linear in its state"
        return "an empty batch or sequence" if 0 in call.x.shape else None

    def run(self, call: Call) -> Result:
        cell = call.cell
        assert isinstance(cell, LinearCell)
        valid = valid_steps(call.lengths, call.x.shape[0])
        x = call.x if valid is None else call.x.masked_fill(~valid[..., None], 0.0)
        projected = cell.project(x)
        a, b, seen = cell.coefficients(projected)
        read_a, read_b = a, b
        hold = None if call.hold is None else call.hold[0]
        if hold is not None:
            a, b = hold + (1 - hold) * a, (1 - hold) * b
        if call.reset is not None:  # the old state is replaced by the fresh one before the step
            again = call.reset[..., None]
            fresh = torch.zeros_like(call.state[0]) if call.fresh is None else call.fresh[0]
            a, b = torch.where(again, 0.0, a), torch.where(again, b + a * fresh, b)
        if valid is not None:
            a, b = torch.where(valid[..., None], a, 1.0), torch.where(valid[..., None], b, 0.0)
        h = scan(a, b, call.state[0])
        named = {}
        if call.readings:
            before = torch.cat([call.state[0][None], h[:-1]])
            if call.reset is not None:
                before = torch.where(again, fresh, before)
            named = dict(zip((*cell.readings, *cell.state_names), (*seen, read_a * before + read_b)))
        output = cell.readout(projected, cell.State(h))
        if valid is not None:
            output = output.masked_fill(~valid[..., None], 0.0)
            named = {name: value.masked_fill(~valid[..., None], 0.0) for name, value in named.items()}
        return Result(output, cell.State(h[-1]), named)


def scan(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """All states of h' = a * h + b: a, b (time, batch, size), h (batch, size) -> (time, batch, size)."""
    time = a.shape[0]
    short = -time % CHUNK
    if short:
        a = torch.cat([a, a.new_ones(short, *a.shape[1:])])
        b = torch.cat([b, b.new_zeros(short, *b.shape[1:])])
    chunks = (-1, CHUNK, *a.shape[1:])
    a, b = a.reshape(chunks), b.reshape(chunks)
    reach = 1
    while reach < CHUNK:
        b = torch.cat([b[:, :reach], b[:, reach:] + a[:, reach:] * b[:, :-reach]], 1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], 1)
        reach *= 2
    starts = []
    for decay, gain in zip(a[:, -1].unbind(0), b[:, -1].unbind(0)):
        starts.append(h)
        h = decay * h + gain
    return (b + a * torch.stack(starts)[:, None]).flatten(0, 1)[:time]


executor = Scan()
