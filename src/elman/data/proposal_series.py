"""Which column of a table is the time, what tells its series apart, what is to be forecast, how far, and from what."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from typing import Any, cast

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.derived import MOST
from elman.data.proposal_names import (
    CALENDAR_NAMES,
    COUNTER_NAMES,
    ID_NAMES,
    KNOWN_NAMES,
    SERIES_NAMES,
    TARGET_NAMES,
    TIME_NAMES,
)
from elman.data.rhythm import in_words, is_monthly, open_days
from elman.data.stamps import read_stamps, rising, season_of
from elman.data.table import joined
from elman.data.written import almost_numbers, as_answers

LOOKED = 20_000  # rows in which columns are looked at
LEAST = 10  # different times below which a column of dates is no time axis
EVEN = 0.5  # share of equal steps from which on dates are the stamps of a series
STEADY = 0.7  # the same, where a text stands beside it
MOST_OBSERVED = 20  # more columns than this are named, and not read
UNITS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
NEARLY = 0.98  # share of rows from which on some that are there twice are a slip
MOST_TOGETHER = 6  # columns that are looked at for two or three that tell series apart together
LONGEST = 168  # steps that are forecast without being asked for
STAMPS = "__time"


def readings(
    table: pl.DataFrame, options: DataOptions, plain: bool = True
) -> list[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """("forecasting", settings, reasons) for each plausible time and target, best first.

    With `plain`, nothing else is in the table, and dates that could be read in two orders are an error.
    """
    found: list[tuple[str, dict[str, Any], tuple[str, ...]]] = []
    for place, (time, why, stamps) in enumerate(_times(table, options, plain)):
        if not (
            stamps.dtype.is_integer() or stamps.dtype.is_temporal()
        ):  # given, and no time: the reader says so
            return [("forecasting", {"data.time": time, "data.target": options.target}, ())]
        entity, whose = _entity(table, stamps, time, options)
        frame = joined(table, entity)
        taken = {time, entity, *(entity or "").split("+"), *options.known, *options.observed, *options.static}
        for target, told in _targets(frame.head(LOOKED), options, taken)[: 1 if place else None]:
            settings: dict[str, Any] = {"data.time": time}
            reasons = [f"time {time}: {why}, {stamps.min()!s} to {stamps.max()!s}"]
            if entity:
                settings["data.entity"] = entity
                reasons.append(f"entity {entity}: {whose}, {frame[entity].n_unique():,} of them")
            settings["data.target"] = target
            reasons.append(f"target {', '.join(target)}: {told}")
            static = _static(frame, entity, {*taken, *target}, options)
            reasons += _covariates(frame.head(LOOKED), settings, {*taken, *target}, options, static)
            if not (options.time and options.target):  # who says both leaves the rest to the task
                reasons += _rhythm(frame.with_columns(stamps.alias(STAMPS)), entity, settings, options)
            found.append(("forecasting", settings, tuple(reasons)))
    return found


def is_steady(frame: pl.DataFrame, time: str, entity: str | None) -> bool:
    """Whether a column's stamps come at equal steps, as measurements do and texts do not."""
    stamps = read_stamps(frame[time])
    steps = _steps(frame.with_columns(frame[time] if stamps is None else stamps.alias(STAMPS)), entity)
    return stamps is not None and _share(steps) >= STEADY


def _steps(frame: pl.DataFrame, entity: str | None) -> pl.Series:
    change = pl.col(STAMPS).diff()
    ordered = frame.sort(STAMPS).select((change.over(entity) if entity else change).alias("step"))
    steps = ordered["step"].drop_nulls()
    zero = timedelta(0) if steps.dtype == pl.Duration else 0
    return steps.filter(steps > zero)


def _share(steps: pl.Series) -> float:
    """The share of the most frequent step; months and quarters count as equal."""
    if not len(steps):
        return 0.0
    if steps.dtype == pl.Duration and is_monthly(steps.median()):
        return 1.0
    return float(cast(int, steps.value_counts()["count"].max())) / len(steps)


def _times(frame: pl.DataFrame, options: DataOptions, plain: bool) -> list[tuple[str, str, pl.Series]]:
    """Columns that read as time, the surest first: dates, numbers that are dates, numbers that count the rows."""
    if options.time:
        stamps = read_stamps(frame[options.time])
        return [(options.time, "as given", frame[options.time] if stamps is None else stamps)]
    dates, unclear = [], None
    for name in frame.columns:
        values = frame[name]
        if name in (options.entity, options.text, options.label, *options.target) or values.null_count():
            continue
        try:
            stamps = read_stamps(values)
        except DataError as error:
            unclear = error
            continue
        if stamps is None or stamps.n_unique() < min(LEAST, frame.height):
            continue
        counted = values.dtype.is_numeric()
        if counted and name.lower() not in TIME_NAMES and not values.is_sorted():
            continue
        why = "whole numbers that are dates" if counted else "dates"
        entity, _ = _entity(frame, stamps, name, options)
        share = _share(_steps(joined(frame, entity).with_columns(stamps.alias(STAMPS)), entity))
        torn = entity is None and stamps.n_unique() < 0.9 * frame.height
        dates.append(((share < EVEN or torn, counted, name.lower() not in TIME_NAMES), (name, why, stamps)))
    if dates:
        best = min(key for key, _ in dates)
        return [one for key, one in sorted(dates, key=lambda pair: pair[0]) if key[:2] == best[:2]]
    if unclear is not None and plain:
        raise DataError(f"{options.source}: {unclear}")
    return _counters(frame, options)


def _counters(frame: pl.DataFrame, options: DataOptions) -> list[tuple[str, str, pl.Series]]:
    rising = [
        name
        for name in frame.columns
        if frame[name].dtype.is_integer()
        and name not in (options.entity, *options.target)
        and not frame[name].null_count()
        and frame[name].n_unique() >= LEAST
    ]
    named = [name for name in rising if name.lower() in TIME_NAMES]
    if named:
        return [(named[0], "by its name", frame[named[0]])]
    rows = [
        name
        for name in rising
        if COUNTER_NAMES.match(name) and frame[name].is_sorted() and frame[name].is_unique().all()
    ]
    return [(rows[0], "it numbers the rows", frame[rows[0]])] if rows else []


def _entity(
    frame: pl.DataFrame, stamps: pl.Series, time: str, options: DataOptions
) -> tuple[str | None, str]:
    """What tells several series apart: nothing where times do not repeat, else what makes each row's time its own."""
    if options.entity:
        return options.entity, "as given"
    # In a table that is in order, looking at neighbours saves a table of all the times.
    if rising(stamps) or not stamps.is_duplicated().any():
        return None, ""
    rows = frame.with_columns(stamps.alias(STAMPS))
    few = [
        name
        for name in frame.columns
        if name != time
        and (frame[name].dtype == pl.String or (frame[name].dtype.is_integer() and SERIES_NAMES.search(name)))
        and 2 <= frame[name].n_unique() <= max(2, frame.height // 5)
    ]
    different = rows.unique().height  # rows that are repeated whole tell nothing
    alone = [name for name in few if rows.select(name, STAMPS).unique().height == different]
    if alone:
        return min(alone, key=lambda name: frame[name].n_unique()), "a time comes once in each"
    for count in (2, 3):
        for names in combinations(few[:MOST_TOGETHER], count):
            if rows.select(*names, STAMPS).unique().height == different:
                return "+".join(
                    names
                ), "a time comes once in each of both" if count == 2 else "a time comes once in each of all"
    moments = stamps.n_unique()
    nearly = [name for name in few if rows.select(name, STAMPS).unique().height >= NEARLY * different]
    if nearly and moments < NEARLY * different:  # the reader names the rows of which there are two
        return nearly[0], "a time comes once in each, but for a few rows"
    return None, ""  # a few repeated rows are no panel: the reader drops or names them


def _targets(
    frame: pl.DataFrame, options: DataOptions, taken: set[str | None]
) -> list[tuple[tuple[str, ...], str]]:
    """What may be forecast: as given, by its name, the only one; else each, the last first, and all at once."""
    if options.target:
        return [(options.target, "as given")]
    numbers = [name for name in _numbers(frame, taken) if frame[name].n_unique() > 2]
    if len(numbers) <= 1:
        return [((name,), "the only column of numbers") for name in numbers]
    lower = {name.lower(): name for name in reversed(numbers)}
    named = [lower[name] for name in TARGET_NAMES if name in lower]
    if named:
        return [((named[0],), "by its name")]
    each = [(name,) for name in (numbers[-1], *numbers[:-1])][:4]
    return [(one, f"one of {len(numbers)} columns of numbers") for one in each] + [
        (tuple(numbers), "all columns of numbers, forecast together")
    ]


def _numbers(frame: pl.DataFrame, taken: set[str | None]) -> list[str]:
    return [
        name
        for name in frame.columns
        if (
            frame[name].dtype.is_numeric()
            or frame[name].dtype == pl.Boolean
            or as_answers(frame[name]) is not None
        )
        and name not in taken
        and name.lower() not in CALENDAR_NAMES
        and not ID_NAMES.match(name)
        and frame[name].drop_nulls().n_unique() > 1
    ]


def _static(
    frame: pl.DataFrame, entity: str | None, used: set[str | None], options: DataOptions
) -> tuple[str, ...]:
    """Columns that tell entities apart and never change inside one: numbers, and groups of several entities each."""
    if entity is None or options.target or options.known or options.observed or options.static:
        return ()
    names = [name for name in frame.columns if name not in used]
    each = frame.group_by(entity).agg(pl.col(names).n_unique())
    several, groups = [name for name in names if (each[name] == 1).all()], each.height
    numbers = _numbers(frame.select(several), set())
    words = [
        name
        for name in several
        if frame[name].dtype == pl.String and 2 <= frame[name].n_unique() < min(groups, MOST + 1)
    ]
    return tuple(name for name in several if name in numbers or name in words)


def _covariates(
    frame: pl.DataFrame,
    settings: dict[str, Any],
    used: set[str | None],
    options: DataOptions,
    static: tuple[str, ...],
) -> list[str]:
    """Yes and no whose names speak of plans are known in advance, other numbers up to now; the rest is left out and named."""
    reasons = []
    if static:
        settings["data.static"] = static
        reasons.append(f"static {', '.join(static)}: never changes inside one {settings['data.entity']}")
        used = {*used, *static}
    if options.known or options.observed:
        given = {"data.known": options.known, "data.observed": options.observed}
        settings |= {name: columns for name, columns in given.items() if columns}
        return []
    # Who says what is forecast says what from.
    numbers = [] if options.target else _numbers(frame, used)
    known = tuple(name for name in numbers if KNOWN_NAMES.search(name) and frame[name].n_unique() <= 2)
    observed = tuple(name for name in numbers if name not in known)[:MOST_OBSERVED]
    left = [name for name in frame.columns if name not in {*used, *known, *observed}]
    if known:
        settings["data.known"] = known
        reasons.append(f"known in advance {', '.join(known)}: yes or no, by the name")
    if observed:
        settings["data.observed"] = observed
        reasons.append(
            f"observed {', '.join(observed)}: other numbers, read up to now; --known for what is known ahead"
        )
    if left:
        shown = ", ".join(_why_left(frame[name]) for name in left[:8]) + (
            " and more" if len(left) > 8 else ""
        )
        hint = (
            "; --observed for what is known up to now, --known for what is known ahead"
            if options.target
            else ""
        )
        reasons.append(f"not read: {shown}{hint}")
    return reasons


def _why_left(values: pl.Series) -> str:
    """A column's name, and what keeps it from being one of numbers where that is little."""
    odd = almost_numbers(values)
    return (
        values.name
        if odd is None
        else f"{values.name} (numbers, but for {odd[0]!r} in row {odd[1] + 1}: empty what means no value)"
    )


def _rhythm(
    frame: pl.DataFrame, entity: str | None, settings: dict[str, Any], options: DataOptions
) -> list[str]:
    """Frequency, and a horizon of one season, or of seven steps where the season is shorter; less for few rows."""
    steps = _steps(frame, entity)
    if not len(steps):
        return []
    step = steps.mode().min()
    groups = frame.partition_by(entity) if entity else [frame]
    days = open_days([group[STAMPS] for group in groups], step)
    season, reasons = season_of(step, days), []
    if options.frequency:
        settings["data.frequency"] = options.frequency
    elif isinstance(step, timedelta):
        length = int(step.total_seconds())
        name = next(
            (f"{length // size}{unit}" for unit, size in UNITS if length and length % size == 0), None
        )
        said = f"steps of {str(step).removesuffix(', 0:00:00')}"
        if is_monthly(step):
            said = "calendar months, quarters or years"
        elif name and step.microseconds == 0:
            settings["data.frequency"] = name
            said += f" ({_share(steps):.0%} of them)" if days is None else f", on {in_words(days)} alone"
        reasons.append(f"frequency: {said}" + (f"; season {season} steps" if season > 1 else ""))
    count = frame.height if entity is None else int(frame.group_by(entity).len()["len"].median() or 1)  # type: ignore[arg-type]
    horizon, why = max(season, 7), "a season" if season >= 7 else "no season of seven steps or more"
    if horizon > LONGEST:
        horizon, why = LONGEST // 7, f"a season of {season:,} steps is long to forecast"
    if horizon > count // 10:
        horizon, why = max(1, count // 20), f"{count:,} steps are few"
        settings["encoding.context_length"] = max(1, min(4 * max(season, 7), count // 5))
    settings["encoding.horizon"] = horizon
    return [*reasons, f"horizon {horizon}: {why}"]
