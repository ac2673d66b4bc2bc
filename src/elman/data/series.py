"""Series from a table: sorted, made regular, split by time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import roles
from elman.data.contract import Provenance, SeriesTable
from elman.data.derived import holiday_column, static_columns
from elman.data.dialects import repeated
from elman.data.folds import Fold
from elman.data.pitfalls import known_too_early, sentinel_notes
from elman.data.rhythm import in_words, is_monthly, open_days
from elman.data.stamps import WIDE, read_stamps, rising, season_of, steps_of
from elman.data.table import column, joined
from elman.data.written import as_answers

HOLIDAYS = 0.1  # of the open days of a week that is not whole may lack without being gaps


def prepare(
    frame: pl.DataFrame, path: Any, options: DataOptions, data_hash: str, *, kind: str = "level", borders: Any = None,
    end: Any = None, season: int | None = None, source: str = "", licence: str = "", citation: str = "", rule: str = "",
    notes: tuple[str, ...] = (),
) -> SeriesTable:  # fmt: skip
    """Check, sort and regularise a table; 70/10/20 by time unless borders are given.

    Raises DataError for a missing or non-numeric column, time stamps that cannot be read, or two different rows with
    the same time (and entity).
    """
    if not options.time:
        raise DataError(
            f"{path}: which column is the time? Columns: {', '.join(frame.columns)}. Say so with --time COLUMN."
        )
    time = column(frame, options.time, path)
    frame = joined(frame, options.entity)
    entity = column(frame, options.entity, path) if options.entity else None
    covariates = {column(frame, name, path) for name in (*options.known, *options.observed)}
    numeric = [
        name
        for name in frame.columns
        if frame[name].dtype.is_numeric() and name not in {time, entity, *covariates}
    ]
    targets = tuple(column(frame, name, path) for name in options.target)
    if not targets:
        raise DataError(
            f"{path}: which column shall be forecast? Numeric columns: {', '.join(numeric) or 'none'}. "
            f"Say so: elman train {path} --time {time} --target {numeric[0] if numeric else 'COLUMN'}"
        )
    roles.check(options, path)
    frame = _parse_time(frame, time, path)
    frame, static = static_columns(frame, options.static, entity, path)
    wanted = [*targets, *options.known, *static, *options.observed]
    for name in wanted:
        frame = _numbers(frame, name, path)
    found = [*notes, *repeated(frame)]
    if options.sentinels:
        low = frame.select(pl.col(wanted).is_in(list(options.sentinels)).sum()).sum_horizontal().item()
        frame = frame.with_columns(
            pl.when(pl.col(name).is_in(list(options.sentinels)))
            .then(None)
            .otherwise(pl.col(name))
            .alias(name)
            for name in wanted
        )
        found.append(
            f"{low:,} values were a sentinel ({', '.join(map(str, options.sentinels))}) and count as missing"
        )
    found += sentinel_notes(frame, wanted)
    keys = [name for name in (entity, time) if name]
    frame, more = _sorted(frame.select(list(dict.fromkeys([*keys, *wanted]))), keys, path)
    frame, gaps, step, days = _regular(frame, time, entity, path, _step(options.frequency))
    found += more + gaps
    known = (*options.known, *static)
    for name in static:  # rows that were put into gaps are of the same entity
        frame = frame.with_columns(pl.col(name).forward_fill().backward_fill().over(cast(str, entity)))
    if options.holidays:
        frame, holiday = holiday_column(frame, time, options.holidays, path)
        known = (*known, holiday)
    frame, late = _delayed(frame, options, entity, path)
    found += late
    frame, borders, end, rule = _split(frame, time, options, borders, end, rule)
    if borders[0] is not None and options.known:  # a history to predict from has no training rows
        needed = dict.fromkeys([time, *targets, *options.known, *([entity] if entity else [])])
        train = frame.select(*needed).filter(pl.col(time) < borders[0])
        found += known_too_early(train, targets, options.known, entity)
    if kind == "level" and entity and _counts(frame, targets):
        kind = "count"
    return SeriesTable(
        frame, time, targets, borders, Provenance(source or str(getattr(path, "name", path)), data_hash, rule, tuple(found), licence, citation),
        entity=entity, known=known, observed=options.observed, frequency=str(step), season=season or season_of(step, days), kind=kind,  # type: ignore[arg-type]
        end=end,
    )  # fmt: skip


def _counts(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    """Whether columns hold whole numbers from 0 on, and 0 among them."""
    columns = [frame[name].drop_nulls() for name in names]
    return all(bool(((one >= 0) & (one == one.floor())).all()) for one in columns) and any(
        bool((one == 0).any()) for one in columns
    )


def _split(
    frame: pl.DataFrame, time: str, options: DataOptions, borders: Any, end: Any, rule: str
) -> tuple[pl.DataFrame, Any, Any, str]:
    """The rows in use, the borders between the splits, the end of the test split, and the rule in words."""
    stamps = frame[time].unique().sort() if options.entity else frame[time]  # one series is in order by now
    count = len(stamps)
    validation = options.validation_share if options.validation_share is not None else 0.1
    begin = 0
    if options.fold:
        if options.test_share is not None:
            raise DataError("--fold says what is tested; --test-share says another. Drop one of them.")
        fold = Fold.read(options.fold)
        begin, first, second, after = fold.places(count, validation, options.history)
        borders, end = (stamps[first], stamps[second]), stamps[after] if after < count else None
        rule = (
            f"fold {fold.number} of {fold.count}, by time: train before {borders[0]}, test from {borders[1]}"
        )
        rule += f" to before {end}" if end is not None else ""
    elif borders is None:
        test = options.test_share if options.test_share is not None else 0.2
        borders = (stamps[int(count * (1 - test - validation))], stamps[int(count * (1 - test))])
        rule = rule or f"by time: train before {borders[0]}, validation before {borders[1]}, then test"
    if options.history and not options.fold:
        begin = max(0, int((stamps < borders[0]).sum()) - options.history)
    if begin:
        frame = frame.filter(pl.col(time) >= stamps[begin])
        rule += f"; trained from {stamps[begin]} on"
    if end is not None and options.fold:
        frame = frame.filter(pl.col(time) < end)
    return frame, borders, end, rule


def _delayed(
    frame: pl.DataFrame, options: DataOptions, entity: str | None, path: Any
) -> tuple[pl.DataFrame, list[str]]:
    """Observed columns moved to the step at which they were there to be read."""
    notes = []
    for entry in options.delays:
        name, _, steps = entry.partition("=")
        if not re.fullmatch(r"[1-9]\d*", steps.strip()):
            raise DataError(f"--delays {entry!r}: expected COLUMN=STEPS with 1 step or more, e.g. gdp=2.")
        name = column(frame, name.strip(), path)
        if name not in options.observed:
            raise DataError(
                f"--delays {entry}: {name!r} is not an observed column. Only what is observed can come late; "
                f"say --observed {name}."
            )
        moved = pl.col(name).shift(int(steps))
        frame = frame.with_columns((moved.over(entity) if entity else moved).alias(name))
        notes.append(f"{name} counts as known {steps} steps after its time")
    return frame, notes


def _parse_time(frame: pl.DataFrame, time: str, path: Any) -> pl.DataFrame:
    """Dates, times with or without zone (made UTC), seconds since 1970, or whole numbers as they are."""
    values = frame[time]
    missing = values.null_count()
    if missing:
        raise DataError(f"column {time!r} of {path} has no time in {missing:,} rows. Fill or drop them.")
    stamps = read_stamps(values)
    if stamps is not None:
        return frame.with_columns(stamps)
    if values.dtype.is_float():
        raise DataError(f"column {time!r} of {path} holds fractions; expected dates or whole numbers.")
    if not values.dtype.is_integer():
        raise DataError(
            f"column {time!r} of {path} does not read as a date: {values[0]!r}. Expected e.g. 2024-01-31 or 2024-01-31 13:00:00."
        )
    if values.dtype in WIDE:
        raise DataError(
            f"column {time!r} of {path} holds {values[0]}, more than 64 bits hold; expected dates or smaller whole numbers."
        )
    return frame


def _numbers(frame: pl.DataFrame, name: str, path: Any) -> pl.DataFrame:
    values = frame[column(frame, name, path)]
    answers = as_answers(values)
    if answers is not None:
        values = answers
    if values.dtype == pl.String:
        numbers = values.str.strip_chars().cast(pl.Float64, strict=False)
        bad = values.is_not_null() & numbers.is_null()
        if bad.any():
            row = int(bad.arg_max() or 0)
            raise DataError(
                f"column {name!r} of {path} holds {values[row]!r} in row {row + 1}; expected a number."
            )
        values = numbers
    if values.dtype == pl.Boolean:
        values = values.cast(pl.Float64)
    if not values.dtype.is_numeric():
        raise DataError(f"column {name!r} of {path} is {values.dtype}; expected numbers.")
    if values.dtype != pl.Float32:  # a large table of these is not copied
        values = values.cast(pl.Float64)
    if not values.is_finite().all():
        values = frame.select(pl.when(values.is_finite()).then(values).otherwise(None).alias(name))[name]
    return frame.with_columns(values.alias(name))


def _sorted(frame: pl.DataFrame, keys: list[str], path: Any) -> tuple[pl.DataFrame, list[str]]:
    if _in_order(frame, keys):
        return frame, []
    notes = []
    ordered = frame.sort(keys, maintain_order=True)
    by_entity = (
        frame.sort(keys[:-1], maintain_order=True) if keys[:-1] else frame
    )  # a panel may come day by day
    if not ordered[keys[-1]].equals(by_entity[keys[-1]]):
        notes.append("rows were not in order of time; sorted")
    unique = ordered.unique(maintain_order=True)
    if unique.height < ordered.height:
        notes.append(f"{ordered.height - unique.height:,} repeated rows dropped")
    clash = unique.filter(pl.struct(keys).is_duplicated())
    if clash.height:
        stamp = clash[keys[-1]][0]
        hint = (
            f" The first are of {clash[keys[0]][0]}; keep one of each."
            if len(keys) > 1
            else " If the table holds several series, name the column that tells them apart: --entity COLUMN."
        )
        raise DataError(
            f"{path} has different rows for the same time, first {stamp} ({clash.height:,} such rows).{hint}"
        )
    return unique, notes


def _in_order(frame: pl.DataFrame, keys: list[str]) -> bool:
    """Whether rows are sorted by `keys` and no key comes twice: most tables are, and large ones are then not copied."""
    *entity, time = (frame[name] for name in keys)
    if not entity:
        return rising(time)
    group, steps = entity[0], steps_of(time)
    if steps is None or group.null_count() or not group.is_sorted():
        return False
    return bool((steps[(group == group.shift())[1:].to_numpy()] > 0).all())


def _regular(
    frame: pl.DataFrame, time: str, entity: str | None, path: Any, given: timedelta | None = None
) -> tuple[pl.DataFrame, list[str], Any, tuple[int, ...] | None]:
    """Insert the steps that are missing, with nulls: the table, notes, the step, and the weekdays that have rows where not all do.

    Months keep their own steps. So do days of a week that is not whole: the next open day is the next step, over holidays too.
    """
    if frame.height < 10:
        raise DataError(
            f"{path} has {frame.height} rows; a series needs at least 10 to train and to measure on."
        )
    even = steps_of(frame[time]) if entity is None else None
    if (
        even is not None and (even == even[0]).all() and given is None
    ):  # nothing to fill, and nothing is copied
        return frame, [], frame[time][1] - frame[time][0], None
    groups = [frame] if entity is None else frame.partition_by(entity, maintain_order=True)
    steps = pl.concat([group[time].diff().drop_nulls() for group in groups])
    step = steps.mode().min() if given is None else given
    if frame[time].dtype not in (pl.Date, pl.Datetime):
        return frame, [], step, None
    assert isinstance(step, timedelta)
    if is_monthly(step):
        return frame, [], step, None
    days = open_days([group[time] for group in groups], step)
    filled, added, notes = [], 0, []
    if days is not None:
        notes.append(f"rows on {in_words(days)} alone: the next of these days is the next step")
    for group in groups:
        first, last = cast(Any, group[time].min()), cast(Any, group[time].max())
        grid = pl.datetime_range(first, last, step, eager=True, time_unit="us").alias(time)  # type: ignore[arg-type]
        if frame[time].dtype == pl.Date:
            grid = grid.cast(pl.Date)
        if days is not None:
            grid = grid.filter(
                grid.dt.weekday().is_in([day + 1 for day in days]) | grid.is_in(group[time].implode())
            )
        if len(grid) > 20 * group.height:
            raise DataError(
                f"{path}: time stamps {step} apart leave {len(grid) - group.height:,} gaps; they are not a regular series."
            )
        whole = grid.to_frame().join(group, on=time, how="left")
        off = group.height - whole[time].is_in(group[time].implode()).sum()
        if off > 0.1 * group.height:
            raise DataError(
                f"{path}: {off:,} of {group.height:,} time stamps do not lie {step} apart. Give evenly spaced rows."
            )
        if entity is not None:
            whole = whole.with_columns(pl.lit(group[entity][0]).alias(entity))
        added += whole.height - group.height + int(off)
        filled.append(whole.select(frame.columns))
    if days is not None and added <= HOLIDAYS * frame.height:
        return frame, notes, step, days
    notes += [f"{added:,} missing time steps inserted as gaps"] if added else []
    return pl.concat(filled), notes, step, days


def _step(frequency: str | None) -> timedelta | None:
    if frequency is None:
        return None
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    match = re.fullmatch(r"([1-9]\d*)([smhdw])", frequency.strip().lower())
    if not match:
        raise DataError(f"frequency {frequency!r} is no step of time; expected e.g. 15m, 1h, 1d or 1w.")
    return timedelta(**{units[match[2]]: int(match[1])})
