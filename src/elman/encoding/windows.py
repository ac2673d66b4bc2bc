"""Windows over a table of series: a context before each origin, the horizon from it on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from elman.core.errors import DataError, RecipeError
from elman.encoding.batch import Batch

ROWS = 2**20  # that are looked at together


@dataclass(frozen=True)
class Window:
    """`context_length` rows are read, `horizon` rows are forecast; training windows start `stride` rows apart."""

    context_length: int
    horizon: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise RecipeError(f"{name}={value} is no number of steps; expected 1 or more.")

    def origins(self, entity: np.ndarray, target: np.ndarray) -> np.ndarray:
        """First forecast rows: the whole horizon lies in `target` (rows,) bool and everything in one entity.

        So no window of a split reads or predicts across an entity, and no training window predicts a row of
        another split: its context and horizon both end before the border.
        """
        first, last = self.context_length, self.context_length + self.horizon
        if len(entity) < last:
            return np.zeros(0, np.int32)
        whole = np.int32 if len(entity) < 2**31 else np.int64
        chosen = []
        for start in range(0, len(entity) - last + 1, ROWS):
            stop = min(start + ROWS, len(entity) - last + 1)
            same = entity[start:stop] == entity[start + last - 1 : stop + last - 1]
            inside = np.concatenate([[0], np.cumsum(target[start + first : stop + last - 1])])
            same &= inside[self.horizon :] - inside[: -self.horizon] == self.horizon
            chosen.append((np.flatnonzero(same) + start + first).astype(whole))
        return np.concatenate(chosen)


class WindowFeed:
    """Feed over windows of a scaled matrix; windows are gathered when a batch asks for them, never copied before.

    features  (rows, features) float32: the series first, then `known` covariates, then observed ones
    targets   (rows, series) float32, NaN where nothing was observed
    origins   (windows,) first forecast rows
    Batches are inputs (batch, context, features), targets (batch, horizon, series) and, where there are known
    covariates, future (batch, horizon, known). With `independent` every series is a window of its own, with the known
    covariates and without the observed ones: inputs (batch, context, 1 + known), targets (batch, horizon, 1), and row =
    window * series + series. Raises DataError where there is no window at all.
    """

    def __init__(
        self, features: np.ndarray, targets: np.ndarray, origins: np.ndarray, window: Window, known: int, *,
        independent: bool = False,
    ) -> None:  # fmt: skip
        self.features, self.targets, self.origins, self.window = features, targets, origins, window
        self.known, self.independent = known, independent
        context, horizon = window.context_length, window.horizon
        if not len(origins):
            raise DataError(
                f"no window fits: {len(features):,} rows, context {context}, horizon {horizon} "
                f"(needs {context + horizon} rows in a row). Use a shorter context or horizon, or more rows."
            )
        series = targets.shape[1]
        # A window of a row-major matrix is one run of memory; so is that of one series when series are laid end to end.
        values = features[:, :series].T.reshape(-1, 1) if independent else features
        future = targets.T.reshape(-1, 1) if independent else targets
        covariates = features[:, series : series + known]
        # Row k of each is of the window whose context begins in row k, so that one index picks from all.
        self._past, self._ahead = _runs(values, context), _runs(future, horizon)[context:]
        self._known_past, self._known_ahead = _runs(covariates, context), _runs(covariates, horizon)[context:]

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
        context, horizon, count = self.window.context_length, self.window.horizon, len(rows)
        series = self.targets.shape[1]
        begin = self.origins[rows // series if self.independent else rows] - context
        places = torch.from_numpy(begin)
        each = torch.from_numpy(begin + rows % series * len(self.features)) if self.independent else places
        inputs = self._past.index_select(0, each).view(count, context, -1)
        targets = self._ahead.index_select(0, each).view(count, horizon, -1)
        future = None
        if self.known:
            future = self._known_ahead.index_select(0, places).view(count, horizon, -1)
            if self.independent:
                past = self._known_past.index_select(0, places).view(count, context, -1)
                inputs = torch.cat([inputs, past], -1)
        return Batch(inputs, targets, None, rows, future=future)


def _runs(matrix: np.ndarray, length: int) -> torch.Tensor:
    """A view (rows - length + 1, length * columns): row k is the rows k .. k + length - 1 of `matrix`, flat.

    Picking rows of it copies runs of memory, many times faster than picking (row, step) pairs of the matrix.
    """
    rows, columns = matrix.shape
    flat = torch.from_numpy(np.ascontiguousarray(matrix))
    return flat.as_strided((max(0, rows - length + 1), length * columns), (columns, 1))
