"""Missing values: the last one seen stands in, and never one that comes later."""

from __future__ import annotations

import numpy as np


def forward(
    values: np.ndarray, starts: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The last value seen, per entity; before the first one `level` (columns,). Never looks ahead.

    `values` (rows, columns) hold NaN where there is none, `starts` (rows,) is True where an entity begins. Returns the filled
    values, True where a value was there, and True where none was seen before in its entity; all (rows, columns).
    """
    present = ~np.isnan(values)
    if present.all():
        return values, present, np.broadcast_to(starts[:, None], values.shape)
    rows = np.int32 if len(values) < 2**31 else np.int64
    row = np.arange(len(values), dtype=rows)[:, None]
    begin = np.maximum.accumulate(np.where(starts[:, None], row, rows(0)), 0)
    last = np.maximum.accumulate(np.where(present, row, rows(-1)), 0)
    filled = np.where(last >= begin, np.take_along_axis(values, np.maximum(last, 0), 0), level)
    unseen = np.ones_like(present)  # in the first row nothing was seen before
    np.less(last[:-1], begin[1:], out=unseen[1:])
    return filled, present, unseen


class Forward:
    """`forward` of a long table, some rows at a time.

    Each call is given the rows that follow those of the last, and answers with one row more, the last one before them, filled:
    changes from a row to the next are then there for every row.
    """

    def __init__(self, level: np.ndarray) -> None:
        self._level = level
        self._before = np.full((1, len(level)), np.nan)

    def __call__(self, values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values = np.concatenate([self._before, values])
        filled, present, unseen = forward(values, np.concatenate([[False], starts]), self._level)
        self._before = np.where(unseen[-1:] & ~present[-1:], np.nan, filled[-1:])
        return filled, present, unseen
