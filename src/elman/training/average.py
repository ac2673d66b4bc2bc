"""An exponential moving average of the weights, validated and kept instead of the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """w_avg = d * w_avg + (1 - d) * w (Polyak and Juditsky 1992), d ramped up as (1 + n) / (10 + n) at the start."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.count = decay, 0
        self.tensors = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: nn.Module) -> None:
        """After an optimizer step."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                self.tensors[name].lerp_(value, 1 - decay) if value.is_floating_point() else self.tensors[
                    name
                ].copy_(value)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """The model with averaged weights; its own come back afterwards."""
        own: dict[str, Tensor] = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.tensors)
        try:
            yield
        finally:
            model.load_state_dict(own)
