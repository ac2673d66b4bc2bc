"""An exponential moving average of the weights, validated and kept instead of the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """w_avg = d * w_avg + (1 - d) * w (Polyak and Juditsky 1992), d ramped up as (1 + n) / (10 + n) at the start.

    Integer buffers (counters) are not averaged but taken as they are.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.count = model, decay, 0
        self.tensors = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """After an optimizer step."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        now = self.model.state_dict()
        floats = [name for name, value in now.items() if value.is_floating_point()]
        # One call for all tensors: a call each would cost small networks more than the average itself.
        torch._foreach_lerp_(
            [self.tensors[name] for name in floats], [now[name] for name in floats], 1 - decay
        )
        for name in now.keys() - floats:
            self.tensors[name].copy_(now[name])

    def load(self, tensors: dict[str, Tensor], count: int) -> None:
        """Go on from stored averages, on the device the model is on."""
        self.count = count
        for name, value in self.tensors.items():
            value.copy_(tensors[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with averaged weights; its own come back afterwards."""
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.tensors)
        try:
            yield
        finally:
            self.model.load_state_dict(own)
