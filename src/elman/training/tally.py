"""Training loss and gradient norm since the last validation, summed on the device: nothing waits for it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elman.training.objective import Step


class Tally:
    """Sums of many steps, in float64 where the device has it. `loss` and `norm` wait for the device and give floats."""

    def __init__(self) -> None:
        self.examples, self.clipped = 0, 0
        self._losses: Tensor | None = None
        self._norms: Tensor | None = None
        self._latest: Tensor | None = None

    def add(self, step: Step, norm: Tensor | None) -> None:
        """Count a step: its mean loss weighs as many examples as it stands for."""
        self._latest = step.loss.detach()
        if self._losses is None:
            kind = torch.float32 if self._latest.device.type == "mps" else torch.float64
            self._losses, self._norms = torch.zeros(2, dtype=kind, device=self._latest.device).unbind()
        self._losses.add_(self._latest, alpha=step.examples)
        self.examples += step.examples
        if norm is not None and self._norms is not None:
            self._norms.add_(norm.detach())
            self.clipped += 1

    def latest(self) -> float:
        """The loss of the step counted last."""
        return math.nan if self._latest is None else float(self._latest)

    def loss(self) -> float | None:
        """Mean over examples; None when no step was counted."""
        return float(self._losses) / self.examples if self._losses is not None and self.examples else None

    def norm(self) -> float | None:
        """Mean over steps of the gradient's norm before clipping; None when nothing is clipped."""
        return float(self._norms) / self.clipped if self._norms is not None and self.clipped else None
