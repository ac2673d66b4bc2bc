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
    row = np.arange(len(values))[:, None]
    begin = np.maximum.accumulate(np.where(starts[:, None], row, 0), 0)
    last = np.maximum.accumulate(np.where(present, row, -1), 0)
    before = np.concatenate([np.full_like(last[:1], -1), last[:-1]])
    filled = np.where(last >= begin, np.take_along_axis(values, np.maximum(last, 0), 0), level)
    return filled, present, before < begin
