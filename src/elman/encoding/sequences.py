"""Ragged sequences of tokens or of values with one target each: buckets of like length, padded to the longest of the batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from elman.core.errors import DataError
from elman.encoding.batch import Batch

POOL = 100  # batches that are sorted by length together: enough to waste little (IMDB: 4%), few enough to stay random


def restore(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` (n, ...), one for each of `rows` (n,) as batches gave them, back in the order of the split."""
    return values[np.argsort(rows, kind="stable")]


class SequenceFeed:
    """Feed over `sequences`, int32 (length,) or float32 (length, features), and `targets` (n,), classes int64 or numbers, given as float32.

    Nothing is ever dropped; `restore` with the `rows` of the batches gives the original order. Raises DataError for
    an empty sequence, or where sequences and targets are not equally many. `ratios` (length, orders) of each sequence go along with it.
    """

    def __init__(
        self,
        sequences: list[np.ndarray],
        targets: np.ndarray,
        padding: str = "right",
        ratios: list[np.ndarray] | None = None,
    ) -> None:
        if len(sequences) != len(targets):
            raise DataError(
                f"{len(sequences):,} sequences but {len(targets):,} targets; expected one for each."
            )
        self.lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        if not self.lengths.all():
            raise DataError(
                f"sequence {int(self.lengths.argmin())} is empty; a network reads at least one step. Drop it, or give it <unk>."
            )
        floating = np.issubdtype(targets.dtype, np.floating)
        self.targets, self.padding = targets.astype(np.float32) if floating else targets, padding
        self._flat = np.concatenate(sequences) if sequences else np.zeros(0, np.int32)
        self._ratios = None if ratios is None else np.concatenate(ratios)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])

    def __len__(self) -> int:
        return len(self.lengths)

    def steps(self, batch_size: int) -> int:
        """Batches in one pass."""
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """One pass, batches of nearly equal length; random when a generator is given, else shortest first."""
        for rows in self._groups(batch_size, shuffle):
            yield self.take(rows)

    def take(self, rows: np.ndarray) -> Batch:
        """These sequences as one batch: inputs (batch, longest) int64, or (batch, longest, features) float32; 0 where padded."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        step = np.arange(longest)
        offset = step - (longest - lengths)[:, None] if self.padding == "left" else step[None]
        valid = (offset >= 0) & (offset < lengths[:, None])
        index = np.where(valid, self._starts[rows][:, None] + offset, 0)
        tokens = self._flat.ndim == 1
        inputs = self._flat[index] * (valid if tokens else valid[..., None])
        inputs = inputs.astype(np.int64 if tokens else np.float32, copy=False)
        # Left padding puts the tokens at the end, so every sequence is read to the last step.
        ends = np.full_like(lengths, longest) if self.padding == "left" else lengths
        ratios = None if self._ratios is None else torch.from_numpy(self._ratios[index] * valid[..., None])
        targets = torch.from_numpy(self.targets[rows])
        return Batch(torch.from_numpy(inputs), targets, torch.from_numpy(ends), rows, ratios=ratios)

    def waste(self, batch_size: int, shuffle: np.random.Generator | None = None) -> float:
        """Share of steps in one pass that are padding."""
        total = sum(len(rows) * int(self.lengths[rows].max()) for rows in self._groups(batch_size, shuffle))
        return 1 - float(self.lengths.sum()) / max(1, total)

    def _groups(self, batch_size: int, shuffle: np.random.Generator | None) -> list[np.ndarray]:
        if shuffle is None:
            order = np.argsort(self.lengths, kind="stable")
            return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        order = shuffle.permutation(len(self))
        groups = []
        for start in range(0, len(order), batch_size * POOL):
            pool = order[start : start + batch_size * POOL]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            groups += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
        return [groups[index] for index in shuffle.permutation(len(groups))]
