"""Series of unequal length to features: scaled by training rows, missing values filled and flagged, long ones cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.encoding.gaps import forward
from elman.encoding.scalers import Scaler
from elman.encoding.text import Cut


@dataclass(frozen=True)
class ValueEncoder:
    """What was learned from the training series (time, channels), and how long ones are cut.

    Features of a step: its channels, scaled; then a flag for each of the `flagged` channels, those with gaps in training, that is 1
    where the value is missing. A missing value is the last one before it in its series, or the training mean where there is none.
    """

    channels: tuple[str, ...]
    scaler: Scaler
    flagged: tuple[int, ...]
    cut: Cut

    @classmethod
    def fit(
        cls, sequences: Sequence[np.ndarray], channels: tuple[str, ...], options: EncodingOptions
    ) -> ValueEncoder:
        """Fit the scaler on training series.

        Raises DataError where there is none, or no value in a channel; RecipeError for a length that is none.
        """
        if options.max_length is not None and options.max_length < 1:
            raise RecipeError(f"max_length={options.max_length} leaves nothing to read; expected 1 or more.")
        if not len(sequences):
            raise DataError("the training split holds no series; expected one at least.")
        flat, starts = _joined(sequences)
        if flat.shape[1] != len(channels):
            raise DataError(f"the series have {flat.shape[1]} channels, and {len(channels)} names for them.")
        empty = [name for name, column in zip(channels, np.isnan(flat).all(0)) if column]
        if empty:
            raise DataError(
                f"{', '.join(empty)} has no value in the {len(sequences):,} training series, so nothing can be learned from it. "
                "Leave that channel out."
            )
        filled, present, first = forward(flat, starts, np.full(len(channels), np.nan))
        scaler = Scaler.fit(options.scaler or "standard", filled, first, present)
        flagged = tuple(int(number) for number in np.flatnonzero(~present.all(0)))
        return cls(channels, scaler, flagged, Cut(options.max_length, options.keep))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What a network reads of a step, by name."""
        return (*self.channels, *(f"{self.channels[number]} was missing" for number in self.flagged))

    @property
    def features(self) -> int:
        """Features of a step."""
        return len(self.feature_names)

    def encode(self, sequence: np.ndarray) -> np.ndarray:
        """Features (time, features) float32 of one series (time, channels)."""
        return self.encode_many([sequence])[0]

    def encode_many(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`encode` for many series. Raises DataError for one with other channels, with no step, or with an infinite value."""
        for number, values in enumerate(sequences):
            if values.ndim != 2 or values.shape[1] != len(self.channels):
                raise DataError(
                    f"series {number + 1} has the shape {values.shape}; expected (steps, {len(self.channels)}), the channels "
                    f"{', '.join(self.channels[:6])}{' ...' * (len(self.channels) > 6)}."
                )
            if not len(values):
                raise DataError(f"series {number + 1} has no step; a network reads at least one.")
        if not len(sequences):
            return []
        flat, starts = _joined(sequences)
        if np.isinf(flat).any():
            raise DataError("a series holds an infinite value; write NaN where a value is missing.")
        filled, present, first = forward(flat, starts, self.scaler.level)
        scaled = self.scaler.transform(filled, first)
        whole = np.concatenate([scaled, ~present[:, self.flagged]], 1).astype(np.float32)
        return [self.cut(part) for part in np.split(whole, np.flatnonzero(starts)[1:])]

    def summary(self) -> str:
        """One line: channels, scaler, gaps, cut."""
        part = "both ends" if self.cut.keep == "both" else f"their {self.cut.keep}"
        cut = (
            f"longer series keep {part} ({self.cut.max_length} steps)"
            if self.cut.max_length
            else "nothing is cut"
        )
        gaps = f"; {len(self.flagged)} with missing values, filled and flagged" if self.flagged else ""
        return (
            f"series: {len(self.channels)} channels{gaps}; scaler: {self.scaler.kind}, fitted on training series; {cut}; "
            "padding on the right, not read"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        return {
            "channels": list(self.channels), "scaler": self.scaler.to_dict(), "flagged": list(self.flagged),
            "cut": asdict(self.cut),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> ValueEncoder:
        """What `to_dict` gave."""
        return cls(
            tuple(stored["channels"]), Scaler.from_dict(stored["scaler"]), tuple(stored["flagged"]), Cut(**stored["cut"])
        )  # fmt: skip


def _joined(sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All steps (rows, channels) float64, and True where a series begins (rows,)."""
    flat = np.concatenate(sequences).astype(np.float64)
    starts = np.zeros(len(flat), bool)
    starts[np.cumsum([0, *map(len, sequences[:-1])])] = True
    return flat, starts
