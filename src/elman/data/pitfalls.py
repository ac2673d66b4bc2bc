"""What commonly goes wrong in a table, looked for and named: numbers that mean "missing", and columns that know too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl

FAR, ALONE = 10, 5  # see `suspects`
SAME = 0.98  # correlation at the same step from which a covariate is the target in other clothes
LEAST = 30  # pairs below which a correlation says nothing


def suspects(values: pl.Series) -> list[tuple[float, int]]:
    """Ends of the range that look like no measurement, and how often they come: FAR interquartile ranges from the
    middle half, and ALONE times as far as the value next to them."""
    if not len(values):
        return []
    least, most = cast(float, values.min()), cast(float, values.max())
    above, below = values.filter(values > least).min(), values.filter(values < most).max()
    if above is None or above == most:  # fewer than three different values
        return []
    low, middle, high = np.quantile(values.to_numpy(), (0.25, 0.5, 0.75), method="nearest")
    if high <= low:
        return []
    found = []
    for end, beside in ((least, above), (most, below)):
        far = abs(end - middle)
        if far > FAR * (high - low) and far > ALONE * abs(cast(float, beside) - middle):
            found.append((float(end), int((values == end).sum())))
    return found


def sentinel_notes(frame: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """A line for every column with a value that comes more than once and looks like none."""
    notes = []
    for name in columns:
        for value, count in suspects(frame[name].drop_nulls()):
            if count > 1:
                notes.append(
                    f"WARNING, {name}: {value:g} comes {count:,} times, far from all others; if it means missing, "
                    f"--sentinels {value:g}"
                )
    return notes


def known_too_early(
    train: pl.DataFrame, targets: Sequence[str], known: Sequence[str], entity: str | None
) -> list[str]:
    """A line for every covariate "known in advance" that moves with a target at the very same step.

    Measured on training rows, on values and on their changes, so that neither a trend nor a season both share makes
    them alike. High and low of a day do so with its close: they are known only after it.
    """
    notes = []
    for name in known:
        for target in targets:
            alike = max(_correlation(train, target, name, entity, change) for change in (False, True))
            if alike >= SAME:
                notes.append(
                    f"WARNING, {name} moves with {target} at the same step (correlation {alike:.3f}) and is said to be known "
                    f"in advance; if it is known only afterwards, --observed {name}"
                )
    return notes


def _correlation(frame: pl.DataFrame, one: str, other: str, entity: str | None, change: bool) -> float:
    columns = [pl.col(name).cast(pl.Float64).alias(f"_{number}") for number, name in enumerate((one, other))]
    if change:
        columns = [column.diff().over(entity) if entity else column.diff() for column in columns]
    pairs = frame.select(columns).drop_nulls().to_numpy()
    if len(pairs) < LEAST or not (pairs.std(0) > 0).all():
        return 0.0
    # Of values alone a shared trend would say nothing: only changes of a level tell, so both must agree there.
    return float(abs(np.corrcoef(pairs.T)[0, 1])) if change or _steady(pairs) else 0.0


def _steady(pairs: np.ndarray) -> bool:
    """Whether the first column wanders no further than it jumps: von Neumann's ratio near that of noise."""
    jumps = float(np.square(np.diff(pairs[:, 0])).mean())
    return jumps > float(pairs[:, 0].var())
