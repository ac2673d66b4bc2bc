"""Calendar features, known for every future step: positions on the circles of day, week and year."""

from __future__ import annotations

import numpy as np

DAY = np.timedelta64(86_400_000_000, "us")


def calendar(time: np.ndarray, step: np.timedelta64) -> tuple[np.ndarray, tuple[str, ...]]:
    """Sine and cosine of hour of day (for steps under a day), weekday (up to a day) and day of year.

    time (rows,) datetime64 -> (rows, features) float64 and their names.
    """
    time = time.astype("datetime64[us]")
    days = time.astype("datetime64[D]")
    positions = {"year": ((days - time.astype("datetime64[Y]")).astype(np.float64)) / 365.25}
    if step <= DAY:
        positions["week"] = (days.astype(np.int64) + 3) % 7 / 7  # 1970-01-01 was a Thursday
    if step < DAY:
        positions["day"] = (time - days).astype("timedelta64[us]").astype(np.float64) / DAY.astype(np.float64)
    columns, names = [], []
    for name, position in positions.items():
        columns += [np.sin(2 * np.pi * position), np.cos(2 * np.pi * position)]
        names += [f"sin {name}", f"cos {name}"]
    return np.stack(columns, 1), tuple(names)
