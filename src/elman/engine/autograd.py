"""Gradients of the native kernels, in one place.

The first derivative is the kernels' own. Where a graph of the backward pass is wanted (`create_graph=True`), or many gradients
at once (`is_grads_batched=True`), the call is run once more by the reference executor, whose operations know all of that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elman.cells.contract import Cell, over
from elman.engine import kernels
from elman.engine.contract import Call
from elman.engine.executors.reference import executor as reference
from elman.engine.kernels import DROP, KEEP, SHOW, SLOTS

# Names in a cell, in the order of kernels.WEIGHTS; the last four with layer norm.
WEIGHTS = (
    "ih.weight", "hh.weight", "ih.bias", "hh.bias", "ih.norm.weight", "ih.norm.bias", "hh.norm.weight", "hh.norm.bias",
)  # fmt: skip
STATES = 5  # inputs before the weights: x, h, c, fresh h, fresh c
FIXED = 7  # arguments of _Native before its inputs


def forward(
    cell: Cell, kind: int, call: Call, weights: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """y, h after the last valid step, c (None where the cell has none) and the saved gates, differentiable."""
    h, c = _pair(call.state)
    # A view and below a copy: torch.compile takes no tensor twice, and the parts' rates are one tensor.
    hold = _pair(tuple(part.to(call.x.dtype).expand(part.shape) for part in call.hold or ()))
    fresh = _pair(None)
    if call.reset is not None:
        # A network starts and starts afresh from the same tensors.
        parts = cell.initial_state(call.x.shape[1]) if call.fresh is None else call.fresh
        fresh = _pair(tuple(part.clone() for part in parts))
    inputs = (call.x, h, c, *fresh, *weights)
    show = SHOW if call.readings else DROP
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in inputs):
        y, h_n, c_n, saved = _Native.apply(cell, kind, show or KEEP, call.lengths, *hold, call.reset, *inputs)
    else:
        y, h_n, c_n, saved = kernels.forward(
            call.x, h, c, weights, call.lengths, kind, show, *hold, call.reset, *fresh
        )
    return y, h_n, None if c is None else c_n, saved


def _pair(parts: Any) -> tuple[Any, Any]:
    """A state's h and c, None for what is not there."""
    both = (*(parts or ()), None, None)
    return both[0], both[1]


class _Native(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, cell: Cell, kind: int, save: int, lengths: Any, hold_h: Any, hold_c: Any, reset: Any, *inputs: Any
    ) -> Any:  # fmt: skip
        x, h, c, fresh_h, fresh_c, *weights = inputs
        options = (hold_h, hold_c, reset)
        y, h_n, c_n, saved = kernels.forward(
            x, h, c, weights, lengths, kind, save, *options, fresh_h, fresh_c
        )
        ctx.save_for_backward(*inputs, lengths, *options, y, saved)
        ctx.cell, ctx.kind = cell, kind
        ctx.set_materialize_grads(False)
        if save == KEEP:
            ctx.mark_non_differentiable(saved)
        return y, h_n, c_n, saved

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        *inputs, lengths, hold_h, hold_c, reset, y, saved = ctx.saved_tensors
        wanted, options = ctx.needs_input_grad[FIXED:], (hold_h, hold_c, reset)
        graph = torch.is_grad_enabled()
        if graph or (
            not torch.compiler.is_compiling() and any(grad is not None and _batched(grad) for grad in grads)
        ):
            with torch.enable_grad():
                made = _by_reference(ctx.cell, ctx.kind, inputs, lengths, options, wanted, grads, graph)
        else:
            x, h, c, fresh_h, fresh_c, *weights = inputs
            made = kernels.backward(
                *grads, x, h, c, weights, lengths, y, saved, ctx.kind, list(wanted), *options, fresh_h, fresh_c
            )  # fmt: skip
        return *(None,) * FIXED, *(one if want else None for one, want in zip(made, wanted))


def _batched(grad: Tensor) -> bool:
    """Whether it stands for many gradients at once, as within vmap: such a tensor has no address."""
    of = torch._C._functorch
    return of.is_legacy_batchedtensor(grad) or of.is_batchedtensor(grad)


def _by_reference(
    cell: Cell,
    kind: int,
    inputs: Any,
    lengths: Tensor | None,
    options: Any,
    wanted: Any,
    grads: Any,
    graph: bool,
) -> list[Any]:
    # Names of their own for this run: a state may have come from the same weights, and what a reset goes back to is the state
    # that a network starts with. The derivative by one must not run through another.
    inputs = [None if one is None else one.view_as(one) for one in inputs]
    x, h, c, fresh_h, fresh_c, *weights = inputs
    *hold, reset = options
    state, fresh, held = (tuple(one for one in pair if one is not None) for pair in ((h, c), (fresh_h, fresh_c), hold))  # fmt: skip
    old, again = (cell.State(*parts) if parts else None for parts in (state, fresh))
    other = over(cell, dict(zip(WEIGHTS, weights)))
    result = reference.run(Call(other, x, old, lengths, held or None, reset, again, readings=True))
    outputs, readings = [result.output, *result.state], result.readings
    given = [grads[0], grads[1], *grads[2 : 1 + len(state)]]
    if grads[3] is not None:
        names = {place: name for name, place in saved_names(cell, kind, bool(held)).items()}
        outputs += [readings[name] for name in names.values()]
        given += [grads[3][:, :, place, : cell.hidden_size] for place in names]
    pairs = [(value, grad) for value, grad in zip(outputs, given) if grad is not None]
    asked = [one for one, want in zip(inputs, wanted) if want and one is not None]
    if not pairs:
        return [None] * len(inputs)
    found = iter(
        torch.autograd.grad(
            [value for value, _ in pairs],
            asked,
            [grad for _, grad in pairs],
            create_graph=graph,
            allow_unused=True,
        )
    )
    return [next(found) if want and one is not None else None for one, want in zip(inputs, wanted)]


def saved_names(cell: Cell, kind: int, held: bool) -> dict[str, int]:
    """Which slot of the saved gates is which reading. What is not here is the output, or with a hold the LSTM's h."""
    names = {}
    if SLOTS[kind]:
        names = {name: place for place, name in enumerate((*cell.readings, *cell.state_names[1:]))}
    if held and len(cell.state_names) == 1:
        names |= {name: SLOTS[kind] for name in ("h", "candidate") if name not in names}
    return names
