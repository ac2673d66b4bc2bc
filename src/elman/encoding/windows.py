"""Windows over a table of series: a context before each origin, the horizon from it on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from elman.encoding.batch import Batch


@dataclass(frozen=True)
class Window:
    """`context_length` rows are read, `horizon` rows are forecast; training windows start `stride` rows apart."""

    context_length: int
    horizon: int
    stride: int = 1

    def origins(self, entity: np.ndarray, target: np.ndarray) -> np.ndarray:
        """First forecast rows: the whole horizon lies in `target` (rows,) bool and everything in one entity.

        So no window of a split reads or predicts across an entity, and no training window predicts a row of
        another split: its context and horizon both end before the border.
        """
        rows = len(entity)
        first = np.arange(self.context_length, rows - self.horizon + 1)
        same = entity[first - self.context_length] == entity[first + self.horizon - 1]
        inside = np.concatenate([[0], np.cumsum(target)])
        whole = inside[first + self.horizon] - inside[first] == self.horizon
        chosen: np.ndarray = first[same & whole]
        return chosen


class WindowFeed:
    """Feed over windows of a scaled matrix; windows are gathered when a batch asks for them, never copied before.

    features  (rows, features) float32: the series first, then `known` covariates, then observed ones
    targets   (rows, series) float32, NaN where nothing was observed
    origins   (windows,) first forecast rows
    With `independent` every series is a window of its own: series, known covariates; row = window * series + series.
    """

    def __init__(
        self, features: np.ndarray, targets: np.ndarray, origins: np.ndarray, window: Window, known: int, *,
        independent: bool = False,
    ) -> None:  # fmt: skip
        self.features, self.targets, self.origins, self.window = features, targets, origins, window
        self.known, self.independent = known, independent
        self._past = np.arange(-window.context_length, 0)
        self._ahead = np.arange(window.horizon)

    def __len__(self) -> int:
        return len(self.origins) * (self.targets.shape[1] if self.independent else 1)

    def steps(self, batch_size: int) -> int:
        """Batches in one pass."""
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """One pass over all windows; in a random order when a generator is given."""
        order = np.arange(len(self)) if shuffle is None else shuffle.permutation(len(self))
        for start in range(0, len(order), batch_size):
            yield self.take(order[start : start + batch_size])

    def take(self, rows: np.ndarray) -> Batch:
        """These windows as one batch."""
        series = self.targets.shape[1]
        if not self.independent:
            origins = self.origins[rows]
            past, ahead = origins[:, None] + self._past, origins[:, None] + self._ahead
            inputs, targets = self.features[past], self.targets[ahead]
            future = self.features[ahead, series : series + self.known] if self.known else None
        else:
            origins, column = self.origins[rows // series], rows % series
            past, ahead = origins[:, None] + self._past, origins[:, None] + self._ahead
            inputs = self.features[past, column[:, None]][..., None]
            targets = self.targets[ahead, column[:, None]][..., None]
            future = None
            if self.known:
                inputs = np.concatenate([inputs, self.features[past, series : series + self.known]], -1)
                future = self.features[ahead, series : series + self.known]
        return Batch(
            torch.from_numpy(inputs), torch.from_numpy(targets), None, rows,
            future=None if future is None else torch.from_numpy(np.ascontiguousarray(future)),
        )  # fmt: skip
