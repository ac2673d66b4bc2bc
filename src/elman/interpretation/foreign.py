"""A view of a model that is not ours: any torch module that holds recurrent layers, or a bare step function.

The model is called as it is. Values are their own vectors. Of tokens, what the first recurrent layer reads is caught on the way in, and
other vectors are put in its place: so every analysis can enter between what makes vectors of inputs and what reads them, without knowing the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from elman.cells._own import where
from elman.core.errors import ElmanError, RecipeError
from elman.interpretation.stepping import Stepping, stepping_of
from elman.interpretation.view import View, untouched
from elman.models.observe import WATCHED, observe
from elman.models.rnn import RNN
from elman.models.torch_bridge import EXPECTED

Call = Callable[[Tensor, Tensor | None], Any]
Names = Callable[[Tensor], list[str]] | None
Loss = Callable[[Tensor, Tensor], Tensor]


class _Caught(Exception):
    """The first recurrent layer has been given its input; the rest of the model need not run."""


class _Door:
    """The way into a model behind what makes vectors of its inputs: the first recurrent layer that runs."""

    def __init__(self, model: nn.Module, call: Call, inputs: Tensor, lengths: Tensor | None) -> None:
        self.call, self.ragged, self.like = call, lengths is not None, inputs[:1]
        self.ran: list[nn.Module] = []
        found = [module for module in model.modules() if isinstance(module, WATCHED)]
        if not found:
            raise RecipeError(
                f"{type(model).__name__} has no recurrent layer; looked in it for {EXPECTED}, and elman.RNN."
            )
        handles = [
            module.register_forward_pre_hook(lambda module, _: self.ran.append(module)) for module in found
        ]
        try:
            with torch.no_grad():
                self.example = self._answer(self._tried(model, inputs))
        finally:
            for handle in handles:
                handle.remove()
        if not self.ran:
            raise RecipeError(
                f"no recurrent layer of {type(model).__name__} ran when it was called; call it through its modules."
            )
        self.layer: Any = self.ran[0]
        self.only = len({id(module) for module in self.ran}) == 1
        self.by_step = not isinstance(self.layer, (RNN, nn.RNNBase))
        self.time_first = isinstance(self.layer, nn.RNNBase) and not self.layer.batch_first
        self.at_inputs = inputs.is_floating_point() and inputs.dim() == 3 and self._slopes(inputs[:1])

    def _slopes(self, inputs: Tensor) -> bool:
        """Whether a gradient comes back to the inputs: a model may cut it off before its layers."""
        given = inputs.detach().clone().requires_grad_(True)
        try:
            with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
                answer = self._answer(self.call(given, self._full(given)))
                return torch.autograd.grad(answer.sum(), given, allow_unused=True)[0] is not None
        except RuntimeError:  # nothing that was read has a gradient, or the model will not have one
            return False

    def _tried(self, model: nn.Module, inputs: Tensor) -> Any:
        """What the call gives; RecipeError, with what the model raised, where it cannot be called so."""
        try:
            return self.call(inputs[:1], self._full(inputs[:1]))
        except ElmanError:
            raise
        except Exception as error:  # what a model does with what it reads is its own affair
            given = f"inputs {tuple(inputs.shape)}" + (" and lengths" if self.ragged else "")
            raise RecipeError(
                f"{type(model).__name__} fails with {given}: {where(error)}. Say how: time_first=True for (time, batch, ...), "
                "lengths where it wants them, or call=lambda inputs, lengths: model(inputs)."
            ) from error

    def vectors(self, inputs: Tensor) -> Tensor:
        """Inputs (batch, time, ...) -> what the layer reads (batch, time, size)."""
        caught: list[Any] = []

        def look(_: Any, args: Any) -> None:
            caught.append(args[0])
            if not self.by_step:
                raise _Caught

        try:
            with self._hook(look):
                self.call(inputs, self._full(inputs))
        except _Caught:
            pass
        if self.by_step:
            return torch.stack(caught, 1)
        if isinstance(caught[0], PackedSequence):
            return pad_packed_sequence(caught[0], batch_first=True)[0]
        return caught[0].transpose(0, 1) if self.time_first else caught[0]

    def answers(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        """The model's answer to these values, or where the layer reads these vectors: (batch, outputs), or (batch, time, outputs)."""
        if self.at_inputs:
            with torch.backends.cudnn.flags(enabled=False):
                return self._answer(self.call(vectors, self._full(vectors) if lengths is None else lengths))
        steps = iter(vectors.unbind(1))

        def put(_: Any, args: Any) -> Any:
            if self.by_step:
                return (next(steps), *args[1:])
            if isinstance(args[0], PackedSequence):
                return (_packed(vectors, lengths, args[0]), *args[1:])
            return (vectors.transpose(0, 1) if self.time_first else vectors, *args[1:])

        blank = self.like.new_zeros((*vectors.shape[:2], *self.like.shape[2:]), device=vectors.device)
        # cuDNN has no backward pass in evaluation mode.
        with self._hook(put), torch.backends.cudnn.flags(enabled=False):
            return self._answer(self.call(blank, self._full(blank) if lengths is None else lengths))

    def _full(self, inputs: Tensor) -> Tensor | None:
        """Lengths for a model that wants them: every step counts."""
        return torch.full((len(inputs),), inputs.shape[1], dtype=torch.long) if self.ragged else None

    @contextmanager
    def _hook(self, hook: Any) -> Iterator[None]:
        handle = self.layer.register_forward_pre_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    @staticmethod
    def _answer(output: Any) -> Tensor:
        """The first tensor of what a model gives."""
        while isinstance(output, (tuple, list)):
            output = output[0]
        if not isinstance(output, Tensor) or output.dim() not in (1, 2, 3):
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise RecipeError(
                f"the model gives {shape}; expected (batch,), (batch, outputs) or (batch, time, outputs) first. "
                "Say how to call it: call=lambda inputs, lengths: ..."
            )
        return output[:, None] if output.dim() == 1 else output


def view_of_module(
    model: nn.Module, inputs: Tensor, lengths: Tensor | None, call: Call, loss: Loss, labels: Sequence[str], names: Names
) -> View:  # fmt: skip
    """The view of a module that `call(inputs, lengths)` calls, inputs (batch, time, ...).

    Raises RecipeError where no recurrent layer runs when the model is called, or where what it gives is no tensor.
    """
    bare = View(model, lambda x: x, lambda x, n: x, None, lambda x, n: {}, loss, None)
    with untouched(bare):
        door = _Door(model, call, inputs, lengths)

    def read(vectors: Tensor, valid: Tensor | None) -> Tensor:
        values = door.answers(vectors, valid)
        if values.dim() == 2:
            return values
        given, told = vectors.shape[1], values.shape[1]
        last = torch.full((len(values),), told) if valid is None else -(-valid * told // given)
        return values[torch.arange(len(values), device=values.device), last.to(values.device) - 1]

    def trace(given: Tensor, valid: Tensor | None) -> dict[str, Tensor]:
        with observe(model) as seen:
            call(given, door._full(given) if valid is None else valid)
        return {name: seen[name] for name in seen}

    stepping = None
    layer = door.layer
    one_way = (
        len(layer.directions) == 1 if isinstance(layer, RNN) else not getattr(layer, "bidirectional", False)
    )
    if door.only and one_way and (isinstance(layer, RNN) or layer.bias):
        stepping = lambda: (
            stepping_of(layer if isinstance(layer, RNN) else RNN.from_torch(layer)),
            door.vectors,
        )
    every = door.example.dim() == 3 and door.example.shape[1] == inputs.shape[1]
    steps = door.answers if every else None
    embed = _as_they_are if door.at_inputs else door.vectors
    return View(model, embed, read, steps, trace, loss, None, tuple(labels), names, stepping=stepping)


def _as_they_are(inputs: Tensor) -> Tensor:
    """Values are their own vectors."""
    return inputs


def view_of_step(
    step: Callable[[Tensor, Tensor], Tensor], start: Tensor, readout: Callable[[Tensor], Tensor] | None,
    loss: Loss, labels: Sequence[str], names: Names, features: int,
) -> View:  # fmt: skip
    """The view of a bare step function: state (batch, size), input (batch, features) -> the next state.

    Without a `readout` of states (batch, size) -> (batch, outputs), the state itself is the answer.
    """

    def states(vectors: Tensor) -> Tensor:
        state, found = start.expand(len(vectors), -1), []
        for x in vectors.to(start).unbind(1):
            state = step(state, x)
            found.append(state)
        return torch.stack(found, 1)

    def read_steps(vectors: Tensor, lengths: Tensor | None) -> Tensor:
        each = states(vectors)
        return each if readout is None else readout(each.flatten(0, 1)).unflatten(0, each.shape[:2])

    def read(vectors: Tensor, lengths: Tensor | None) -> Tensor:
        values = read_steps(vectors, lengths)
        last = torch.full((len(values),), values.shape[1]) if lengths is None else lengths
        return values[torch.arange(len(values)), last - 1]

    stepping = Stepping(_exact(step, start, features), start.double(), (("state", len(start)),), features)
    return View(
        nn.Module(), lambda inputs: inputs.to(start), read, read_steps, lambda inputs, lengths: {"state": states(inputs)},
        loss, None, tuple(labels), names, stepping=lambda: (stepping, lambda inputs: inputs.to(start)),
    )  # fmt: skip


def _exact(
    step: Callable[[Tensor, Tensor], Tensor], start: Tensor, features: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """The step in float64, in which dynamics are measured, whatever numbers it keeps of its own."""
    with torch.no_grad():
        try:
            if step(start.double()[None], start.new_zeros(1, features).double()).dtype == torch.float64:
                return step
        except RuntimeError:  # weights in float32
            pass

    def exact(state: Tensor, x: Tensor) -> Tensor:
        with _Exact():
            return step(state, x)

    return exact


class _Exact(TorchFunctionMode):
    """What is computed inside is computed in float64, of tensors in float32 as well."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map_only(
            Tensor,
            lambda given: given.double() if given.dtype == torch.float32 else given,
            (args, kwargs or {}),
        )
        return function(*args, **kwargs)


def _packed(vectors: Tensor, lengths: Tensor | None, instead_of: PackedSequence) -> PackedSequence:
    """Vectors packed as the model packed its own."""
    valid = torch.full((len(vectors),), vectors.shape[1]) if lengths is None else lengths.cpu()
    if instead_of.sorted_indices is None:  # the model had sorted them itself
        valid = valid.sort(descending=True).values
    return pack_padded_sequence(
        vectors, valid, batch_first=True, enforce_sorted=instead_of.sorted_indices is None
    )
