"""How a table may be meant: which column is the time, what is to be predicted, from what; each guess with its reason.

Names that people give to columns and what is in them are both looked at. Where two readings are plausible, both are given, the
better one first: a wrong guess that nobody sees costs more than a question.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.series import TIME_NAMES, as_times, season_of
from elman.data.table import LABEL_NAMES, MANY, TEXT_NAMES, read_table

TARGET_NAMES = (
    "y", "target", "value", "sales", "units", "demand", "quantity", "count", "close", "adj close", "price", "load",
    "consumption", "temperature", "temp", "ot", "pm2.5",
)  # fmt: skip
KNOWN_NAMES = re.compile(r"holiday|promo|weekend|is_|event|campaign|discount|open", re.IGNORECASE)
CALENDAR_NAMES = {"year", "month", "day", "hour", "minute", "weekday", "dayofweek", "week", "quarter", "dow"}
ID_NAMES = re.compile(r"^(|id|index|idx|no|row|rownum|key|unnamed.*|column_1|.*_id|uuid)$", re.IGNORECASE)
SERIES_NAMES = re.compile(
    r"(^|_)(id|entity|series|store|shop|item|product|sku|station|sensor|site|customer|region|ticker|symbol)s?(_|$)|_?(nr|no)$",
    re.IGNORECASE,
)
SCALES = {"rating", "score", "stars", "grade"}  # whole numbers that are as much an order as they are classes
LONG = 20  # characters of a mean value from which on a column reads as text
MOST = 6  # readings that are offered at most
LOOKED = 20_000  # rows that are looked at


@dataclass(frozen=True)
class Reading:
    """One way to read a table: the task, the settings that say so (dotted names), and why."""

    task: str
    settings: Mapping[str, Any]
    reasons: tuple[str, ...]

    def command(self, source: str) -> str:
        """The complete command that trains on this reading."""
        words = ["elman", "train", source]
        for name, value in self.settings.items():
            words.append("--" + name.rpartition(".")[2].replace("_", "-"))
            words += map(str, value) if isinstance(value, tuple) else [str(value)]
        if self.task in ("regression", "classification"):
            words += ["--task", self.task]
        return shlex.join(words)


@dataclass(frozen=True)
class Proposal:
    """The plausible readings of a table, best first; one of them where nothing was left open."""

    source: str
    readings: tuple[Reading, ...]

    @property
    def best(self) -> Reading:
        """The first reading."""
        return self.readings[0]

    def settled(self) -> Reading:
        """The only reading of the columns; DataError with a command for each where there are several."""
        if all(reading.settings == self.best.settings for reading in self.readings):
            return self.best  # the same columns, and a task to choose
        commands = "\n".join(f"  {reading.command(self.source)}" for reading in self.readings)
        raise DataError(f"{self.source} can be read in {len(self.readings)} ways; say which one:\n{commands}")


def propose(source: str | Path, options: DataOptions | None = None, task: str | None = None) -> Proposal:
    """The readings of a table file that agree with what `options` and `task` say already.

    Raises DataError where the file cannot be read, or as no task that we know.
    """
    options = replace(options or DataOptions(), source=str(source))
    path = Path(options.path or source).expanduser()
    return propose_frame(read_table(path), options, task)


def propose_frame(frame: pl.DataFrame, options: DataOptions, task: str | None = None) -> Proposal:
    """`propose` for a table that was read."""
    series, texts = _series(frame, options), _texts(frame, options, task)
    if options.time or options.target:
        readings = series
    elif options.text or options.label:
        readings = texts
    elif task:  # where the table suits another task alone, whoever asked is told what it is
        readings = (series or texts) if task == "forecasting" else (texts or series)
    elif series and texts:
        # A date beside a text says when it was written; a series has one row for each time.
        readings = texts if texts[0].settings["data.text"] in _long(frame) else series
    else:
        readings = series or texts
    if not readings:
        raise DataError(_unreadable(frame, options))
    return Proposal(options.source, tuple(readings[:MOST]))


def _unreadable(frame: pl.DataFrame, options: DataOptions) -> str:
    columns = ", ".join(f"{name} ({kind})" for name, kind in list(frame.schema.items())[:20])
    return (
        f"{options.source}: which columns are meant? There is {columns}. A series: --time COLUMN --target COLUMN. "
        f"Texts: --text COLUMN --label COLUMN. E.g. elman train {options.source} --text COLUMN --label COLUMN"
    )


def _long(frame: pl.DataFrame) -> list[str]:
    """Columns that read as text."""
    strings = [name for name in frame.columns if frame[name].dtype == pl.String]
    head = frame.head(LOOKED)
    return [name for name in strings if cast(float, head[name].str.len_chars().mean() or 0) > LONG]


def _texts(frame: pl.DataFrame, options: DataOptions, task: str | None) -> list[Reading]:
    strings = [name for name in frame.columns if frame[name].dtype == pl.String]
    lower = {name.lower(): name for name in frame.columns}
    texts, why = [options.text] if options.text else [], "as given"
    if not texts:
        texts = [lower[name] for name in TEXT_NAMES if name in lower and lower[name] in strings][:1]
        why = "by its name"
    if not texts:
        texts = [name for name in _long(frame) if name != options.label]
        why = f"values of more than {LONG} characters"
    readings = []
    for text in texts:
        labels, told = [options.label] if options.label else [], "as given"
        rest = [name for name in frame.columns if name != text and name != "split"]
        if not labels:
            labels = [lower[name] for name in LABEL_NAMES if name in lower and lower[name] in rest]
            told = "by its name"
        if not labels:
            few = [name for name in rest if _is_label(frame[name])]
            labels, told = (few or rest, "few different values") if few or len(rest) == 1 else ([], "")
            told = told if few else "the only other column"
        for label in labels:
            if label not in frame.columns or text not in frame.columns:
                return [Reading(task or "classification", {"data.text": text, "data.label": label}, ())]
            for kind, reason in _kinds(frame[label], options, task):
                reasons = (f"text {text}: {why}", f"label {label}: {told}; {reason}")
                readings.append(Reading(kind, {"data.text": text, "data.label": label}, reasons))
    return readings


def _is_label(values: pl.Series) -> bool:
    """Few different values, and more than one."""
    return (
        2 <= values.drop_nulls().n_unique() <= MANY
        and not values.dtype.is_float()
        and not values.dtype.is_temporal()
    )


def _kinds(values: pl.Series, options: DataOptions, task: str | None) -> list[tuple[str, str]]:
    """Classes or a number: both where a scale of whole numbers was guessed."""
    different = values.drop_nulls().n_unique()
    classes = ("classification", f"{different} classes")
    number = ("regression", f"a number with {different:,} different values")
    if task in ("classification", "regression"):
        return [(task, classes[1] if task == "classification" else number[1])]
    if values.dtype.is_float() or (values.dtype.is_integer() and different > MANY):
        return [number]
    if values.dtype.is_integer() and different > 2 and values.name.lower() in SCALES and not options.label:
        return [classes, number]
    return [classes]


def _series(frame: pl.DataFrame, options: DataOptions) -> list[Reading]:
    head = frame.head(LOOKED)
    times = [(options.time, "as given")] if options.time else _times(head)
    readings: list[Reading] = []
    for time, why in times:
        if time not in frame.columns:
            return [Reading("forecasting", {"data.time": time, "data.target": options.target}, ())]
        stamps = as_times(frame[time])
        entities, whose = _entities(frame, stamps, time, options)
        for entity in entities:
            targets, told = _targets(head, options, {time, entity, *options.known, *options.observed})
            for target in targets:
                settings: dict[str, Any] = {"data.time": time}
                reasons = [f"time {time}: {why}"]
                if entity:
                    settings["data.entity"] = entity
                    count = frame[entity].n_unique()
                    reasons.append(f"entity {entity}: {whose}, {count:,} of them")
                settings["data.target"] = options.target or (target,)
                reasons.append(f"target {', '.join(settings['data.target'])}: {told}")
                used = {time, entity, *settings["data.target"]}
                reasons += _covariates(head, settings, used, options)
                reasons += _rhythm(frame, stamps, entity, settings)
                readings.append(Reading("forecasting", settings, tuple(reasons)))
    return readings


def _times(frame: pl.DataFrame) -> list[tuple[str, str]]:
    """Columns that read as time, the surest kind alone: dates, then dates in words, then rising numbers of that name."""
    typed = [(name, "dates") for name in frame.columns if frame[name].dtype.is_temporal()]
    if typed:
        return typed
    words = [
        (name, "reads as dates")
        for name in frame.columns
        if frame[name].dtype == pl.String and as_times(frame[name].drop_nulls().head(200)) is not None
    ]
    if words:
        return words
    return [
        (name, "by its name, and its values rise")
        for name in frame.columns
        if frame[name].dtype.is_integer()
        and (name.lower() in TIME_NAMES or name.lower() in ("t", "step", "year", "period", "epoch"))
        and frame[name].n_unique() > 9
    ][:1]


def _entities(
    frame: pl.DataFrame, stamps: pl.Series | None, time: str, options: DataOptions
) -> tuple[list[str | None], str]:
    """What tells several series apart: nothing where times do not repeat, else what makes each row's time its own."""
    if options.entity:
        return [options.entity], "as given"
    if stamps is None or not stamps.is_duplicated().any():
        return [None], ""
    rows = frame.with_columns(stamps.alias("__time"))
    few = [
        name
        for name in frame.columns
        if name != time
        and (frame[name].dtype == pl.String or (frame[name].dtype.is_integer() and SERIES_NAMES.search(name)))
        and 2 <= frame[name].n_unique() <= max(2, frame.height // 5)
    ]
    alone = [name for name in few if not rows.select(name, "__time").is_duplicated().any()]
    if alone:
        least = min(frame[name].n_unique() for name in alone)
        fewest: list[str | None] = [name for name in alone if frame[name].n_unique() == least]
        return fewest[:1], "a time comes once in each"
    # A few repeated rows are no panel: the reader drops or names them.
    return [None], ""


def _targets(frame: pl.DataFrame, options: DataOptions, taken: set[str | None]) -> tuple[list[str], str]:
    if options.target:
        return [options.target[0]], "as given"
    numbers = [
        name
        for name in frame.columns
        if frame[name].dtype.is_numeric()
        and name not in taken
        and name.lower() not in CALENDAR_NAMES
        and not ID_NAMES.match(name)
        and frame[name].n_unique() > 2
    ]
    if len(numbers) <= 1:
        return numbers, "the only column of numbers"
    lower = {name.lower(): name for name in reversed(numbers)}
    named = [lower[name] for name in TARGET_NAMES if name in lower]
    if named:
        return named[:1], "by its name"
    return [numbers[-1], *numbers[:-1]], "one of several columns of numbers"


def _covariates(
    frame: pl.DataFrame, settings: dict[str, Any], used: set[str | None], options: DataOptions
) -> list[str]:
    """Flags whose names speak of plans are known in advance; other columns are left out, and named."""
    if options.known or options.observed:
        given = {"data.known": options.known, "data.observed": options.observed}
        settings |= {name: columns for name, columns in given.items() if columns}
        return []
    numbers = [
        name for name in frame.columns if frame[name].dtype.is_numeric() or frame[name].dtype == pl.Boolean
    ]
    known = tuple(
        name
        for name in numbers
        if name not in used and KNOWN_NAMES.search(name) and frame[name].n_unique() <= 2
    )
    rest = [
        name
        for name in frame.columns
        if name not in used and name not in known and name.lower() not in CALENDAR_NAMES
    ]
    reasons = []
    if known:
        settings["data.known"] = known
        reasons.append(f"known in advance {', '.join(known)}: yes or no, by its name")
    if rest:
        shown = ", ".join(rest[:8]) + (" and more" if len(rest) > 8 else "")
        reasons.append(
            f"not used: {shown}; add what is known only up to now by --observed, what is known ahead by --known"
        )
    return reasons


def _rhythm(
    frame: pl.DataFrame, stamps: pl.Series | None, entity: str | None, settings: dict[str, Any]
) -> list[str]:
    """Frequency and horizon: one season, or a week's worth of steps where there is none."""
    if stamps is None or stamps.dtype.is_numeric():
        return []
    ordered = frame.with_columns(stamps.alias("__time")).sort("__time")
    change = pl.col("__time").diff()
    steps = ordered.select(change.over(entity) if entity else change).to_series().drop_nulls()
    steps = steps.filter(steps > timedelta(0))
    if not len(steps):
        return []
    step = cast(timedelta, steps.mode().min())
    season = season_of(step)
    horizon = max(season, 7)
    settings["encoding.horizon"] = horizon
    why = f"a season of {season} steps" if season > 1 else "no season is known for this step"
    return [f"a step is {str(step).removesuffix(', 0:00:00')} (measured); horizon {horizon}: {why}"]
