"""One step at a time, for streams: our own kernel for a few rows, else torch's fused single step, else the cell's own.

At batch 1 and 128 units the arithmetic of a step takes some 4 microseconds, as long as a dozen lines of Python: `Streams`
is written for that.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

import torch
from torch import Tensor, empty_like, get_num_threads
from torch._C import _are_functorch_transforms_active as are_functorch_transforms_active
from torch._C import _is_any_autocast_enabled as is_any_autocast_enabled

from elman.cells.contract import Cell
from elman.core.errors import RecipeError
from elman.engine import kernels
from elman.engine.contract import Call
from elman.engine.executors.native import kernel_name as native_name
from elman.engine.executors.native import refuses_cell as not_native
from elman.engine.executors.vendor import kernel_name, refuses_cell, weights
from elman.engine.plan import run

# A look into os.environ encodes the name at each call, which here would take a tenth of a step.
_ENVIRONMENT, _EXECUTOR = os.environ._data, os.environ.encodekey("ELMAN_EXECUTOR")  # type: ignore[attr-defined]
FEW = 4  # rows for which reading the weights once for each row is the fastest way


def step(cell: Cell, x: Tensor, state: Any, wanted: str = "auto") -> tuple[Tensor, Any]:
    """x (batch, input_size) and the State -> output (batch, output_size) and the next State.

    Raises RecipeError where `wanted` (or ELMAN_EXECUTOR) forces an executor that refuses, with its reason.
    """
    if wanted == "auto":
        wanted = os.environ.get("ELMAN_EXECUTOR", "auto")
    if wanted not in ("auto", "vendor", "reference"):  # a sequence of one step
        result = run(Call(cell, x[None], state), wanted)
        return result.output[0], result.state
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


class Streams:
    """The steps of one network by our kernel; a network keeps one of these.

    Weights are read where they lie at each step: training, loading and replacing them is seen, and nothing is packed.
    Threads may step one network at once, each with its own state: what is kept for a layer is replaced, never changed.
    """

    def __init__(self) -> None:
        self.kept: list[_Kept] = []

    def __reduce__(self) -> Any:  # what is kept are addresses of this process: a copy starts afresh
        return Streams, ()

    def step(self, layers: Any, x: Tensor, state: Any, wanted: str) -> tuple[Tensor, Any] | None:
        """The step of all layers (one direction, nothing between them), or None where the kernel does not serve.

        It serves few rows on the CPU, all dense and of one type, without gradients and under no transform. Whatever it
        does not know well goes the slow way, which says what is wrong. One function for all: each call of another, and
        each attribute, is some hundredth of the time of a step.
        """
        if _EXECUTOR in _ENVIRONMENT and wanted == "auto":
            wanted = os.environ["ELMAN_EXECUTOR"]
        if (
            (wanted != "auto" and wanted != "native")
            or type(x) is not Tensor
            or not x.is_cpu
            or not x.is_contiguous()
            or are_functorch_transforms_active()
            or is_any_autocast_enabled()
        ):
            return None
        depth, made, kept, layers = 0, [], self.kept, layers._modules.values()
        if len(state) != len(layers):
            return None
        batch, _ = x.shape
        if len(kept) != len(layers):
            kept = self.kept = [_NOTHING] * len(layers)
        try:
            for layer in layers:
                cell = layer._modules["0"]
                modules = cell._modules
                ih, hh = modules["ih"], modules["hh"]
                if ih._forward_pre_hooks or hh._forward_pre_hooks or ih._forward_hooks or hh._forward_hooks:
                    return None
                ih, hh = ih._parameters, hh._parameters
                weight, recurrent = ih["weight"], hh["weight"]
                now = (
                    weight.data_ptr(), recurrent.data_ptr(), ih["bias"].data_ptr(), hh["bias"].data_ptr(),
                    weight.nbytes, recurrent.nbytes, get_num_threads(),
                )  # fmt: skip
                key, of, address, dtype, size, make, two, _ = kept[depth]
                if now != key or cell is not of:
                    written = _write(cell, now)
                    if written is None:
                        return None
                    key, of, address, dtype, size, make, two, _ = kept[depth] = written
                parts = state[depth][0]
                h = parts[0]
                shape = h.shape
                if (
                    shape != (batch, size)
                    or not 0 < batch <= FEW
                    or x.dtype is not dtype
                    or h.dtype is not dtype
                    or not h.is_cpu
                    or not h.is_contiguous()
                    or not weight.is_contiguous()
                    or not recurrent.is_contiguous()
                    or len(parts) != 1 + two
                ):
                    return None
                first = empty_like(h)
                if two:
                    c, second = parts[1], empty_like(h)
                    if c.dtype is not dtype or c.shape != shape or not c.is_cpu or not c.is_contiguous():
                        return None
                    before, after = (h.data_ptr(), c.data_ptr()), (first.data_ptr(), second.data_ptr())
                    _STEP(_pack(address, batch, x.data_ptr(), *before, *after))
                    made.append((make((first, second)),))
                else:
                    _STEP(_pack(address, batch, x.data_ptr(), h.data_ptr(), 0, first.data_ptr(), 0))
                    made.append((make((first,)),))
                x = first
                depth += 1
        except (
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ):  # no bias, pruned, or another kind of state
            return None
        return x, tuple(made)


# key, cell, address, type, hidden_size, how its State is made, whether that has two parts, and what lies at the address
_Kept = tuple[Any, Any, int, Any, int, Any, bool, Any]
_NOTHING: _Kept = (None, None, 0, None, 0, None, False, None)
_STEP: Any = getattr(kernels.library(), "elman_native_step", None)
_pack = struct.Struct("7q").pack  # as elman_step of elman_native.h


def _write(cell: Any, key: tuple[int, ...]) -> _Kept | None:
    """What is kept of a cell as it is now; None where the library has no kernel for it."""
    if kernels.library() is None or not_native(cell) or cell.ih.norm is not None:
        return None
    kind, hidden = kernels.CELLS[native_name(cell)], cell.hidden_size
    gates, dtype = kernels.GATES[kind] * hidden, cell.ih.weight.dtype
    shapes = ((gates, cell.input_size), (gates, hidden), (gates,), (gates,))
    for value, shape in zip((cell.ih.weight, cell.hh.weight, cell.ih.bias, cell.hh.bias), shapes):
        if value.shape != shape or value.dtype is not dtype or not value.is_cpu or not value.is_contiguous():
            return None
    if dtype not in kernels.TYPES:
        return None
    *pointers, _, _, threads = key
    call = kernels.Stream(
        kind, kernels.TYPES[dtype], kernels.instruction_set(), threads, cell.input_size, hidden, *pointers
    )
    return (
        key,
        cell,
        ctypes.addressof(call),
        dtype,
        hidden,
        cell.State._make,
        len(cell.state_names) == 2,
        call,
    )
