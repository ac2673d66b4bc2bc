"""A plain loop under autograd: always right, serves every cell and option.

The input is projected once for all steps and unbound (indexing step by step costs two to three times as much).
"""

from __future__ import annotations

import torch

from elman.engine.contract import Call, Result, answer
from elman.engine.time import valid_steps


class Reference:
    """The specification in motion; the others are held against it."""

    def refuses(self, call: Call) -> str | None:
        return None

    def run(self, call: Call) -> Result:
        cell, state, time = call.cell, call.state, call.x.shape[0]
        valid = valid_steps(call.lengths, time)
        x = (
            call.x if valid is None else call.x.masked_fill(~valid[..., None], 0.0)
        )  # NaN in padding stays there
        projected = cell.project(x)
        fresh = call.fresh or cell.initial_state(x.shape[1])
        states, readings = [], []
        for t, step_input in enumerate(projected.unbind(0)):
            old = state
            if call.reset is not None:
                again = call.reset[t][:, None]
                old = cell.State(*(torch.where(again, new, part) for new, part in zip(fresh, old)))
            new, seen = cell.step(step_input, old)
            if call.readings:
                readings.append((*seen, *new))
            if call.hold is not None:
                mixed = (part + hold[t] * (before - part) for part, before, hold in zip(new, old, call.hold))
                new = cell.State(*mixed)
            if valid is not None:
                kept = valid[t][:, None]
                new = cell.State(*(torch.where(kept, part, before) for part, before in zip(new, state)))
            state = new
            states.append(new)
        stacked = cell.State(*(torch.stack(parts) for parts in zip(*states)))
        read = [torch.stack(one) for one in zip(*readings)]
        many = len(cell.readings)
        before = cell.State(*read[many:]) if call.readings else stacked
        return answer(call, projected, stacked, before, read[:many])


executor = Reference()
