"""Our own C++ kernels for the CPU: GRU, LSTM and RNN, ragged batches at the cost of their tokens, every gate readable."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from elman.engine.autograd import forward, saved_names
from elman.engine.contract import Call, Result
from elman.engine.executors.vendor import executor as vendor
from elman.engine.executors.vendor import tampered, weights
from elman.engine.kernels import CELLS, GATES, TYPES, library

EPSILON = 1e-5  # of a layer norm, as in the library


class Native:
    """The library of src/native, on the cell's own weights. See docs/native.md."""

    def refuses(self, call: Call) -> str | None:
        cell: Any = call.cell
        reason = refuses_cell(cell)
        if reason is not None:
            return reason
        x, values = call.x, weights(cell)
        if x.device.type != "cpu":
            return f"the input is on {x.device.type}"
        if torch.is_autocast_enabled("cpu"):
            return "autocast is active"
        if x.dtype not in TYPES or values[0].dtype != x.dtype:
            return f"{str(x.dtype).removeprefix('torch.')} input and {str(values[0].dtype).removeprefix('torch.')} weights"
        rows = GATES[CELLS[kernel_name(cell)]] * cell.hidden_size
        shapes = ((rows, x.shape[-1]), (rows, cell.hidden_size), (rows,), (rows,))
        for one, shape in zip(values, shapes):  # the library trusts its caller
            if one.shape != shape or one.dtype != x.dtype or one.device != x.device:
                return "weights of another shape, type or device than the cell's"
        if call.hold is not None and any(part.requires_grad for part in call.hold):
            return "a hold that needs a gradient"
        if torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0:
            return "a functorch or forward-mode transform is active"
        if library() is None:
            return "the kernels were not built (no C++ compiler when Elman was installed)"
        return None

    def yields(self, call: Call) -> str | None:
        """bench/ENGINE.md: from 512 units on torch's LSTM is some 5% faster forward; dense, and where nobody else works."""
        cell: Any = call.cell
        if (
            cell.kernel != "lstm"
            or cell.hidden_size < 512
            or call.lengths is not None
            or call.x.shape[1] == 1
        ):
            return None
        inputs = (call.x, *call.state, cell.hh.weight, cell.ih.weight)
        if torch.is_grad_enabled() and any(one.requires_grad for one in inputs):
            return None
        return (
            "torch's LSTM of 512 units and more is faster without gradients"
            if vendor.refuses(call) is None
            else None
        )

    def run(self, call: Call) -> Result:
        cell: Any = call.cell
        kind = CELLS[kernel_name(cell)]
        values = weights(cell)
        ih, hh = cell._modules["ih"], cell._modules["hh"]
        if hh.norm is not None:
            values += [ih.norm.weight, ih.norm.bias, hh.norm.weight, hh.norm.bias]
        y, h_n, c_n, saved = forward(cell, kind, call, values)
        state = cell.State(h_n) if c_n is None else cell.State(h_n, c_n)
        named = {}
        if call.readings:
            slots = saved_names(cell, kind, call.hold is not None)
            for name in (*cell.readings, *cell.state_names):
                named[name] = saved[:, :, slots[name], : cell.hidden_size] if name in slots else y
            if call.hold is not None and c_n is not None:  # y is held back; the gates tell h before
                named["h"] = named["output_gate"] * named["c"].tanh()
        return Result(y, state, named)


def kernel_name(cell: Any) -> str:
    return f"rnn_{cell.activation}" if cell.kernel == "rnn" else str(cell.kernel)


def refuses_cell(cell: Any) -> str | None:
    """Why the library has no kernel for this cell as it is, or None."""
    if cell.projection_size is not None:
        return f"projection_size={cell.projection_size}"
    if cell.kernel is None:
        return f"no kernel for {type(cell).__name__}"
    if kernel_name(cell) not in CELLS:
        return (
            f"activation={cell.activation!r}"
            if cell.kernel == "rnn"
            else f"no kernel for {type(cell).__name__}"
        )
    reason = tampered(cell)
    if reason is not None:
        return reason
    for name in ("ih", "hh"):
        affine = cell._modules[name]
        norm = affine.norm
        if norm is not None and (
            type(norm) is not nn.LayerNorm
            or norm.eps != EPSILON
            or norm.normalized_shape != affine.weight.shape[:1]
            or norm.bias is None
            or norm.weight.dtype != affine.weight.dtype
        ):
            return "a layer norm that is not the cell's own"
    return None


executor = Native()
