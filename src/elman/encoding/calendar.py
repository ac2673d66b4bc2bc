"""Calendar features, known for every future step: positions on the circles of day, week and year."""

from __future__ import annotations

import numpy as np

DAY = np.timedelta64(86_400_000_000, "us")
CYCLES = {"year": 366 * DAY, "week": 7 * DAY, "day": DAY}


def cycles(span: np.timedelta64, step: np.timedelta64) -> tuple[str, ...]:
    """Which of year, week and day to read: those longer than a `step` that fit twice or more into the training rows' `span`.

    The date within a cycle that was seen only once cannot be told from a trend: in a first December it is a value never met before.
    """
    return tuple(name for name, length in CYCLES.items() if step < length and span >= 2 * length)


def calendar(time: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of the position in each named cycle: time (rows,) datetime64 -> (rows, 2 * names) float64."""
    time = time.astype("datetime64[us]")
    days = time.astype("datetime64[D]")
    positions = {
        "year": (days - time.astype("datetime64[Y]")).astype(np.float64) / 365.25,
        "week": (days.astype(np.int64) + 3) % 7 / 7,  # 1970-01-01 was a Thursday
        "day": (time - days).astype("timedelta64[us]").astype(np.float64) / DAY.astype(np.float64),
    }
    columns = [turn(2 * np.pi * positions[name]) for name in names for turn in (np.sin, np.cos)]
    return np.stack(columns, 1) if columns else np.zeros((len(time), 0))
