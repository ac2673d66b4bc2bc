"""What the rivals for labelled series share: gaps filled, units taken off, and a few numbers that sum a series up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elman.data.contract import SplitName
from elman.encoding.gaps import forward
from elman.evaluation.contract import ValueProblem


@dataclass(frozen=True)
class Scaled:
    """Series in training deviations from the training mean of each channel, gaps filled with the value before."""

    mean: np.ndarray  # (channels,)
    std: np.ndarray  # (channels,)

    @classmethod
    def fit(cls, problem: ValueProblem) -> Scaled:
        """From the training split; a channel without any value has mean 0."""
        flat = np.concatenate(problem.splits["train"].values).astype(np.float64)
        seen = ~np.isnan(flat)
        count = np.maximum(1, seen.sum(0))
        mean = np.where(seen, flat, 0.0).sum(0) / count
        std = np.sqrt((np.where(seen, flat - mean, 0.0) ** 2).sum(0) / count)
        return cls(mean, np.where(std > 0, std, 1.0))

    def __call__(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Each series (time, channels) float64."""
        found = []
        for values in sequences:
            starts = np.arange(len(values)) == 0
            filled, _, _ = forward(values.astype(np.float64), starts, self.mean)
            found.append((filled - self.mean) / self.std)
        return found


def summaries(problem: ValueProblem, split: SplitName, scaled: Scaled) -> np.ndarray:
    """Of each channel mean, deviation, first, last and slope over the series; the length, and the share of missing values: (n, features)."""
    rows = []
    for raw, values in zip(problem.splits[split].values, scaled(problem.splits[split].values)):
        time = np.linspace(-1, 1, len(values)) if len(values) > 1 else np.zeros(1)
        slope = time @ values / max(float(time @ time), 1e-12)
        parts = [values.mean(0), values.std(0), values[0], values[-1], slope, [np.log(len(values))]]
        rows.append(np.concatenate([*parts, [np.isnan(raw).mean()]]))
    return np.stack(rows)
