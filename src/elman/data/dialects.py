"""Text tables as programs write them: what parts the fields, whether there is a header, times in several columns."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import polars as pl

from elman.core.errors import DataError

DATE = r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\s*$"
CLOCK = r"^\s*\d{1,2}([:.])\d{2}([:.]\d{2})?( ?[AaPp][Mm])?\s*$"
NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
AGAIN = re.compile(r"(.+)_duplicated_\d+", re.DOTALL)  # what polars calls a column whose name is taken
LOOKED_AT = 2**16  # bytes that tell whether a file is a table
LEAST = 10  # lines of which a table has more
PARTS = ("year", "month", "day", "hour", "minute")  # of a time, each in a column of its own
MOMENTS = {"date", "time", "datetime", "timestamp", "date_time", "time_hour"}  # columns that say it whole


def separator_of(text: str) -> str:
    """What parts the fields: the sign seen most often in the header, a comma where there is none."""
    header = text.lstrip("\ufeff\r\n").partition("\n")[0]
    return max((",", ";", "\t", "|"), key=header.count)


def is_table(path: Path) -> bool:
    """Whether a file whose name does not say so holds a table: names in its first line, as many fields in every line, two at least.

    Commas with a space behind them are those of prose, and so are blank lines.
    """
    with open(path, "rb") as stream:
        text = stream.read(LOOKED_AT).decode("utf-8-sig", errors="replace")
    lines = text.rstrip().splitlines()
    lines = lines[: -1 if len(text) >= LOOKED_AT else None]  # the last one may be cut off
    if len(lines) < LEAST or not all(map(str.strip, lines)):
        return False
    separator = separator_of(lines[0])
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return False
    prose = separator == "," and sum(", " in line for line in lines) > len(lines) / 2
    names = [name.strip() for name in rows[0]]
    return len(names) > 1 and all(names) and not prose and all(len(row) == len(names) for row in rows)


def repeated(frame: pl.DataFrame) -> list[str]:
    """In words, each name that stands twice in a table's header, and what the later columns are called instead."""
    found: dict[str, list[str]] = {}
    for name in frame.columns:
        match = AGAIN.fullmatch(name)
        if match and match[1] in frame.columns:
            found.setdefault(match[1], []).append(name)
    return [
        f"the name {name} stands {len(others) + 1} times in the header: {name} is the first such column, then {', '.join(others)}"
        for name, others in found.items()
    ]


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
