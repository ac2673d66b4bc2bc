"""Series to be judged: from a `.ts` file, a table with a row for each step, or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.core.errors import DataError
from elman.data import ts_file
from elman.data.download import local, read_text
from elman.data.table import column, read_table

APART = "series"  # the column of a table that tells series apart


def read_values(source: Any, channels: Sequence[str]) -> tuple[list[Any], list[np.ndarray]]:
    """Names of the series (their numbers from 0 where they have none), and the series (time, channels) float32.

    A table has a column for each channel and, where it holds several series, one called `series`; the columns of channels
    that never had names are taken in order. Raises DataError for what does not fit the channels.
    """
    if isinstance(source, pl.DataFrame):
        return _table(source, channels, "the table")
    if isinstance(source, (str, Path)):
        path = local(str(source))
        if path.is_dir():
            raise DataError(f"{path} is a folder; give one .ts file, or a table with a row for each step.")
        if ts_file.is_ts(path):
            return _arrays(ts_file.parse(read_text(path), str(path)).values, channels, str(path))
        return _table(read_table(path), channels, str(path))
    given = [source] if isinstance(source, np.ndarray) and source.ndim == 2 else list(source)
    if any(isinstance(one, str) for one in given):
        raise DataError(
            f"this run reads series of {len(channels)} channels, not texts: give a .ts file, a table with a row for each step, or "
            "arrays (time, channels)."
        )
    return _arrays([np.asarray(one) for one in given], channels, "the input")


def _arrays(
    given: Sequence[np.ndarray], channels: Sequence[str], where: str
) -> tuple[list[Any], list[np.ndarray]]:
    if not given:
        raise DataError(f"{where} holds no series to predict.")
    found = []
    for number, values in enumerate(given):
        values = values[:, None] if values.ndim == 1 and len(channels) == 1 else values
        if values.ndim != 2 or values.shape[1] != len(channels) or not len(values):
            raise DataError(
                f"series {number} of {where} has the shape {values.shape}; this run reads (steps, {len(channels)}), the channels "
                f"{', '.join(channels[:6])}{' ...' * (len(channels) > 6)}."
            )
        found.append(values.astype(np.float32))
    return list(range(len(found))), found


def _table(frame: pl.DataFrame, channels: Sequence[str], where: str) -> tuple[list[Any], list[np.ndarray]]:
    others = [name for name in frame.columns if name != APART]
    unnamed = all(name == f"channel {number + 1}" for number, name in enumerate(channels))
    wanted = (
        others
        if unnamed and not set(channels) <= set(others) and len(others) == len(channels)
        else [column(frame, name, where) for name in channels]
    )
    for name in wanted:
        if not frame[name].dtype.is_numeric():
            raise DataError(f"column {name!r} of {where} holds {frame[name].dtype}; expected numbers.")
    groups = frame.partition_by(APART, maintain_order=True) if APART in frame.columns else [frame]
    names = [group[APART][0] for group in groups] if APART in frame.columns else [0]
    arrays = [group.select(pl.col(name).cast(pl.Float32) for name in wanted).to_numpy() for group in groups]
    return names, [np.array(one, np.float32) for one in arrays]
