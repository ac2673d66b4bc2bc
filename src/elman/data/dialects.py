"""Text tables as programs write them: what parts the fields, whether there is a header, times in several columns."""

from __future__ import annotations

import csv
import re
from typing import Any

import polars as pl

from elman.core.errors import DataError

DATE = r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\s*$"
CLOCK = r"^\s*\d{1,2}([:.])\d{2}([:.]\d{2})?( ?[AaPp][Mm])?\s*$"
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
PARTS = ("year", "month", "day", "hour", "minute")  # of a time, each in a column of its own
MOMENTS = {"date", "time", "datetime", "timestamp", "date_time", "time_hour"}  # columns that say it whole


def separator_of(text: str) -> str:
    """What parts the fields: the sign seen most often in the header, a comma where there is none."""
    header = text.lstrip("\ufeff\r\n").partition("\n")[0]
    return max((",", ";", "\t", "|"), key=header.count)


def misfit(text: str, separator: str) -> str:
    """In words, the first row whose number of fields is not that of the header; "" where there is none."""
    rows = csv.reader(text.lstrip("\ufeff").splitlines(keepends=True), delimiter=separator)
    wanted = 0
    try:
        for row in rows:
            wanted = wanted or len(row)
            if len(row) > wanted:
                return f"line {rows.line_num} has {len(row)} fields, the header {wanted}"
    except csv.Error as error:
        return f"line {rows.line_num}: {error}"
    return ""


def named(frame: pl.DataFrame, path: Any) -> pl.DataFrame:
    """The table with its columns' names trimmed; DataError where the first line holds values and no names."""
    bare = [name.strip() for name in frame.columns]
    dates = [name for name in bare if re.match(DATE, name)]
    if all(name in dates or NUMBER.fullmatch(name) for name in bare) and (
        dates or any(re.search("[.,]", name) for name in bare)
    ):
        raise DataError(
            f"the first line of {path} holds values ({', '.join(bare[:4])}) and no names. Put a line with the names of the columns "
            "above it."
        )
    return frame.rename(dict(zip(frame.columns, bare))) if len(set(bare)) == len(bare) else frame


def joined_times(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with its times in one column: a date and the time of day beside it, or year, month, day (hour, minute).

    A time of day is put to its date, as long as dates repeat; the parts of a date become a column `date` where none says it whole.
    """
    names = frame.columns
    for date, clock in zip(names, names[1:]):
        if (
            _all(frame[date], DATE)
            and _all(frame[clock], CLOCK)
            and frame[date].n_unique() < frame.height > 2
        ):
            time = pl.col(clock).str.strip_chars().str.replace_all(".", ":", literal=True)
            whole = pl.col(date).str.strip_chars() + " " + time
            return frame.with_columns(whole.alias(date)).drop(clock)
    parts = {name.strip().lower(): name for name in names}
    if not set(PARTS[:3]) <= set(parts) or MOMENTS & set(parts):
        return frame
    given = [parts[name] for name in PARTS if name in parts]
    if not all(frame[name].dtype.is_integer() and not frame[name].null_count() for name in given):
        return frame
    whole = pl.datetime(*given) if len(given) > 3 else pl.date(*given)
    try:
        return frame.select(whole.alias("date"), pl.all())
    except pl.exceptions.PolarsError:  # parts of something else: a month 13, a year without a century
        return frame


def _all(values: pl.Series, pattern: str) -> bool:
    if values.dtype != pl.String or values.null_count():
        return False
    return bool(values.str.contains(pattern).all())
