"""Scalers: fitted on training rows only, reversible, stored with the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.core.errors import DataError

KINDS = ("standard", "min_max", "robust", "difference", "log_return", "none")


@dataclass(frozen=True)
class Scaler:
    """(values - centre) / scale per column, after differences or log returns where those are asked for.

    standard: mean and deviation; min_max: to 0..1; robust: median and interquartile range; difference and
    log_return: change from the row before (of logarithms), then standardised. NaN stays NaN; a constant column
    is centred and not divided.
    """

    kind: str
    centre: np.ndarray  # (columns,)
    scale: np.ndarray  # (columns,)

    @classmethod
    def fit(cls, kind: str, values: np.ndarray, starts: np.ndarray, train: np.ndarray) -> Scaler:
        """Fit on rows where `train` is True; values (rows, columns) float64, `starts` (rows,) True where an entity begins.

        Raises DataError for log returns of values that are not positive.
        """
        if kind == "log_return" and np.nanmin(values, initial=np.inf) <= 0:
            raise DataError(
                f"log returns need positive values; the smallest is {np.nanmin(values):g}. Use --scaler difference."
            )
        rows = _changes(kind, values, starts)[train]
        rows = rows[~np.isnan(rows).all(1)]
        if not len(rows):
            raise DataError("the training rows hold no value at all; check the column and the split.")
        if kind == "none":
            centre, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        elif kind == "min_max":
            centre, scale = np.nanmin(rows, 0), np.nanmax(rows, 0) - np.nanmin(rows, 0)
        elif kind == "robust":
            low, centre, high = np.nanpercentile(rows, [25, 50, 75], axis=0)
            scale = (high - low) / 1.349  # a normal distribution's interquartile range in deviations
        else:
            centre, scale = np.nanmean(rows, 0), np.nanstd(rows, 0)
        return cls(kind, centre, np.where(scale > 1e-12, scale, 1.0))

    def transform(self, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Scaled values (rows, columns) float64; the first change of an entity is 0."""
        return (_changes(self.kind, values, starts) - self.centre) / self.scale

    def inverse(self, scaled: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Forecasts (windows, horizon, columns) in the data's unit; `last` (windows, columns) is the value before them."""
        values = scaled * self.scale + self.centre
        if self.kind == "difference":
            return last[:, None] + values.cumsum(1)
        if self.kind == "log_return":
            return last[:, None] * np.exp(values.cumsum(1))
        return values

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        return {"kind": self.kind, "centre": self.centre.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Scaler:
        """What `to_dict` gave."""
        return cls(stored["kind"], np.array(stored["centre"]), np.array(stored["scale"]))


def _changes(kind: str, values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if kind not in ("difference", "log_return"):
        return values
    level = np.log(values) if kind == "log_return" else values
    change = np.zeros_like(level)
    change[1:] = level[1:] - level[:-1]
    change[starts] = 0.0
    return change
