"""A batch, and what feeds batches to a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Sequences that go through the network together, batch first.

    inputs   tokens (batch, time) int64, or values (batch, time, features) float32
    targets  classes (batch,) int64, numbers (batch,) float32, next tokens (batch, time) int64,
             or the future (batch, horizon, series) float32 with NaN where unknown
    lengths  valid steps (batch,) int64; None when every sequence fills the batch
    rows     position of each sequence in its split (batch,), so that output order can be restored
    start    False when this batch continues the one before it and the state is carried
    ratios   log-count ratio of each token, and of each pair where pairs are read (batch, time, 1 or 2) float32; None: the network's own
    future   covariates known in advance over the horizon (batch, horizon, known) float32, or None
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    rows: np.ndarray | None = None
    start: bool = True
    future: Tensor | None = None
    ratios: Tensor | None = None

    def to(self, device: str | torch.device) -> Batch:
        """This batch with its tensors on `device`."""

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        return replace(
            self,
            inputs=self.inputs.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            lengths=move(self.lengths),
            future=move(self.future),
            ratios=move(self.ratios),
        )

    def part(self, number: int, count: int) -> tuple[Batch, float]:
        """Every `count`-th sequence from `number` on, and what share of the batch's sequences that is.

        Where that is none, the first sequence with a share of 0: whoever holds it still takes part in the step.
        """
        total = len(self.inputs)
        mine = slice(number, None, count) if number < total else slice(0, 1)

        def cut(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[mine]

        part = replace(
            self,
            inputs=self.inputs[mine],
            targets=self.targets[mine],
            lengths=cut(self.lengths),
            rows=None if self.rows is None else self.rows[mine],
            future=cut(self.future),
            ratios=cut(self.ratios),
        )
        return part, len(part.inputs) / total if number < total else 0.0


class Feed(Protocol):
    """One split, encoded: gives batches, in order or shuffled."""

    def __len__(self) -> int:
        """Examples: sequences, windows or tokens."""

    def steps(self, batch_size: int) -> int:
        """Batches in one pass."""

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """One pass over the split; in a random order when a generator is given. The last batch is never dropped."""
