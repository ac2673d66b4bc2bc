"""Time stamps as people write them: dates in many forms, months, quarters, weeks, seconds since 1970; and the season of a step."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from elman.core.errors import DataError

LOOKED_AT = 20  # values that tell of which kind a column is; all of them are then read
WIDE = (pl.Int128, pl.UInt128)  # whole numbers that NumPy has no type for
CLOCK = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
NUMBERS = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1(\d{4}|\d{2})\b"
)  # a day and a month, in one order or the other
WORDS = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y", "%a %d %b %Y", "%a, %d %b %Y")
MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%m.%Y", "%b %Y", "%Y %b", "%Y-%b", "%b-%Y", "%b-%y", "%b %y")
# As German writes them; those of English are among them.
GERMAN = {
    "Jan": "jan(?:uar)?|j(?:ä|ae)n(?:ner)?", "Feb": "feb(?:ruar|er)?", "Mar": "m(?:ä|ae)r(?:z)?|mrz", "Apr": "apr(?:il)?", "May": "mai",
    "Jun": "juni?", "Jul": "juli?", "Aug": "aug(?:ust)?", "Sep": "sept?(?:ember)?", "Oct": "okt(?:ober)?", "Nov": "nov(?:ember)?",
    "Dec": "dez(?:ember)?",
}  # fmt: skip
QUARTER = re.compile(r"(\d{4})[ -]?[qQ]([1-4])|[qQ]([1-4])[ -]?(\d{4})")
WEEK = re.compile(r"\d{4}-?W\d{2}")
DIGITS = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(\D|$)|\d{8}(\D|$)")
# Whole numbers that are moments: from 1973 to 2128 in seconds, milli-, micro- and nanoseconds since 1970.
EPOCHS = tuple((10**8 * size, 5 * 10**9 * size, 10**9 // size) for size in (1, 10**3, 10**6, 10**9))
# Steps in the main season, by the length of a step: a day of minutes or hours, a week of days, a year of the rest.
SEASONS = (
    (timedelta(hours=12), timedelta(days=1)),
    (timedelta(days=2), timedelta(days=7)),
    (timedelta(days=400), timedelta(days=364)),
)


def season_of(step: Any, days: tuple[int, ...] | None = None) -> int:
    """Steps in the main season of series with this step; 1 where the step is no time. `days` are the weekdays that have rows, where not all do."""
    if not isinstance(step, timedelta):
        return 1
    if days is not None:
        return len(days)
    for limit, season in SEASONS:
        if step <= limit:
            return max(1, round(season / step))
    return 1


def read_stamps(values: pl.Series) -> pl.Series | None:
    """The column as Date or as Datetime in UTC without a zone; None where it holds no times.

    Days and months in two digits are taken in the order under which the steps are the more even. Raises DataError where
    either order gives even steps.
    """
    if values.dtype == pl.String:
        found = _from_text(values.str.strip_chars())
    elif values.dtype.is_integer() or values.dtype.is_float():
        found = _from_numbers(values)
    else:
        found = values if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime) else None
    if found is None or found.null_count() > values.null_count() or found.null_count() == len(found):
        return None
    if isinstance(found.dtype, pl.Datetime):
        if found.dtype.time_zone:
            found = found.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        found = found.cast(pl.Datetime("us"))
    return found.alias(values.name)


def steps_of(stamps: pl.Series) -> np.ndarray | None:
    """The steps (rows - 1,) from each row to the next, in the unit that the column counts in; None for what does not count.

    Of a column without nulls this needs no copy of a long table's times.
    """
    counts = stamps.to_physical()
    if counts.dtype in WIDE or not counts.dtype.is_signed_integer() or counts.null_count():
        return None
    return np.diff(counts.to_numpy())


def rising(stamps: pl.Series) -> bool:
    """Whether every time comes after the one of the row before."""
    steps = steps_of(stamps)
    return steps is not None and bool((steps > 0).all())


def year_first(values: pl.Series) -> pl.Series | None:
    """A column of text in which days come as 2024-01-31, of one reading alone, as times; None for any other."""
    seen = values.drop_nulls()[:LOOKED_AT].to_list()
    return read_stamps(values) if seen and all(re.match(r"\s*\d{4}[-/]\d", one) for one in seen) else None


def starts_with_dates(values: pl.Series) -> bool:
    """Whether the first values of a column of text are times, whatever comes after them."""
    seen = values.drop_nulls()[:LOOKED_AT]
    try:
        return read_stamps(seen) is not None
    except DataError:  # in two orders, even
        return True


def first_other(values: pl.Series) -> int | None:
    """The first row (from 0) that is no time in a column of text that starts with times; None where there is none such."""
    if values.dtype != pl.String or not starts_with_dates(values):
        return None
    rows = values.is_not_null().arg_true()
    low, high = (
        min(LOOKED_AT, len(rows)),
        len(rows),
    )  # the first `low` values are times, of the first `high` one is not
    with suppress(DataError):
        if read_stamps(values) is not None:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (
                (middle, high) if read_stamps(values.drop_nulls()[:middle]) is not None else (low, middle)
            )
        return int(rows[high - 1])
    return None


def _from_text(text: pl.Series) -> pl.Series | None:
    seen = text.drop_nulls()[:LOOKED_AT].to_list()
    if not seen or not re.search(r"\d", seen[0]):
        return None
    if all(map(DIGITS.match, seen)):
        dates = _whole(text, ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"), day=True)
        return dates if dates is not None else _iso(text)
    if all(map(NUMBERS.match, seen)):
        return _day_and_month(text, seen[0])
    if all(map(QUARTER.fullmatch, seen)):
        month = (text.str.extract(r"[qQ]([1-4])").cast(pl.Int8, strict=False) - 1) * 3 + 1
        first = text.str.extract(r"(\d{4})") + "-" + month.cast(pl.String) + "-1"
        return first.str.to_date("%Y-%m-%d", strict=False)
    if all(map(WEEK.fullmatch, seen)):
        return (text.str.replace("-?W", "-W") + "-1").str.to_date("%G-W%V-%u", strict=False)
    found = _named_months(text)
    if found is None and _named_months(_in_english(text.drop_nulls()[:LOOKED_AT])) is not None:
        found = _named_months(_in_english(text))
    return found


def _named_months(text: pl.Series) -> pl.Series | None:
    """31 Jan 2024 and its like, with a time of day or without; Jan 2024."""
    forms = [form.replace("%b", name) for form in WORDS for name in ("%b", "%B")]
    days = _whole(text, [form + clock for form in forms for clock in CLOCK])
    if days is not None:
        return days
    forms = [form.replace("%b", name) for form in MONTHS for name in ("%b", "%B")]
    return _whole("1 " + text, [f"%d {form}" for form in forms], day=True)


def _in_english(text: pl.Series) -> pl.Series:
    """1. März 2024 as 1 Mar 2024."""
    text = text.str.replace(r"^(\d{1,2})\.\s*", "${1} ")
    for month, german in GERMAN.items():
        text = text.str.replace(rf"(?i)\b(?:{german})\b\.?", month)
    return text


def _whole(text: pl.Series, forms: Any, day: bool = False) -> pl.Series | None:
    """The first form that reads every value; the first values alone decide whether to try."""
    head = text.drop_nulls()[:LOOKED_AT]
    for form in forms:
        dated = day or ("%H" not in form and "%I" not in form)
        for part in (head, text):
            found = (
                part.str.to_date(form, strict=False) if dated else part.str.to_datetime(form, strict=False)
            )
            # A year in two digits passes for one in four: "Jan 20 24".
            if found.null_count() > part.null_count() or (found.dt.year() < 1000).any():
                break
        else:
            return found
    return None


def _iso(text: pl.Series) -> pl.Series | None:
    """2024-01-31T13:00 and its like, with seconds, fractions and zones; different zones in one column, too."""
    if text.drop_nulls().str.contains(r"(Z|[+-]\d{2}:?\d{2})$").all():
        zoned = text.str.replace(r"\s*Z$", "+00:00").str.replace(r"^(\S+) ", "${1}T")
        for clock in ("%H:%M:%S%.f", "%H:%M"):
            found = zoned.str.to_datetime(f"%Y-%m-%dT{clock}%#z", strict=False, time_zone="UTC")
            if found.null_count() == text.null_count():
                return found
        return None
    plain = text.str.replace_all("/", "-").str.replace(r"^(\d{4}-\d+-\d+)[T ]+", "${1} ")
    return _whole(plain, [f"%Y-%m-%d{clock}" for clock in CLOCK[1:]])


def _day_and_month(text: pl.Series, first: str) -> pl.Series | None:
    match = NUMBERS.match(first)
    assert match is not None
    sign, year = match[1], "%Y" if len(match[2]) == 4 else "%y"
    orders = ("%d", "%m"), ("%m", "%d")
    readings = [
        _whole(text.str.replace("T", " "), [sign.join((*order, year)) + clock for clock in CLOCK])
        for order in (orders[:1] if sign == "." else orders)
    ]
    both = [one for one in readings if one is not None]
    if len(both) < 2 or both[0].equals(both[1]):
        return both[0] if both else None
    even = [_evenness(one) for one in both]
    if even[0] == even[1]:
        raise DataError(
            f"column {text.name!r}: {first!r} reads as day{sign}month and as month{sign}day, and both give even steps. "
            "Write dates as 2024-01-31."
        )
    return both[int(even[1] > even[0])]


def _evenness(stamps: pl.Series) -> tuple[float, bool]:
    """The share of the steps between different stamps that are the most frequent one, months counted as one length."""
    steps = stamps.drop_nulls().unique().sort().diff().drop_nulls()
    if not len(steps):
        return 0.0, False
    days = steps.dt.total_days()
    monthly = days.is_between(28, 31).mean() or 0.0
    most = steps.value_counts()["count"].max() or 0
    ordered = stamps.drop_nulls()
    return round(max(float(most) / len(steps), float(monthly)), 2), ordered.is_sorted()  # type: ignore[arg-type]


def _from_numbers(values: pl.Series) -> pl.Series | None:
    whole = values.drop_nulls()
    if not len(whole) or (
        whole.dtype.is_float() and not (whole.is_finite().all() and (whole % 1 == 0).all())
    ):
        return None
    low, high = int(whole.min()), int(whole.max())  # type: ignore[arg-type]
    if high > EPOCHS[-1][1] or low < 180_001:  # numbers as large as that may not fit in 64 bits
        return None
    numbers = values.cast(pl.Int64)
    if low >= 18_000_101 and high <= 22_001_231:
        days = numbers.cast(pl.String).str.to_date("%Y%m%d", strict=False)
        return days if days.null_count() == values.null_count() else None
    if low >= 180_001 and high <= 220_012:
        months = (numbers.cast(pl.String) + "01").str.to_date("%Y%m%d", strict=False)
        return months if months.null_count() == values.null_count() else None
    for least, most, scale in EPOCHS:
        if least <= low and high <= most:
            micro = numbers // 1000 if scale == 1 else numbers * (scale // 1000)
            return micro.cast(pl.Datetime("us"))
    return None
