"""Bootstrap intervals: plain for independent examples, circular blocks for series and streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elman.core.results import Value


@dataclass(frozen=True)
class Resamples:
    """The same resampled examples for every model, so that differences are paired.

    Blocks of `block` neighbours are drawn with replacement and wrap round (Politis and Romano 1992); block 1 is the plain bootstrap
    (Efron 1979). With `groups`, the number of the group of each example, whole groups are drawn: examples of a group hang together
    (the cluster bootstrap, Davison and Hinkley 1997, section 3.8).
    """

    starts: np.ndarray  # (draws, blocks)
    block: int
    count: int
    groups: np.ndarray | None = None  # (examples,) from 0 to count - 1

    @classmethod
    def draw(
        cls, count: int, draws: int, block: int, seed: int, groups: np.ndarray | None = None
    ) -> Resamples:
        """`draws` resamples of `count` examples."""
        if groups is not None:
            numbers, groups = np.unique(groups, return_inverse=True)
            count, block = len(numbers), 1
        block = max(1, min(block, count // 2 or 1))
        blocks = -(-count // block)
        return cls(np.random.default_rng(seed).integers(0, count, (draws, blocks)), block, count, groups)

    def means(self, values: np.ndarray) -> np.ndarray:
        """The mean of `values` (count,) over each resample (draws,); NaN values are left out."""
        known = ~np.isnan(values)
        sums = self._windows(np.where(known, values, 0.0))
        counts = self._windows(known.astype(np.float64))
        totals = np.array([[sums[row].sum(), counts[row].sum()] for row in self.starts])
        means: np.ndarray = totals[:, 0] / np.maximum(totals[:, 1], 1)
        return means

    def _windows(self, values: np.ndarray) -> np.ndarray:
        """Sum of the block that begins at each example, wrapped; of each group where there are groups."""
        if self.groups is not None:
            return np.bincount(self.groups, values, self.count)
        if self.block == 1:
            return values
        around = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: self.block]]))])
        windows: np.ndarray = around[self.block : self.block + self.count] - around[: self.count]
        return windows


def interval(draws: np.ndarray, value: float) -> Value:
    """The value with the 2.5 and 97.5 percentiles of its resamples."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return Value(value, float(low), float(high))


def p_value(differences: np.ndarray) -> float:
    """Two-sided bootstrap p-value of a difference of 0; 1 where no resample differs."""
    share = min(float((differences <= 0).mean()), float((differences >= 0).mean()))
    return min(1.0, 2 * share + 1 / len(differences))
