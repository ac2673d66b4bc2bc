"""Gradients of the native kernels, in one place.

The first derivative is the kernels' own. Where a graph of the backward pass is wanted (`create_graph=True`), the call is
run once more by the reference executor, whose operations know all their derivatives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from elman.cells.contract import Cell
from elman.engine.contract import Call
from elman.engine.executors.reference import executor as reference
from elman.engine.kernels import DROP, KEEP, SHOW

WEIGHTS = ("ih.weight", "hh.weight", "ih.bias", "hh.bias")


def forward(
    cell: Cell, kind: int, call: Call, weights: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """y, h after the last valid step, c (None where the cell has none) and the saved gates, differentiable."""
    h, c = call.state[0], call.state[1] if len(call.state) > 1 else None
    inputs = (call.x, h, c, *weights)
    show = SHOW if call.readings else DROP
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in inputs):
        y, h_n, c_n, saved = _Native.apply(cell, kind, show or KEEP, call.lengths, *inputs)
    else:
        y, h_n, c_n, saved = torch.ops.elman.forward(call.x, h, c, weights, call.lengths, kind, show)
    return y, h_n, None if c is None else c_n, saved


class _Native(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cell: Cell, kind: int, save: int, lengths: Tensor | None, *inputs: Any) -> Any:
        x, h, c, *weights = inputs
        y, h_n, c_n, saved = torch.ops.elman.forward(x, h, c, weights, lengths, kind, save)
        ctx.save_for_backward(x, h, c, *weights, lengths, y, saved)
        ctx.cell, ctx.kind = cell, kind
        ctx.set_materialize_grads(False)
        if save == KEEP:
            ctx.mark_non_differentiable(saved)
        return y, h_n, c_n, saved

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        *inputs, lengths, y, saved = ctx.saved_tensors
        wanted = ctx.needs_input_grad[4:]
        if torch.is_grad_enabled():
            made = _by_reference(ctx.cell, ctx.kind, inputs, lengths, saved, wanted, grads)
        else:
            x, h, c, *weights = inputs
            made = torch.ops.elman.backward(
                *grads, x, h, c, weights, lengths, y, saved, ctx.kind, list(wanted)
            )
        return None, None, None, None, *(one if want else None for one, want in zip(made, wanted))


class _Rerun(nn.Module):
    """The reference executor as a module, so that a cell can be run with other tensors in place of its parameters."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: Any, lengths: Tensor | None) -> Any:
        call = Call(self.cell, x, self.cell.State(*state), lengths, readings=True)
        result = reference.run(call)
        return result.output, result.state, result.readings


def _by_reference(
    cell: Cell, kind: int, inputs: Any, lengths: Tensor | None, saved: Tensor, wanted: Any, grads: Any
) -> list[Any]:
    x, h, c, *weights = inputs
    state = (h,) if c is None else (h, c)
    values = dict(zip((f"cell.{name}" for name in WEIGHTS), weights))
    output, ends, readings = torch.func.functional_call(_Rerun(cell), values, (x, state, lengths))
    outputs = [output, *ends]
    given = [grads[0], grads[1], *grads[2 : 1 + len(state)]]
    if grads[3] is not None:
        names = saved_names(cell, kind)
        outputs += [readings[name] for name in names]
        given += [grads[3][:, :, place, : cell.hidden_size] for place in names.values()]
    pairs = [(value, grad) for value, grad in zip(outputs, given) if grad is not None]
    asked = [one for one, want in zip(inputs, wanted) if want and one is not None]
    if not pairs:
        return [None] * len(inputs)
    found = iter(
        torch.autograd.grad(
            [value for value, _ in pairs],
            asked,
            [grad for _, grad in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return [next(found) if want and one is not None else None for one, want in zip(inputs, wanted)]


def saved_names(cell: Cell, kind: int) -> dict[str, int]:
    """Which slot of the saved gates is which reading. What is not here is the output: h, and an RNN's candidate."""
    if kind > 1:
        return {}
    return {name: place for place, name in enumerate((*cell.readings, *cell.state_names[1:]))}
