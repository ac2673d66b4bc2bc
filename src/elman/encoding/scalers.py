"""Scalers: fitted on training rows only, reversible, stored with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.core.errors import DataError

KINDS = ("standard", "min_max", "robust", "difference", "log_return", "none")
CHANGES = ("difference", "log_return")
CONSTANT = 1e-12  # a spread below this share of the largest value is rounding


@dataclass(frozen=True)
class Scaler:
    """(values - centre) / scale per column, after differences or log returns where those are asked for.

    standard: mean and deviation; min_max: to 0..1; robust: median and interquartile range (the deviation where the
    quartiles are equal, as for rain that mostly does not fall); difference and log_return: change from the row
    before (of logarithms), then standardised. NaN stays NaN; a constant column is centred and not divided.
    """

    kind: str
    centre: np.ndarray  # (columns,)
    scale: np.ndarray  # (columns,)
    level: np.ndarray  # (columns,) mean in the data's unit: stands for a value that was never seen yet

    @classmethod
    def fit(cls, kind: str, values: np.ndarray, starts: np.ndarray, train: np.ndarray) -> Scaler:
        """Fit on what `train` marks; values (rows, columns) float64 may hold NaN, which do not count.

        `starts` is True where an entity begins, so that there is no change from the row before. Both are (rows,) or
        (rows, columns) bool. Raises DataError for log returns of values that are not positive, and for a column
        without any value to learn from.
        """
        changes, begins = _changes(kind, values, starts), np.broadcast_to(_columns(starts), values.shape)
        train = np.broadcast_to(_columns(train), values.shape)
        learned = []
        # Column by column: what is worked out in between is then small beside a large table.
        for column, change, begin, use in zip(values.T, changes.T, begins.T, train.T):
            counted = np.isnan(change)
            np.greater(use, counted, out=counted)
            if kind in CHANGES:
                counted &= ~begin
            rows = change[counted]
            if not len(rows):
                least = "two values in a row" if kind in CHANGES else "one value"
                raise DataError(
                    f"the training rows of a column hold too few values for the scaler {kind!r}, which needs at least {least}; "
                    "check the column and the split."
                )
            level = rows.mean() if kind not in CHANGES else column[use & ~np.isnan(column)].mean()
            learned.append((*_learn(kind, rows), level))
        return cls(kind, *np.array(learned, np.float64).reshape(-1, 3).T)

    @classmethod
    def empty(cls) -> Scaler:
        """The scaler of no columns at all."""
        return cls("none", np.zeros(0), np.ones(0), np.zeros(0))

    @classmethod
    def joined(cls, kind: str, parts: Sequence[Scaler]) -> Scaler:
        """One scaler of all the columns of `parts`, which are of this kind."""
        columns = (
            np.concatenate([getattr(one, name) for one in parts]) for name in ("centre", "scale", "level")
        )
        return cls(kind, *columns) if parts else cls.empty()

    def transform(self, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Scaled values (rows, columns) float64; the change where an entity begins is 0.

        Raises DataError for log returns of values that are not positive.
        """
        scaled: np.ndarray = (_changes(self.kind, values, starts) - self.centre) / self.scale
        return scaled

    def inverse(self, scaled: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Forecasts (windows, horizon, columns) in the data's unit; `last` (windows, columns) is the value before them."""
        values: np.ndarray = scaled * self.scale + self.centre
        if self.kind == "difference":
            values = last[:, None] + values.cumsum(1)
        elif self.kind == "log_return":
            values = last[:, None] * np.exp(values.cumsum(1))
        return values

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        return {
            "kind": self.kind, "centre": self.centre.tolist(), "scale": self.scale.tolist(), "level": self.level.tolist(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Scaler:
        """What `to_dict` gave; where no level was stored the centre stands for it."""
        level = stored.get("level", stored["centre"])
        return cls(stored["kind"], np.array(stored["centre"]), np.array(stored["scale"]), np.array(level))


def moments(values: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (columns,) of what `counted` marks, both (rows, columns); the deviation of a constant is 1."""
    learned = [_learn("standard", column[use]) for column, use in zip(values.T, counted.T)]
    return np.array([centre for centre, _ in learned]), np.array([scale for _, scale in learned])


def _learn(kind: str, rows: np.ndarray) -> tuple[float, float]:
    """Centre and scale of a column (rows,), the scale 1 where it is constant but for rounding, whatever its unit."""
    least, most = rows.min(), rows.max()
    if kind == "none":
        return 0.0, 1.0
    if kind == "min_max":
        centre, scale = least, most - least
    elif kind == "robust":
        low, centre, high = np.percentile(rows, [25, 50, 75])
        # A normal distribution's interquartile range is 1.349 deviations.
        scale = (high - low) / 1.349 if high > low else rows.std()
    else:
        centre, scale = rows.mean(), rows.std()
    return float(centre), float(scale) if scale > CONSTANT * max(abs(least), abs(most)) else 1.0


def _columns(mask: np.ndarray) -> np.ndarray:
    return mask if mask.ndim == 2 else mask[:, None]


def _changes(kind: str, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if kind not in CHANGES:
        return values
    if kind == "log_return" and (values <= 0).any():
        raise DataError(
            f"log returns need positive values; the smallest is {np.nanmin(values):g}. Use --scaler difference."
        )
    level = np.log(values) if kind == "log_return" else values
    change = np.zeros_like(level)
    change[1:] = level[1:] - level[:-1]
    return np.where(_columns(starts), 0.0, change)
