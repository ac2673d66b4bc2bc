"""Entities that have only just begun: rows put before their first one, so that a window of their first days exists.

The rows have no target, so nothing is scored there, and a flag tells a network: the column BEGUN is 0 in them and 1 in every
row of the data.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from elman.data.contract import SeriesTable
from elman.data.derived import BEGUN
from elman.encoding.windows import Window


def opened(table: SeriesTable, window: Window, step: Any, *, always: bool = False) -> SeriesTable:
    """The table with entities of fewer rows than a window reads, before the test split, filled up ahead of their first row.

    A season of rows is what a forecast needs at least, so one begins that long after the entity. `step` is the time from a row
    to the next. Without such an entity the table stays as it is, unless `always`: then it has the flag.
    """
    if table.entity is None or BEGUN in table.frame.columns:
        return table
    ahead = window.context_length - min(max(table.season, 1), window.context_length)
    border: Any = table.borders[1]
    groups, late = [], False
    given = pl.any_horizontal(pl.col(name).is_not_null() for name in table.targets)
    if border is not None:
        given = given & (pl.col(table.time) < border)
    for group in table.frame.partition_by(table.entity, maintain_order=True):
        last: Any = group.select(given.arg_true().max()).item()
        before = 0 if last is None else last + 1
        group = group.with_columns(pl.lit(1.0).alias(BEGUN))
        if ahead and before < window.context_length:
            ahead_of = _before(group, table, ahead, step)
            group, late = pl.concat([ahead_of, group], how="diagonal").select(group.columns), True
        groups.append(group)
    if not late and not always:
        return table
    return replace(table, frame=pl.concat(groups), known=(*table.known, BEGUN))


def _before(group: pl.DataFrame, table: SeriesTable, count: int, step: Any) -> pl.DataFrame:
    """`count` rows before the first of `group`: its covariates known in advance as in that one, no values."""
    first: Any = group[table.time][0]
    stamps = [first - step * (count - k) for k in range(count)]
    rows = pl.DataFrame({table.time: pl.Series(stamps, dtype=group[table.time].dtype)})
    kept = [name for name in (table.entity, *table.known) if name]
    return rows.with_columns(
        pl.lit(group[name][0], dtype=group[name].dtype).alias(name) for name in kept
    ).with_columns(pl.lit(0.0).alias(BEGUN))


def gap(step_us: int, time: pl.Series) -> Any:
    """The time from a row to the next, as the time column counts it: a duration, or 1 for whole numbers."""
    return timedelta(microseconds=step_us) if time.dtype.is_temporal() else 1
