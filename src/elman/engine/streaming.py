"""One step at a time, for streams: our own kernel for a few rows, else torch's fused single step, else the cell's own.

At batch 1 and 128 units the arithmetic of a step takes some 2 microseconds, as long as a dozen lines of Python: `Streams`
is written for that.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, empty_like, get_num_threads
from torch._C import _are_functorch_transforms_active as are_functorch_transforms_active
from torch._C import _is_any_autocast_enabled as is_any_autocast_enabled
from torch.nn import Parameter

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
LARGE = 1 << 20  # bytes of weights from which the library may use more than one thread
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
    What a tensor is (its type, shape, strides, device and address) the library asks of torch itself, through DLPack.
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
            or _STEP is None
            or type(x) is not Tensor
            or are_functorch_transforms_active()
            or is_any_autocast_enabled()
        ):
            return None
        depth, made, kept, layers = 0, [], self.kept, layers._modules.values()
        if len(state) != len(layers):
            return None
        if len(kept) != len(layers):
            kept = self.kept = [_NOTHING] * len(layers)
        try:
            for layer in layers:
                of = kept[depth]
                if (
                    of.layer is not layer
                    or of.inside["0"] is not of.cell
                    or of.modules["ih"] is not of.ih
                    or of.modules["hh"] is not of.hh
                    or of.in_ih["weight"] is not of.weight_ih
                    or of.in_hh["weight"] is not of.weight_hh
                    or of.in_ih["bias"] is not of.bias_ih
                    or of.in_hh["bias"] is not of.bias_hh
                ):
                    written = _write(layer)
                    if written is None:
                        return None
                    of = kept[depth] = written
                if of.before_ih or of.before_hh or of.after_ih or of.after_hh:
                    return None
                threads = get_num_threads() if of.large else 1
                if of.two:
                    h, c = state[depth][0]
                    if type(h) is not Tensor or type(c) is not Tensor:
                        return None
                    first, second = empty_like(h), empty_like(c)
                    wrong = _STEP(_pack(of.address, threads, id(x), id(h), id(c), id(first), id(second)))
                    made.append((_tuple(of.state, (first, second)),))
                else:
                    (h,) = state[depth][0]
                    if type(h) is not Tensor:
                        return None
                    first = empty_like(h)
                    wrong = _STEP(_pack(of.address, threads, id(x), id(h), 0, id(first), 0))
                    made.append((_tuple(of.state, (first,)),))
                if wrong:
                    kept[depth] = _NOTHING  # the weights are perhaps of another type now
                    return None
                x = first
                depth += 1
        except (
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ):  # no bias, pruned, or another kind of state
            return None
        except (RuntimeError, BufferError):  # a tensor whose memory nobody can read
            return None
        return x, tuple(made)


def _stepper() -> Any:
    """elman_native_step, called with Python's lock held; None without a library, or without DLPack's table (older torch)."""
    library, capsule = kernels.library(), getattr(Tensor, "__dlpack_c_exchange_api__", None)
    if library is None or capsule is None:
        return None
    python = ctypes.pythonapi
    signature = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    table = signature(("PyCapsule_GetPointer", python))(capsule, b"dlpack_exchange_api")
    lock = [
        ctypes.cast(one, ctypes.c_void_p) for one in (python.PyEval_SaveThread, python.PyEval_RestoreThread)
    ]
    if not library.elman_native_python(table, *lock):
        return None
    step = ctypes.PyDLL(library._name, handle=library._handle).elman_native_step
    step.argtypes, step.restype = [ctypes.c_char_p], ctypes.c_int64
    return step


@dataclass(slots=True)
class _Kept:
    """A layer as it was when its stream was written: whatever is another object now makes it be written anew."""

    layer: Any
    inside: Any  # its modules by name; `modules` are those of its cell
    cell: Any
    modules: Any
    ih: Any
    hh: Any
    in_ih: Any  # parameters by name
    in_hh: Any
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any
    before_ih: Any  # hooks
    before_hh: Any
    after_ih: Any
    after_hh: Any
    state: Any  # the class of its State, and whether that has two parts
    two: bool
    large: bool  # weights for which threads are counted
    stream: Any
    address: int


_NOTHING: Any = _Kept(*[None] * len(fields(_Kept)))  # type: ignore[arg-type]
_STEP: Any = _stepper()
_pack = struct.Struct("7q").pack  # as elman_step of elman_native.h
_tuple: Any = tuple.__new__  # a State without the Python of its _make


def _write(layer: Any) -> _Kept | None:
    """What is kept of a layer as it is now; None where the library has no kernel for it."""
    cell = layer._modules["0"]
    ih, hh = cell._modules["ih"], cell._modules["hh"]
    in_ih, in_hh = ih._parameters, hh._parameters
    weights = in_ih["weight"], in_hh["weight"], in_ih["bias"], in_hh["bias"]
    dtype = weights[0].dtype
    if not_native(cell) or ih.norm is not None or dtype not in kernels.TYPES:
        return None
    if not all(type(value) in (Parameter, Tensor) for value in weights):
        return None
    kind, hidden = kernels.CELLS[native_name(cell)], cell.hidden_size
    objects = [id(value) for value in weights]
    stream = kernels.Stream(
        kind, kernels.TYPES[dtype], kernels.instruction_set(), cell.input_size, hidden, FEW, *objects
    )
    return _Kept(
        layer, layer._modules, cell, cell._modules, ih, hh, in_ih, in_hh, *weights,
        ih._forward_pre_hooks, hh._forward_pre_hooks, ih._forward_hooks, hh._forward_hooks,
        cell.State, len(cell.state_names) == 2,
        kernels.GATES[kind] * hidden * (cell.input_size + hidden) * dtype.itemsize >= LARGE,
        stream, ctypes.addressof(stream),
    )  # fmt: skip
