"""When the rows of a series come: at even steps, once a calendar month, or on some days of the week alone; and when the next ones do."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

DAY, MONTH = (
    dt.timedelta(days=1),
    dt.timedelta(days=27),
)  # a step of so long and more is one of calendar months
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
RARE = 0.1  # of a weekday's dates hold rows: a shop that opens on some Sundays is closed on Sundays
CHANCE = 0.01  # that days which are missing for other reasons look like a weekday without rows


def is_monthly(step: Any) -> bool:
    """Whether a step is one of calendar months, quarters or years, which are of unequal length."""
    return isinstance(step, dt.timedelta) and step >= MONTH


def open_days(groups: Sequence[pl.Series], step: Any) -> tuple[int, ...] | None:
    """The weekdays (0: Monday) on which daily series have rows, where the others have none to speak of; else None.

    `groups` are the times of each series. None, too, where the days that are missing may be missing for any other reason.
    """
    if step != DAY or not groups or groups[0].dtype not in (pl.Date, pl.Datetime):
        return None
    seen, all_days = np.zeros(7), np.zeros(7)
    for times in groups:
        days = times.cast(pl.Date).to_numpy().astype("datetime64[D]").astype(np.int64)
        if len(days):  # 1 January 1970 was a Thursday
            seen += np.bincount((np.unique(days) + 3) % 7, minlength=7)
            all_days += np.bincount((np.arange(days.min(), days.max() + 1) + 3) % 7, minlength=7)
    if not all_days.all():
        return None
    share = seen / all_days
    closed = share <= RARE
    if not closed.any() or closed.all():
        return None
    # Of the days on which it is open: holidays and gaps, and one more (Laplace), since few days without any prove little.
    absent = ((all_days - seen)[~closed].sum() + 1) / (all_days[~closed].sum() + 2)
    chance = 7 * absent ** float((all_days - seen)[closed].min())
    return tuple(np.flatnonzero(~closed).tolist()) if chance < CHANCE else None


def in_words(days: tuple[int, ...]) -> str:
    """Monday to Saturday; Friday, Sunday."""
    names = [NAMES[day] for day in days]
    row = len(days) > 2 and days[-1] - days[0] == len(days) - 1
    return f"{names[0]} to {names[-1]}" if row else ", ".join(names)


def following(times: pl.Series, step: Any, days: tuple[int, ...] | None, count: int) -> list[Any]:
    """The `count` times after the last of a series: its next months, its next open days, else its next steps."""
    last: Any = times.max()
    apart = times.diff().drop_nulls()
    weeks = isinstance(step, dt.timedelta) and step.days % 7 == 0 and bool((apart == step).all())
    if is_monthly(step) and isinstance(last, dt.date) and not weeks:
        return _months_after(times, last, step, count)
    found: list[Any] = []
    while len(found) < count:
        last = last + step
        if days is None or last.weekday() in days:
            found.append(last)
    return found


def _months_after(times: pl.Series, last: Any, step: dt.timedelta, count: int) -> list[Any]:
    """The same day of later months; the last day where a month has no such day, or where all stamps are last days."""
    months = max(1, round(step.days / 30.44))
    ends = bool((times.dt.month_end().dt.day() == times.dt.day()).all())
    day = 31 if ends else int(times.dt.day().max() or 1)  # type: ignore[arg-type]
    found = []
    for k in range(1, count + 1):
        year, month = divmod(last.year * 12 + last.month - 1 + months * k, 12)
        longest = calendar.monthrange(year, month + 1)[1]
        found.append(last.replace(year=year, month=month + 1, day=min(day, longest)))
    return found
