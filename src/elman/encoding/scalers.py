"""Scalers: fitted on training rows only, reversible, stored with the model."""

from __future__ import annotations

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
        train = np.broadcast_to(_columns(train), values.shape)
        rows = np.where(train, _changes(kind, values, starts), np.nan)
        if kind in CHANGES:
            rows = np.where(_columns(starts), np.nan, rows)
        if np.isnan(rows).all(0).any():
            least = "two values in a row" if kind in CHANGES else "one value"
            raise DataError(
                f"the training rows of a column hold too few values for the scaler {kind!r}, which needs at least {least}; "
                "check the column and the split."
            )
        if kind == "none":
            centre, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        elif kind == "min_max":
            centre, scale = np.nanmin(rows, 0), np.nanmax(rows, 0) - np.nanmin(rows, 0)
        elif kind == "robust":
            low, centre, high = np.nanpercentile(rows, [25, 50, 75], axis=0)
            # A normal distribution's interquartile range is 1.349 deviations.
            scale = np.where(high > low, (high - low) / 1.349, np.nanstd(rows, 0))
        else:
            centre, scale = np.nanmean(rows, 0), np.nanstd(rows, 0)
        level = np.nanmean(np.where(train, values, np.nan), 0)
        return cls(kind, centre, spread(scale, rows), level)

    @classmethod
    def empty(cls) -> Scaler:
        """The scaler of no columns at all."""
        return cls("none", np.zeros(0), np.ones(0), np.zeros(0))

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


def spread(scale: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`scale` (columns,), 1 where `rows` (rows, columns) are constant but for rounding, whatever their unit."""
    kept: np.ndarray = np.where(scale > CONSTANT * np.nanmax(np.abs(rows), 0), scale, 1.0)
    return kept


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
