"""The one view of a network that every analysis consumes, and the promise to leave the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from elman.interpretation.stepping import Stepping

MOST_VALUES = 2**24  # outputs (sequences * steps * outputs) that one pass may hold: 64 MiB of float32
NO_WEIGHTS = "There are no weights that could be shuffled, so it has no such control."
HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs", "_forward_hooks_always_called",
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """What an analysis may ask of a network; everything is batch first and differentiable.

    embed       inputs -> vectors (batch, time, size); values are their own vectors
    read        vectors, lengths -> outputs (batch, outputs): logits, a number, a flattened forecast
    read_steps  the same after every step (batch, time, outputs), or None where the network has read the end first
    trace       inputs, lengths -> gates and states by name, each (batch, time, unit)
    loss        outputs, targets -> loss of each sequence (batch,)
    asked       lengths (batch,) -> the step that each answer is about (batch,); None where it is the last one
    baseline    the vector (size,) that stands for "nothing here", or None for zeros
    labels      what the outputs are called; step_names: what the steps of one row of inputs are called
    names_next_step  whether the output after each step is the next one: a language model, whose labels are the names of all tokens
    padding     the token that stands for no step, on whichever side; None where every token is one
    ahead       outputs -> the values answered (batch, horizon, series); None where the outputs are the values themselves
    feature_names  what the entries of a vector of values are called, as far as they have names
    stepping    the network as a function of its full state, with the weights as they are now, and inputs -> what it reads
                (batch, time, features), fewer steps where it reads patches; None where it reads from the end, too
    """

    model: nn.Module
    embed: Callable[[Tensor], Tensor]
    read: Callable[[Tensor, Tensor | None], Tensor]
    read_steps: Callable[[Tensor, Tensor | None], Tensor] | None
    trace: Callable[[Tensor, Tensor | None], Mapping[str, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    baseline: Tensor | None
    labels: tuple[str, ...] = ()
    step_names: Callable[[Tensor], list[str]] | None = None
    feature_names: tuple[str, ...] = ()
    stepping: Callable[[], tuple[Stepping, Callable[[Tensor], Tensor]]] | None = None
    names_next_step: bool = False
    asked: Callable[[Tensor], Tensor] | None = None
    ahead: Callable[[Tensor], Tensor] | None = None
    padding: int | None = None

    @property
    def device(self) -> torch.device:
        """Where the network's weights are; a network without weights is on the CPU."""
        return next((weight.device for weight in self.model.parameters()), torch.device("cpu"))

    @property
    def has_weights(self) -> bool:
        """Whether there are weights to shuffle: a bare step function keeps its own where nobody can reach them."""
        return any(weight.numel() > 1 for weight in self.model.parameters())


@dataclass(frozen=True)
class Sample:
    """Some sequences of a split: inputs (batch, time, ...), lengths (batch,) or None, targets, and their rows in the split."""

    inputs: Tensor
    lengths: Tensor | None
    targets: Tensor
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def to(self, device: torch.device) -> Sample:
        """This sample with its tensors on `device`."""
        lengths = None if self.lengths is None else self.lengths.to(device)
        return Sample(self.inputs.to(device), lengths, self.targets.to(device), self.rows)

    def length(self, row: int) -> int:
        """Valid steps of one sequence."""
        return self.inputs.shape[1] if self.lengths is None else int(self.lengths[row])

    def part(self, start: int, stop: int) -> Sample:
        """Some of the sequences, cut to the longest of them."""
        lengths = None if self.lengths is None else self.lengths[start:stop]
        longest = self.inputs.shape[1] if lengths is None else int(lengths.max())
        return Sample(
            self.inputs[start:stop, :longest], lengths, self.targets[start:stop], self.rows[start:stop]
        )

    def parts(self, size: int = 64, outputs: int = 1) -> Iterator[Sample]:
        """All sequences, at most `size` at a time, fewer where `outputs` per step would need too much memory."""
        size = max(1, min(size, MOST_VALUES // max(1, self.inputs.shape[1] * outputs)))
        for start in range(0, len(self), size):
            yield self.part(start, start + size)


def one_for_each(view: View, sample: Sample) -> bool:
    """Whether there is a vector for each step: a network may read several tokens as one."""
    few = sample.part(0, 1).inputs.to(view.device)
    with torch.no_grad():
        return bool(view.embed(few).shape[1] == few.shape[1])


@contextmanager
def untouched(view: View) -> Iterator[None]:
    """Evaluation mode, weights without gradients, a random state of its own.

    Afterwards mode, requires_grad, gradients, hooks and the random state are as before, also after an error.
    """
    modules, parameters = list(view.model.modules()), list(view.model.parameters())
    modes = [module.training for module in modules]
    gradients = [(parameter.requires_grad, parameter.grad) for parameter in parameters]
    hooks = [
        (getattr(module, name), dict(getattr(module, name)))
        for module in modules
        for name in HOOKS
        if hasattr(module, name)
    ]
    with torch.random.fork_rng([view.device] if view.device.type == "cuda" else []):
        try:
            view.model.eval()
            for parameter in parameters:
                parameter.requires_grad_(False)
            yield
        finally:
            for module, training in zip(modules, modes):
                module.training = training
            for parameter, (wanted, gradient) in zip(parameters, gradients):
                parameter.requires_grad_(wanted)
                parameter.grad = gradient
            for registered, before in hooks:
                registered.clear()
                registered.update(before)


@contextmanager
def shuffled(view: View, seed: int = 0) -> Iterator[None]:
    """The network with the entries of every weight in random order; afterwards as before to the bit, also after an error."""
    draw = torch.Generator().manual_seed(seed)
    kept = [(weight, weight.detach().clone()) for weight in view.model.parameters()]
    try:
        with torch.no_grad():
            for weight, before in kept:
                order = torch.randperm(before.numel(), generator=draw).to(before.device)
                weight.copy_(before.flatten()[order].reshape(before.shape))
        yield
    finally:
        with torch.no_grad():
            for weight, before in kept:
                weight.copy_(before)
