"""One step at a time, for streams: our own kernel for a few rows, else torch's fused single step, else the cell's own.

At batch 1 and 128 units the arithmetic of a step takes some 5 microseconds, as long as a dozen lines of Python: `quick` is
written for that.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.cells.contract import Cell
from elman.core.errors import RecipeError
from elman.engine import kernels
from elman.engine.executors.native import kernel_name as native_name
from elman.engine.executors.native import refuses_cell as not_native
from elman.engine.executors.vendor import kernel_name, refuses_cell, weights

FEW = 4  # rows for which reading the weights once for each row is the fastest way


def step(cell: Cell, x: Tensor, state: Any, wanted: str = "auto") -> tuple[Tensor, Any]:
    """x (batch, input_size) and the State -> output (batch, output_size) and the next State.

    Raises RecipeError where `wanted` (or ELMAN_EXECUTOR) is "vendor" and torch has no such step.
    """
    if wanted == "auto":
        wanted = os.environ.get("ELMAN_EXECUTOR", "auto")
    if wanted in ("auto", "vendor"):
        reason = refuses_cell(cell) if cell.projection_size is None else "projection_size, in single steps"
        if reason is None and not torch._C._are_functorch_transforms_active():
            return _fused(cell, x, state)
        if reason is not None and wanted == "vendor":
            raise RecipeError(f'executor "vendor" refuses this step: {reason}. Use executor="auto".')
    projected = cell.project(x)
    new, _ = cell.step(projected, state)
    return cell.readout(projected, new), new


def _fused(cell: Cell, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    kernel: Any = getattr(torch._VF, f"{kernel_name(cell)}_cell")
    if len(state) == 1:
        h = kernel(x, state[0], *weights(cell))
        return h, cell.State(h)
    new = cell.State(*kernel(x, tuple(state), *weights(cell)))
    return new[0], new


def quick(network: Any, layers: Any, x: Tensor, state: Any, wanted: str) -> tuple[Tensor, Any] | None:
    """The step of all layers (one direction, nothing between them) by our kernel, or None where that does not serve.

    It serves few rows on the CPU, all dense and of one type, without gradients and under no transform. Whatever it does
    not know well goes the slow way, which says what is wrong. `network` is only the key under which its calls are kept.
    """
    if wanted == "auto":
        wanted = os.environ.get("ELMAN_EXECUTOR", "auto")
    if wanted != "auto" and wanted != "native":
        return None
    try:
        streams = _STREAMS[network]
    except KeyError:
        streams = _STREAMS[network] = _make(layers)
    if (
        streams is None
        or type(x) is not Tensor
        or not x.is_cpu
        or x.dtype not in kernels.TYPES
        or not x.is_contiguous()
        or torch._C._are_functorch_transforms_active()
        or torch.is_autocast_enabled("cpu")
        or len(state) != len(streams)
    ):
        return None
    batch = x.shape[0]
    if batch > FEW or not batch:
        return None
    made = []
    for stream, before in zip(streams, state):
        after = stream(x, batch, before[0])
        if after is None:
            return None
        x = after[0]
        made.append((after,))
    return x, tuple(made)


class _Stream:
    """A cell's call of the library, kept from step to step: what does not change is written once.

    Weights are read where they lie at each step: training, loading and replacing them is seen, and nothing is packed.
    Each thread has its own call, so that two may step one network, each with its own state.
    """

    def __init__(self, cell: Any, kind: int) -> None:
        self.kind, self.make, self.parts = kind, cell.State._make, len(cell.state_names)
        self.input_size, self.hidden_size = cell.input_size, cell.hidden_size
        self.homes = [cell._modules[name]._parameters for name in ("ih", "hh")]
        self.local = threading.local()
        self.library = kernels.library().elman_native_step

    def _call(self) -> Any:
        call = kernels.Step()
        call.cell, call.isa, call.threads = self.kind, kernels.instruction_set(), torch.get_num_threads()
        call.input, call.hidden = self.input_size, self.hidden_size
        self.local.call, self.local.address = call, ctypes.addressof(call)
        return call

    def __call__(self, x: Tensor, batch: int, state: Any) -> Any:
        """The next State, or None where something does not fit."""
        ih, hh = self.homes
        weight, recurrent, bias, recurrent_bias = ih["weight"], hh["weight"], ih["bias"], hh["bias"]
        dtype, shape = x.dtype, (batch, self.hidden_size)
        if len(state) != self.parts or bias is None or recurrent_bias is None:
            return None
        for value in (weight, recurrent, bias, recurrent_bias):
            if value.dtype != dtype or not value.is_cpu or not value.is_contiguous():
                return None
        for value in state:
            if value.dtype != dtype or not value.is_cpu or value.shape != shape or not value.is_contiguous():
                return None
        call = getattr(self.local, "call", None) or self._call()
        h = state[0]
        after = [torch.empty_like(h)]
        call.type, call.batch = kernels.TYPES[dtype], batch
        call.weight_ih, call.weight_hh = weight.data_ptr(), recurrent.data_ptr()
        call.bias_ih, call.bias_hh = bias.data_ptr(), recurrent_bias.data_ptr()
        call.x, call.h, call.h_next = x.data_ptr(), h.data_ptr(), after[0].data_ptr()
        if self.parts == 2:
            after.append(torch.empty_like(h))
            call.c, call.c_next = state[1].data_ptr(), after[1].data_ptr()
        self.library(self.local.address)
        return self.make(after)


_STREAMS: WeakKeyDictionary[Any, list[_Stream] | None] = WeakKeyDictionary()


def _make(layers: Any) -> list[_Stream] | None:
    """One for each layer; None where the library has no kernel for a cell."""
    cells = [layer[0] for layer in layers]
    if kernels.library() is None or any(not_native(cell) or cell.ih.norm is not None for cell in cells):
        return None
    return [_Stream(cell, kernels.CELLS[native_name(cell)]) for cell in cells]
