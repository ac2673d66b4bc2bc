"""Gates of the recurrent layers inside any model, read while it runs; the model and what it computes are left alone.

Forward hooks look on. After a layer's own forward, its steps are made once more by our cells, over the layer's own tensors,
with its random draws, without a gradient: that is where the readings come from. They are held against the layer's output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.core.errors import RecipeError, UnknownName
from elman.models.rnn import RNN
from elman.models.torch_bridge import EXPECTED, KINDS, answer_as, arguments, places

WATCHED: tuple[type[nn.Module], ...] = (RNN, *KINDS)
NAMES = {kind.__name__ for kind in WATCHED}
TF32 = 2.0**-10  # the precision of float32 products in cuDNN, unless it is told otherwise


class Observed(Mapping[str, Tensor]):
    """Readings by name, {module path}.layers.{i}.{forward|backward}.{gate or part of the state}, without a gradient.

    A layer's are (batch, time, size), or (time, size) where its input has no batch, whatever its `batch_first`; a packed
    batch comes padded with 0, in the order of the batch before it was packed. The calls of a *Cell module are the steps of
    one sequence: (batch, time, size). `calls` has one tensor for each call: {name: [tensor, ...]}.

    Raises UnknownName for a reading that is not there, and RecipeError before anything ran, or where several calls of a
    layer, or steps of several batch sizes, make no one tensor.
    """

    def __init__(self, watched: list[str]) -> None:
        self.calls: dict[str, list[Tensor]] = {}
        self._watched = watched
        self._steps: set[str] = set()

    def __repr__(self) -> str:
        shapes = (
            f"  {name} {' '.join(str(tuple(each.shape)) for each in calls[:3])}" + " ..." * (len(calls) > 3)
            for name, calls in sorted(self.calls.items())
        )
        return "\n".join([f"{len(self.calls)} readings of {', '.join(self._watched)}", *shapes])

    def __getitem__(self, name: str) -> Tensor:
        if not self.calls:
            raise RecipeError(
                f"none of the observed modules has run: {', '.join(self._watched)}. Call the model inside the block."
            )
        if name not in self.calls:
            raise UnknownName("reading", name, self.calls)
        calls = self.calls[name]
        if name in self._steps and len({call.shape for call in calls}) == 1:
            return torch.stack(calls, -2)
        if len(calls) == 1:
            return calls[0]
        raise RecipeError(
            f"{name!r} was read in {len(calls)} calls, which make no one tensor. seen.calls[{name!r}] has one for each."
        )

    def __contains__(self, name: object) -> bool:
        return name in self.calls

    def __iter__(self) -> Iterator[str]:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def _add(self, paths: list[str], trace: dict[str, Tensor], *, step: bool) -> None:
        for path in paths:
            for name, value in trace.items():
                whole = f"{path}.{name}" if path else name
                self.calls.setdefault(whole, []).append(value)
                if step:
                    self._steps.add(whole)


@contextmanager
def observe(model: nn.Module) -> Iterator[Observed]:
    """Read the gates of every recurrent layer in `model` that runs inside the block.

        with elman.observe(model) as seen:
            output = model(x)
        seen["encoder.layers.0.forward.forget_gate"]  # (batch, time, hidden_size)

    Sees torch.nn.LSTM, GRU and RNN, their *Cell modules, and elman.RNN, wherever they are; a module with several paths is
    read under each. The model's output, gradients and random draws are those without the block, and its hooks are gone
    after it, also after an error. What is called past a module's __call__ is not seen (`forward`, `RNN.step`).

    Raises RecipeError for a model without such a layer, for one that is compiled or scripted, for dropout between layers of a torch module in
    training on a GPU, where nobody can draw the same mask again, and for a layer whose output its readings do not explain:
    a subclass with a `forward` of its own, or dynamics so sensitive that roundings grow.
    """
    found = _recurrent(model)
    seen = Observed([paths[0] or type(module).__name__ for module, paths in found])
    handles: list[Any] = []
    try:
        for module, paths in found:
            watcher = _Watcher(module, paths, seen)
            handles.append(module.register_forward_pre_hook(watcher.before))
            # First of all hooks, because a later one may change the output.
            handles.append(module.register_forward_hook(watcher.after, prepend=True, with_kwargs=True))
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def cells_in(model: nn.Module) -> dict[str, Any]:
    """The cell of each recurrent layer of `model` by the name that `observe` gives the layer: {"encoder.layers.0.forward": LSTM}.

    A torch layer's is a cell of its kind and sizes, without weights. Raises RecipeError where there is no such layer.
    """
    found = {}
    for module, paths in _recurrent(model):
        with torch.device("meta"):
            network: Any = module if isinstance(module, RNN) else RNN(**arguments(module))
        for depth, layer in enumerate(network.layers):
            for side, cell in zip(network.directions, layer):
                for path in paths:
                    found[f"{path}.layers.{depth}.{side}".lstrip(".")] = cell
    return found


def _recurrent(model: Any) -> list[tuple[nn.Module, list[str]]]:
    """Each recurrent module once, with all its paths."""
    if not isinstance(model, nn.Module):
        raise RecipeError(f"got a {type(model).__name__} to observe; expected a torch.nn.Module.")
    paths: dict[nn.Module, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise RecipeError(
                f"{path or 'the model'} is compiled, and then no hook is called. Observe the model that torch.compile was given."
            )
        if getattr(module, "original_name", None) in NAMES and isinstance(module, torch.jit.ScriptModule):
            raise RecipeError(
                f"{path or 'the model'} is scripted or traced, and then no hook is called. Observe the model that torch.jit was given."
            )
        if isinstance(module, WATCHED):
            paths.setdefault(module, []).append(path)
    if not paths:
        raise RecipeError(
            f"{type(model).__name__} has no recurrent layer to observe; looked in it for {EXPECTED}, and for elman.RNN."
        )
    return list(paths.items())


class _Watcher:
    """One recurrent module: what it is about to draw, and what went on in it."""

    def __init__(self, module: nn.Module, paths: list[str], seen: Observed) -> None:
        self.paths, self.seen = paths, seen
        self.label = paths[0] or type(module).__name__
        self.step = not isinstance(module, (RNN, nn.RNNBase))
        self.random: Callable[[], None] | None = None
        self.replay: _Replay | None = None
        if not isinstance(module, RNN):
            with torch.device(
                "meta"
            ):  # no memory and no random draws; the module's own tensors take the places
                self.replay = _Replay(**arguments(module))

    def before(self, module: Any, args: Any) -> None:
        self.random = None
        if not module.training or self.step:
            return
        device = next(module.parameters()).device
        torch_dropout = self.replay is not None and module.dropout and module.num_layers > 1
        if torch_dropout and device.type != "cpu":
            raise RecipeError(
                f"{self.label} draws its dropout between layers inside a kernel of {device.type}, where nobody can draw it again. "
                "Observe it after model.eval(), or as RNN.from_torch of it."
            )
        self.random = _draws_of_now(device)

    @torch.no_grad()
    def after(self, module: Any, args: Any, kwargs: Any, output: Any) -> None:
        device = next(module.parameters()).device
        cuda = [device] if device.type == "cuda" else []
        halved = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
        with torch.random.fork_rng(cuda), torch.autocast(device.type, enabled=False):
            if self.random is not None:
                self.random()
            if self.replay is None:
                theirs, mine, trace = _ours(module, args, kwargs, output)
            else:
                theirs, mine, trace = self.replay.over(module, args, kwargs, output)
        self._verify(mine, theirs, halved or theirs.dtype)
        self.seen._add(self.paths, trace, step=self.step)

    def _verify(self, mine: Tensor, theirs: Tensor, multiplied: torch.dtype) -> None:
        """Readings that do not explain the output, within the rounding of products of this type, are those of another network."""
        precision = torch.finfo(multiplied).eps
        allowed = max(precision, TF32 if theirs.device.type != "cpu" else 0.0) ** 0.5
        mine, theirs = mine.double(), theirs.double()
        allowed *= (
            float(theirs.nan_to_num(0.0, 0.0, 0.0).abs().amax().clamp(min=1.0)) if theirs.numel() else 1.0
        )
        if mine.shape != theirs.shape or not torch.allclose(mine, theirs, 0.0, allowed, equal_nan=True):
            far = float((mine - theirs).abs().amax()) if mine.shape == theirs.shape else "another shape"
            raise RecipeError(
                f"the equations of {self.label} do not explain its output (largest difference: {far}, allowed: {allowed:.2g}). "
                "Either its class has a forward of its own, or it is so sensitive that roundings grow: try float64."
            )


def _draws_of_now(device: torch.device) -> Callable[[], None]:
    """A function that sets the random generators back to what they are now."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def back() -> None:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)

    return back


def _argument(args: Any, kwargs: Any, place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _ours(module: RNN, args: Any, kwargs: Any, output: Any) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    names = ("x", "state", "lengths", "reset")
    x, state, lengths, reset = (_argument(args, kwargs, place, name) for place, name in enumerate(names))
    x = x.to(next(module.parameters()).dtype)
    mine, _, trace = module._run(x, state, lengths, reset, readings=True, final=False)
    return output[0], mine, trace


class _Replay(RNN):
    """Our layers over the tensors of a torch module, with its dropout drawn as torch draws it."""

    packing: PackedSequence | None = None

    def over(
        self, module: Any, args: Any, kwargs: Any, output: Any
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """The module's output, ours, and the trace of a call, all batch first, or with no batch where it had none."""
        self._take(module)
        x, hx = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "hx")
        step = not isinstance(module, nn.RNNBase)
        parts = [] if hx is None else [hx] if isinstance(hx, Tensor) else list(hx)
        output = output if step and isinstance(output, Tensor) else output[0]
        lengths, self.packing = None, x if isinstance(x, PackedSequence) else None
        if self.packing is not None:
            x, lengths = pad_packed_sequence(x, batch_first=True)
            output, _ = pad_packed_sequence(output, batch_first=True)
        single = x.dim() == (1 if step else 2)
        if single:
            x, output, parts = x[None], output[None], [part.unsqueeze(-2) for part in parts]
        elif not step and self.packing is None and not module.batch_first:
            x, output = x.transpose(0, 1), output.transpose(0, 1)
        if step:
            x, output, parts = x[:, None], output[:, None], [part[None] for part in parts]
        dtype = module.weight_ih.dtype if step else module._flat_weights[0].dtype
        state = self._state([part.to(dtype) for part in parts]) if parts else None
        mine, _, trace = self._run(x.to(dtype), state, lengths, None, readings=True, final=False)
        if step:
            trace = {name: value[:, 0] for name, value in trace.items()}
        return output, mine, {name: value[0] for name, value in trace.items()} if single else trace

    def _take(self, module: Any) -> None:
        """Take the tensors that the module computes with, which are not its parameters where something is put over them."""
        self.train(module.training)
        answer_as(self, module)
        if isinstance(module, nn.RNNBase):
            self.dropout.p = module.dropout
            own = dict(zip(module._flat_weights_names, module._flat_weights))
        else:
            own = {name: getattr(module, name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        for affine, part, name in places(self, module):
            value = own.get(name)
            held: Any = affine._parameters  # a plain tensor may lie there, too
            held[part] = affine.weight.new_zeros(len(affine.weight)) if value is None else value

    def _state(self, parts: list[Tensor]) -> Any:
        """torch's (layers * directions, batch, size) as a state of ours."""
        layers: Any = self.layers
        wide = len(self.directions)
        return tuple(
            tuple(
                cell.State(*(part[depth * wide + side] for part in parts)) for side, cell in enumerate(layer)
            )
            for depth, layer in enumerate(layers)
        )

    def _drop(self, x: Tensor, *, locked: bool) -> Tensor:
        """torch masks x (time, batch, features) in that order of memory, or the rows of a packed batch."""
        if locked or not (self.training and self.dropout.p):
            return x
        if self.packing is None:
            mask: Tensor = self.dropout(x.new_ones(x.shape))
        else:
            rows, sizes, *order = self.packing
            mask, _ = pad_packed_sequence(
                PackedSequence(self.dropout(x.new_ones(len(rows), x.shape[-1])), sizes, *order)
            )
        return x * mask
