"""Torch's own fused kernels: cuDNN on a GPU, oneDNN and ATen on a CPU.

The cell's parameters are handed over as they are, so nothing is copied and nothing can drift. Ragged batches run
padded and are masked afterwards: on a CPU torch's packed sequences take 3.5 times the padded time.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from elman.cells.contract import Affine, Cell
from elman.engine.contract import Call, Result
from elman.engine.time import valid_steps

KERNELS = {"lstm", "lstm_projected", "gru", "rnn"}
# A sigmoid of this is exactly 1, and of its negative 0, in every floating type down to float16.
SATURATED = 1e4

# torch says so where its oneDNN kernels leave a projected LSTM to ATen's, which is no news to whoever asked for one.
warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")
# And where weights lie apart: those that were thinned or widened for one call always do; for the others see `lay_together`.
warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")


class Vendor:
    """`torch._VF.lstm`, `.gru`, `.rnn_tanh`, `.rnn_relu` on the cell's own weights."""

    def refuses(self, call: Call) -> str | None:
        reason = refuses_cell(call.cell)
        if reason is not None:
            return reason
        if call.readings:
            return "gates are wanted, and torch's kernels keep them to themselves"
        if call.hold is not None:
            return "zoneout"
        if call.reset is not None:
            return "resets inside a sequence"
        if 0 in call.x.shape:
            return "an empty batch or sequence"
        cpu = call.x.device.type == "cpu"
        if (
            cpu
            and len(call.state) > 1
            and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") is torch.float16
            and not torch.ops.mkldnn._is_mkldnn_fp16_supported()
        ):
            return "torch's LSTM under autocast to float16 needs a processor that multiplies in it"
        compiled = torch.compiler.is_compiling() and torch.is_grad_enabled()
        if compiled and len(call.state) > 1 and cpu:
            # torch 2.13: what its oneDNN operator saves is not all tensors
            return "torch.compile cannot follow torch's LSTM with gradients on a CPU"
        if torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0:
            return "a functorch or forward-mode transform is active"
        return None

    def run(self, call: Call) -> Result:
        cell, x, lengths = call.cell, call.x, call.lengths
        valid = valid_steps(lengths, x.shape[0])
        if valid is None:
            return Result(*_dense(cell, x, call.state, weights(cell)), {})
        assert lengths is not None
        padding = ~valid[..., None]
        x = x.masked_fill(padding, 0.0)  # NaN in padding must not reach a gradient
        if call.final and len(call.state) > 1:
            output, state = _holding_lstm(cell, x, call.state, padding)
        else:
            output, state = _dense(cell, x, call.state, weights(cell))
        if call.final:
            last = output[(lengths - 1).clamp(min=0), torch.arange(lengths.shape[0], device=x.device)]
            h = torch.where((lengths > 0)[:, None], last, call.state[0])
            state = cell.State(h, *state[1:])
        return Result(output.masked_fill(padding, 0.0), state if call.final else None, {})


def _dense(cell: Cell, x: Tensor, state: Any, values: list[Tensor]) -> tuple[Tensor, Any]:
    kernel: Any = getattr(torch._VF, kernel_name(cell))
    parts = [part[None].contiguous() for part in state]
    hidden = parts if len(parts) > 1 else parts[0]
    # The kernels keep what a gradient needs only in "train" mode; gradients must work in eval mode too.
    output, *ends = kernel(x, hidden, values, True, 1, 0.0, torch.is_grad_enabled(), False, False)
    return output, cell.State(*(end[0] for end in ends))


def _holding_lstm(cell: Cell, x: Tensor, state: Any, padding: Tensor) -> tuple[Tensor, Any]:
    """An LSTM whose c stands still in the padding (time, batch, 1), so that its last c is that of the last valid step.

    One more input, 1 in the padding and 0 elsewhere, drives the input gates to exactly 0 and the forget gates to exactly
    1 there: c' = 1 * c + 0 * n. Their slopes are exactly 0, so gradients are right, too. What h does there is not used.
    """
    weight_ih, *others = weights(cell)
    column = weight_ih.new_zeros(4, cell.hidden_size)
    column[0], column[1] = -SATURATED, SATURATED
    wider = torch.cat([weight_ih, column.view(-1, 1)], 1)
    return _dense(cell, torch.cat([x, padding.to(x.dtype)], -1), state, [wider, *others])


def refuses_cell(cell: Any) -> str | None:
    """Why torch has no kernel for this cell as it is, or None."""
    if cell.kernel not in KERNELS:
        return f"torch has no kernel for {type(cell).__name__}"
    reason = tampered(cell)
    if reason is not None:
        return reason
    if cell.ih.norm is not None:
        return "layer_norm=True"
    if getattr(cell, "activation", "tanh") not in ("tanh", "relu"):
        return f"activation={cell.activation!r}"
    return None


def tampered(cell: Any) -> str | None:
    """What was put over the products of a cell, which a kernel that takes the weights would go past; None where nothing was.

    Pruning and the older kind of weight norm are such hooks; a parametrisation gives its weight to whoever asks.
    """
    for name, part in cell._modules.items():
        if not isinstance(part, Affine) or type(part).forward is not Affine.forward:
            return f"{name} is a {type(part).__name__}"
        if part._forward_hooks or part._forward_pre_hooks:
            return f"a hook on {name}"
        if name != "hr" and part._parameters.get("bias") is None and part.bias is None:
            return f"{name} without a bias"
    return None


def kernel_name(cell: Any) -> str:
    """torch's name for the cell: lstm, gru, rnn_tanh or rnn_relu."""
    return f"rnn_{cell.activation}" if cell.kernel == "rnn" else str(cell.kernel).removesuffix("_projected")


def weights(cell: Any) -> list[Tensor]:
    """weight_ih, weight_hh, bias_ih, bias_hh, and weight_hr where there is a projection: the order of torch's kernels."""
    ih, hh = cell._modules["ih"], cell._modules["hh"]
    values = [_own(ih, "weight"), _own(hh, "weight"), _own(ih, "bias"), _own(hh, "bias")]
    return values if cell.projection_size is None else [*values, cell.hr.weight]


def _own(part: Any, name: str) -> Tensor:
    """A parameter, or what stands for it in a parametrised part. An attribute of a module takes ten times as long as a look."""
    value = part._parameters.get(name)
    made: Tensor = getattr(part, name) if value is None else value
    return made


def lay_together(cell: Any) -> None:
    """Move a cell's weights on a GPU into one block, where cuDNN reads them without a copy at each call; as torch.nn does."""
    if refuses_cell(cell) is not None:
        return
    values = weights(cell)
    first, projection = values[0], cell.projection_size or 0
    apart = len({one.untyped_storage().data_ptr() for one in values}) == len(values)
    if not (apart and first.is_cuda and torch.backends.cudnn.is_acceptable(first)):
        return
    if len({(one.dtype, one.device) for one in values}) > 1 or not all(one.is_contiguous() for one in values):
        return
    mode = torch.backends.cudnn.rnn.get_cudnn_mode(kernel_name(cell).upper())
    with torch.cuda.device_of(first), torch.no_grad():
        torch._cudnn_rnn_flatten_weight(
            values, len(values), cell.input_size, mode, cell.hidden_size, projection, 1, False, False
        )


executor = Vendor()
