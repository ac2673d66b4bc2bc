"""The one view of a network that every analysis consumes, and the promise to leave the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class View:
    """What an analysis may ask of a network; everything is batch first and differentiable.

    embed       inputs -> vectors (batch, time, size); values are their own vectors
    read        vectors, lengths -> outputs (batch, outputs): logits, a number, a flattened forecast
    read_steps  the same after every step (batch, time, outputs), or None where the network has read the end first
    trace       inputs, lengths -> gates and states by name, each (batch, time, unit)
    loss        outputs, targets -> loss of each sequence (batch,)
    baseline    the vector (size,) that stands for "nothing here", or None for zeros
    labels      what the outputs are called; step_names: what the steps of one row of inputs are called
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


@dataclass(frozen=True)
class Sample:
    """Some sequences of a split: inputs (batch, time, ...), lengths (batch,) or None, targets, and their rows in the split."""

    inputs: Tensor
    lengths: Tensor | None
    targets: Tensor
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, start: int, stop: int) -> Sample:
        """Some of the sequences, cut to the longest of them."""
        lengths = None if self.lengths is None else self.lengths[start:stop]
        longest = self.inputs.shape[1] if lengths is None else int(lengths.max())
        return Sample(
            self.inputs[start:stop, :longest], lengths, self.targets[start:stop], self.rows[start:stop]
        )

    def parts(self, size: int = 64) -> Iterator[Sample]:
        """All sequences, `size` at a time, so that memory stays bounded."""
        for start in range(0, len(self), size):
            yield self.part(start, start + size)


@contextmanager
def untouched(view: View) -> Iterator[None]:
    """Evaluation mode; afterwards mode, gradients, requires_grad and the random state are as before, also after an error."""
    modes = [(module, module.training) for module in view.model.modules()]
    parameters = [(p, p.requires_grad, p.grad) for p in view.model.parameters()]
    random = torch.get_rng_state()
    view.model.eval()
    for parameter, _, _ in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, wanted, gradient in parameters:
            parameter.requires_grad_(wanted)
            parameter.grad = gradient
        torch.set_rng_state(random)
