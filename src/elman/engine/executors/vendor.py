"""Torch's own fused kernels: cuDNN on a GPU, oneDNN and ATen on a CPU.

The cell's parameters are handed over as they are, so nothing is copied and nothing can drift. Ragged batches run
padded and are masked afterwards: on a CPU torch's packed sequences take 3.5 times the padded time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from elman.cells.contract import Cell
from elman.engine.contract import Call, Result
from elman.engine.time import valid_steps

KERNELS = {"lstm", "gru", "rnn"}


class Vendor:
    """`torch._VF.lstm`, `.gru`, `.rnn_tanh`, `.rnn_relu` on the cell's own weights."""

    def refuses(self, call: Call) -> str | None:
        cell = call.cell
        if cell.kernel not in KERNELS:
            return f"torch has no kernel for {type(cell).__name__}"
        if cell.ih.norm is not None:
            return "layer_norm=True"
        if getattr(cell, "activation", "tanh") not in ("tanh", "relu"):
            return f"activation={cell.activation!r}"
        if call.readings:
            return "gates are wanted, and torch's kernels keep them to themselves"
        if call.hold is not None:
            return "zoneout"
        if call.reset is not None:
            return "resets inside a sequence"
        if 0 in call.x.shape:
            return "an empty batch or sequence"
        if torch._C._are_functorch_transforms_active() or torch.autograd.forward_ad._current_level >= 0:
            return "a functorch or forward-mode transform is active"
        return None

    def run(self, call: Call) -> Result:
        cell, x, lengths = call.cell, call.x, call.lengths
        valid = valid_steps(lengths, x.shape[0])
        if valid is None:
            return Result(*self._dense(cell, x, call.state), {})
        assert lengths is not None
        x = x.masked_fill(~valid[..., None], 0.0)  # NaN in padding must not reach a gradient
        output, state = self._dense(cell, x, call.state)
        if not call.final:
            state = None
        elif cell.state_names == ("h",):
            last = output[(lengths - 1).clamp(min=0), torch.arange(len(lengths), device=x.device)]
            state = cell.State(torch.where((lengths > 0)[:, None], last, call.state[0]))
        else:  # the cell state at each sequence's end is known to the packed kernel alone
            state = self._packed_state(cell, x, lengths, call.state)
        return Result(output.masked_fill(~valid[..., None], 0.0), state, {})

    def _dense(self, cell: Cell, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        kernel, hidden = self._kernel(cell), self._hidden(state)
        # The kernels keep what a gradient needs only in "train" mode; gradients must work in eval mode too.
        output, *parts = kernel(x, hidden, weights(cell), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return output, cell.State(*(part[0] for part in parts))

    def _packed_state(self, cell: Cell, x: Tensor, lengths: Tensor, state: Any) -> Any:
        packed = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), enforce_sorted=False)
        ordered = [part[packed.sorted_indices] for part in state]
        _, *parts = self._kernel(cell)(
            packed.data, packed.batch_sizes, self._hidden(ordered), weights(cell), True, 1, 0.0,
            torch.is_grad_enabled(), False,
        )  # fmt: skip
        some = (lengths > 0)[:, None]
        back = (part[0][packed.unsorted_indices] for part in parts)
        return cell.State(*(torch.where(some, new, old) for new, old in zip(back, state)))

    def _kernel(self, cell: Cell) -> Any:
        name = f"rnn_{cell.activation}" if cell.kernel == "rnn" else cell.kernel
        return getattr(torch._VF, str(name))

    def _hidden(self, state: Any) -> Any:
        parts = [part[None].contiguous() for part in state]
        return parts if len(parts) > 1 else parts[0]


def weights(cell: Any) -> list[Tensor]:
    """weight_ih, weight_hh, bias_ih, bias_hh: the order that torch's kernels expect."""
    return [cell.ih.weight, cell.hh.weight, cell.ih.bias, cell.hh.bias]


executor = Vendor()
