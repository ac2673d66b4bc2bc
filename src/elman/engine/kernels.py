"""The native library: where it is, what it takes, and its two operators, `torch.ops.elman.forward` and `.backward`.

Torch sees operators with shapes, so that a model can be compiled and exported; the library sees pointers and strides.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman.core.errors import UnknownName
from elman.engine.memory import empty, pool

NAME = "libelman_native.so"
CELLS = {"gru": 0, "lstm": 1, "rnn_tanh": 2, "rnn_relu": 3}
SLOTS = (4, 5, 0, 0)  # vectors that a step of each cell leaves for the trace and the backward pass
GATES = (3, 4, 1, 1)
PARTS = ("h", "c")
# Of the library's fields; the last four with layer norm.
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "gain_ih", "shift_ih", "gain_hh", "shift_hh")
TYPES = {torch.float32: 0, torch.float64: 1}
INSTRUCTION_SETS = ("portable", "avx2", "avx512")

_INTEGERS = "cell type isa threads time batch input hidden"
_FIELDS = (
    "lengths* x* x_time x_row weight_ih* weight_hh* bias_ih* bias_hh* h_0* c_0* y* y_time y_row h_n* c_n* saved* "
    "grad_y* grad_y_time grad_y_row grad_h_n* grad_c_n* grad_saved* grad_x* grad_x_time grad_x_row "
    "grad_weight_ih* grad_weight_hh* grad_bias_ih* grad_bias_hh* grad_h_0* grad_c_0* scratch* "
    "slots hold_h* hold_h_time hold_h_row hold_c* hold_c_time hold_c_row reset* fresh_h* fresh_c* "
    "grad_fresh_h* grad_fresh_c* "
    "gain_ih* shift_ih* gain_hh* shift_hh* grad_gain_ih* grad_shift_ih* grad_gain_hh* grad_shift_hh*"
)


class _Call(ctypes.Structure):
    """`elman_call` of elman_native.h, field by field."""

    _fields_ = [
        (name.rstrip("*"), ctypes.c_void_p if name.endswith("*") else ctypes.c_int64)
        for name in f"{_INTEGERS} {_FIELDS}".split()
    ]


class Stream(ctypes.Structure):
    """`elman_stream` of elman_native.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ["cell", "type", "isa", "input", "hidden", "most"]),
        *((name, ctypes.c_void_p) for name in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]),
        ("turn", ctypes.c_int64),
    ]


class _Mask(ctypes.Structure):
    """`elman_mask` of elman_native.h."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ["type", "isa", "threads", "seed", "limit", "count"]),
        ("mask", ctypes.c_void_p),
    ]


def _load() -> Any:
    for path in _places():
        if path.exists():
            try:
                found = ctypes.CDLL(str(path))  # torch is loaded, so its OpenMP is the one that is found
            except OSError:
                continue
            try:
                for name in ("elman_native_isa", "elman_native_size", "elman_native_scratch"):
                    getattr(found, name).restype = ctypes.c_int64
                found.elman_native_scratch.argtypes = [ctypes.c_void_p, ctypes.c_int64]
                found.elman_native_run.argtypes = [ctypes.c_void_p, ctypes.c_int64]
                found.elman_native_run.restype = None
                found.elman_native_python.argtypes = [ctypes.c_void_p] * 3
                found.elman_native_python.restype = ctypes.c_int64
                found.elman_native_mask.argtypes = [ctypes.c_void_p]
                found.elman_native_mask.restype = None
                found.elman_native_peak.argtypes = [ctypes.c_int64] * 4
                found.elman_native_peak.restype = ctypes.c_double
            except AttributeError:  # an older one, with less in it
                continue
            if found.elman_native_size() == ctypes.sizeof(_Call):
                return found
    return None


def library() -> Any:
    """The loaded library, or None where it was not built or does not fit this module."""
    return _LIBRARY


def _places() -> list[Path]:
    here = Path(__file__).parent / NAME
    if here.exists():
        return [here]
    try:  # an editable install: Python files in the tree, the library where packages are installed
        files = importlib.metadata.files("elman") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in files if file.name == NAME]


_LIBRARY = _load()
_BEST = 0 if _LIBRARY is None else int(_LIBRARY.elman_native_isa())


def instruction_set() -> int:
    """The best one of this machine, or a lesser one that ELMAN_NATIVE_ISA names. Raises UnknownName for another word."""
    wanted = os.environ.get("ELMAN_NATIVE_ISA")
    if wanted is None:
        return _BEST
    if wanted not in INSTRUCTION_SETS:
        raise UnknownName("instruction set (ELMAN_NATIVE_ISA)", wanted, INSTRUCTION_SETS)
    return min(_BEST, INSTRUCTION_SETS.index(wanted))


def _dense(value: Tensor) -> Tensor:
    """Itself where its last axis is dense; the library takes any other strides."""
    return value if value.stride(-1) == 1 or value.shape[-1] == 1 else value.contiguous()


def _fill(call: _Call, x: Tensor, cell: int, lengths: Tensor | None, hidden: int) -> None:
    call.cell, call.type, call.isa = cell, TYPES[x.dtype], instruction_set()
    call.threads = torch.get_num_threads()
    call.time, call.batch, call.input = x.shape
    call.hidden = hidden
    if lengths is not None:
        call.lengths = lengths.data_ptr()
    call.x, call.x_time, call.x_row = x.data_ptr(), x.stride(0), x.stride(1)


def _run(call: _Call, backward: bool) -> None:
    address = ctypes.addressof(call)
    scratch = pool.take(library().elman_native_scratch(address, backward))
    call.scratch = scratch.address
    library().elman_native_run(address, backward)


def _batch_first(time: int, batch: int, size: int, like: Tensor) -> Tensor:
    """(time, batch, size), rows in memory batch first, as users see them."""
    return empty((time, batch, size), (size, time * size, 1), like)


def random_mask(seed: int, limit: int, count: int, like: Tensor) -> Tensor:
    """Ones and zeros (count) of a float type in TYPES; see src/native/mask.h."""
    made = empty((count,), (1,), like)
    call = _Mask(
        TYPES[like.dtype], instruction_set(), torch.get_num_threads(), seed, limit, count, made.data_ptr()
    )
    library().elman_native_mask(ctypes.addressof(call))
    return made


def pitch(hidden: int) -> int:
    """Elements from one saved gate to the next."""
    return -(-hidden // 16) * 16


def slots(cell: int, held: bool, normed: bool) -> int:
    """Vectors that a step leaves: those of the cell, with a hold h before it (LSTM: c after it), and what norms leave."""
    return SLOTS[cell] + held + normed * (2 * GATES[cell] + 1)


def _options(
    call: _Call, hold: Tensors, reset: Tensor | None, fresh: Tensors, slots: int, keep: list[Tensor]
) -> None:
    """Hold and resets into the call; what is made for it is put into `keep`."""
    call.slots = slots
    for name, value in zip(PARTS, hold):
        if value is not None:
            if value.stride()[:2] == (0, 0):  # one row for all, as zoneout's rate is
                value = value[:1, :1].contiguous().expand(value.shape)
            keep.append(_dense(value))
            setattr(call, f"hold_{name}", keep[-1].data_ptr())
            setattr(call, f"hold_{name}_time", keep[-1].stride(0))
            setattr(call, f"hold_{name}_row", keep[-1].stride(1))
    if reset is not None:
        keep.append(reset.contiguous())
        call.reset = keep[-1].data_ptr()
        for name, value in zip(PARTS, fresh):
            if value is not None:
                keep.append(value.contiguous())
                setattr(call, f"fresh_{name}", keep[-1].data_ptr())


def _forward(
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    weights: list[Tensor],
    lengths: Tensor | None,
    cell: int,
    save: int,
    hold_h: Tensor | None = None,
    hold_c: Tensor | None = None,
    reset: Tensor | None = None,
    fresh_h: Tensor | None = None,
    fresh_c: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, h = _dense(x), h.contiguous()
    c = None if c is None else c.contiguous()
    weights = [weight.contiguous() for weight in weights]
    lengths = None if lengths is None else lengths.to(torch.int64).contiguous()
    (time, batch, _), hidden = x.shape, h.shape[1]
    y, h_n = _batch_first(time, batch, hidden, x), torch.empty_like(h)
    c_n = h.new_empty(0) if c is None else torch.empty_like(c)
    count, width, keep = slots(cell, hold_h is not None, len(weights) > 4), pitch(hidden), list[Tensor]()
    shape = (time, batch, count, width)
    saved = x.new_empty(0)
    if save == KEEP or (save == SHOW and lengths is None):
        saved = empty(shape, (batch * count * width, count * width, width, 1), x)
    elif save == SHOW:
        saved = x.new_zeros(shape)
    call = _Call()
    _fill(call, x, cell, lengths, hidden)
    _options(call, (hold_h, hold_c), reset, (fresh_h, fresh_c), count, keep)
    for name, weight in zip(WEIGHTS, weights):
        setattr(call, name, weight.data_ptr())
    call.h_0, call.y, call.y_time, call.y_row, call.h_n = (
        h.data_ptr(),
        y.data_ptr(),
        y.stride(0),
        y.stride(1),
        h_n.data_ptr(),
    )
    if c is not None:
        call.c_0, call.c_n = c.data_ptr(), c_n.data_ptr()
    if saved.numel():
        call.saved = saved.data_ptr()
    _run(call, False)
    return y, h_n, c_n, saved


def _backward(
    grad_y: Tensor | None,
    grad_h_n: Tensor | None,
    grad_c_n: Tensor | None,
    grad_saved: Tensor | None,
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    weights: list[Tensor],
    lengths: Tensor | None,
    y: Tensor,
    saved: Tensor,
    cell: int,
    wanted: list[bool],
    hold_h: Tensor | None = None,
    hold_c: Tensor | None = None,
    reset: Tensor | None = None,
    fresh_h: Tensor | None = None,
    fresh_c: Tensor | None = None,
) -> list[Tensor]:
    x, h, y = _dense(x), h.contiguous(), _dense(y)
    c = None if c is None else c.contiguous()
    weights = [weight.contiguous() for weight in weights]
    lengths = None if lengths is None else lengths.to(torch.int64).contiguous()
    hidden = h.shape[1]
    call = _Call()
    _fill(call, x, cell, lengths, hidden)
    for name, weight in zip(WEIGHTS, weights):
        setattr(call, name, weight.data_ptr())
    call.h_0, call.y, call.y_time, call.y_row = h.data_ptr(), y.data_ptr(), y.stride(0), y.stride(1)
    call.saved = saved.data_ptr() if saved.numel() else None
    keep: list[Tensor] = []
    _options(call, (hold_h, hold_c), reset, (fresh_h, fresh_c), saved.shape[2] if saved.numel() else 0, keep)
    if grad_y is not None:
        grad_y = _dense(grad_y)
        call.grad_y, call.grad_y_time, call.grad_y_row = grad_y.data_ptr(), grad_y.stride(0), grad_y.stride(1)
    for name, value in (("grad_h_n", grad_h_n), ("grad_c_n", grad_c_n), ("grad_saved", grad_saved)):
        if value is not None and value.numel():
            keep.append(value.contiguous())
            setattr(call, name, keep[-1].data_ptr())
    made = [x.new_empty(0)] * (5 + len(weights))
    if wanted[0]:
        made[0] = _batch_first(x.shape[0], x.shape[1], x.shape[2], x)
        call.grad_x, call.grad_x_time, call.grad_x_row = (
            made[0].data_ptr(),
            made[0].stride(0),
            made[0].stride(1),
        )
    if c is not None:
        call.c_0 = c.data_ptr()
    names = ("h_0", "c_0", "fresh_h", "fresh_c", *WEIGHTS)
    for place, (name, value) in enumerate(zip(names, (h, c, fresh_h, fresh_c, *weights)), 1):
        if wanted[place] and value is not None:
            made[place] = torch.empty(value.shape, dtype=value.dtype)
            setattr(call, f"grad_{name}", made[place].data_ptr())
    _run(call, True)
    return made


Tensors = tuple[Tensor | None, ...]
DROP, KEEP, SHOW = 0, 1, 2  # saved: nothing; for the backward pass; to be read, 0 after a sequence's end
_operators = torch.library.Library("elman", "FRAGMENT")
_OPTIONS = (
    "Tensor? hold_h=None, Tensor? hold_c=None, Tensor? reset=None, Tensor? fresh_h=None, Tensor? fresh_c=None"
)
_operators.define(
    "forward(Tensor x, Tensor h, Tensor? c, Tensor[] weights, Tensor? lengths, int cell, int save, "
    f"{_OPTIONS}) -> (Tensor, Tensor, Tensor, Tensor)"
)
_operators.define(
    "backward(Tensor? grad_y, Tensor? grad_h_n, Tensor? grad_c_n, Tensor? grad_saved, Tensor x, Tensor h, Tensor? c, "
    "Tensor[] weights, Tensor? lengths, Tensor y, Tensor saved, int cell, bool[] wanted, "
    f"{_OPTIONS}) -> Tensor[]"
)
_operators.impl("forward", _forward, "CPU")
_operators.impl("backward", _backward, "CPU")


def forward(x: Tensor, *rest: Any) -> Any:
    """torch.ops.elman.forward, called past torch's dispatch, some 5 us, where nobody watches that."""
    return _forward(x, *rest) if _unwatched(x) else torch.ops.elman.forward(x, *rest)


def backward(*arguments: Any) -> Any:
    """torch.ops.elman.backward in the same way."""
    plain = _unwatched(arguments[4])
    return _backward(*arguments) if plain else torch.ops.elman.backward(*arguments)


def _unwatched(x: Tensor) -> bool:
    return (
        type(x) is Tensor
        and not torch.compiler.is_compiling()
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._autograd._profiler_enabled()
        and torch._C._get_tracing_state() is None
    )


def _forward_shapes(
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    weights: list[Tensor],
    lengths: Tensor | None,
    cell: int,
    save: int,
    hold_h: Tensor | None = None,
    *options: Tensor | None,
    **more: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    (time, batch, _), hidden = x.shape, h.shape[1]
    count = slots(cell, hold_h is not None, len(weights) > 4)
    saved = x.new_empty(time, batch, count, pitch(hidden)) if save else x.new_empty(0)
    y = x.new_empty_strided((time, batch, hidden), (hidden, time * hidden, 1))
    return y, torch.empty_like(h), h.new_empty(0) if c is None else torch.empty_like(c), saved


def _backward_shapes(
    grad_y: Any, grad_h_n: Any, grad_c_n: Any, grad_saved: Any, x: Tensor, h: Tensor, c: Tensor | None,
    weights: list[Tensor], lengths: Any, y: Tensor, saved: Tensor, cell: int, wanted: list[bool],
    hold_h: Any = None, hold_c: Any = None, reset: Any = None, fresh_h: Any = None, fresh_c: Any = None,
) -> list[Tensor]:  # fmt: skip
    time, batch, size = x.shape
    made = [x.new_empty_strided(x.shape, (size, time * size, 1)) if wanted[0] else x.new_empty(0)]
    for want, value in zip(wanted[1:], (h, c, fresh_h, fresh_c, *weights)):
        made.append(x.new_empty(value.shape) if want and value is not None else x.new_empty(0))
    return made


torch.library.register_fake("elman::forward", _forward_shapes)
torch.library.register_fake("elman::backward", _backward_shapes)
