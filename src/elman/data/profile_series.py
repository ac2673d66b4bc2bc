"""What is in series before any training: lengths, gaps, suspicious values, units, structure, copies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from elman.data.contract import LabelledSeries, SeriesTable
from elman.data.counted import MOST_CLASSES, SHOWN, Lines, balance, copies, curve, histogram, spread
from elman.data.pitfalls import suspects
from elman.data.structure import describe
from elman.data.value_splits import digest

UNIT = re.compile(r"[(\[]([^)\]]+)[)\]]\s*$")  # as people write it behind a column's name
ENOUGH = 200  # steps from which on the structure of a labelled series is told


def labelled(dataset: LabelledSeries) -> Lines:
    """Of series with a class or a number each."""
    lines: Lines = []
    for split, examples in dataset.splits.items():
        sizes = list(map(len, examples.values))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        said = f"{len(examples):,} series of {low:.0f} to {high:.0f} steps (90%), median {middle:.0f}, longest {most:,.0f}"
        lines.append((split, said))
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        lines.append(("", balance(examples, dataset.labels)))
    units = _units(dataset.channels)
    lines += [("units", units)] if units else []
    examples = dataset.splits["train"]
    train = np.concatenate(examples.values)
    for number, name in enumerate(dataset.channels[:MOST_CLASSES]):
        seen = train[:, number][~np.isnan(train[:, number])].astype(np.float64)
        if not len(seen):
            text = f"{name}: no value at all"
        else:
            text = f"{name}: mean {seen.mean():.4g}, deviation {seen.std():.4g}, {seen.min():.4g} to {seen.max():.4g}"
            missing = len(train) - len(seen)
            text += f"; {missing:,} missing ({missing / len(train):.1%})" if missing else "; none missing"
            text += "; constant" if seen.min() == seen.max() else ""
            text += _suspicious(pl.Series(seen))
        lines.append(("channels" if number == 0 else "", text))
    if len(dataset.channels) > MOST_CLASSES:
        lines.append(("", f"and {len(dataset.channels) - MOST_CLASSES:,} more"))
    for number, name in enumerate(dataset.channels[:SHOWN]):
        long = [one[:, number].astype(np.float64) for one in examples.values if len(one) >= ENOUGH][:50]
        said = describe(long, 1).replace("entities", "series")
        lines += [("structure" if number == 0 else "", f"{name}: {said}")] if said else []
    keys = {split: (list(map(digest, one.values)), one.targets) for split, one in dataset.splits.items()}
    lines.append(("duplicates", copies(keys, "series")[0]))
    for row in spread(len(examples), SHOWN):
        drawn = f"{dataset.channels[0]} |{curve(examples.values[row][:, 0])}|"
        target = examples.targets[row]
        said = target if isinstance(target, str) else f"{target:.4g}"
        lines.append(("example", f"{said}: {len(examples.values[row]):,} steps, {drawn}"))
    return lines


def regular(table: SeriesTable) -> Lines:
    """Of a table of series."""
    frame, time = table.frame, table.time
    stamps, last = cast(Any, frame[time].min()), cast(Any, frame[time].max())
    entities = f", {frame[table.entity].n_unique():,} entities by {table.entity}" if table.entity else ""
    lines: Lines = [
        (
            "rows",
            f"{frame.height:,} from {stamps} to {last}{entities}; step {table.frequency.removesuffix(', 0:00:00')}, season {table.season} steps",
        )
    ]
    units = _units((*table.targets, *table.known, *table.observed))
    units = units or (f"{', '.join(table.targets)} in percent" if table.kind == "return" else "")
    lines += [("units", units)] if units else []
    if table.entity and frame[table.entity].n_unique() > 1:
        sizes = frame.group_by(table.entity, maintain_order=True).len()["len"].to_list()
        low, middle, high = np.percentile(sizes, [0, 50, 100])
        drawn = f", lengths {histogram(sizes)}" if high > low else ""
        lines.append(("", f"rows of an entity: {low:,.0f} to {high:,.0f}, median {middle:,.0f}{drawn}"))
        lines += [("", said) for said in _unusual(table)]
    first, second = cast(tuple[Any, Any], table.borders)
    used = frame if table.end is None else frame.filter(pl.col(time) < cast(Any, table.end))
    for split, part in (
        ("train", used.filter(pl.col(time) < first)),
        ("validation", used.filter((pl.col(time) >= first) & (pl.col(time) < second))),
        ("test", used.filter(pl.col(time) >= second)),
    ):
        span = f", {cast(Any, part[time].min())} to {cast(Any, part[time].max())}" if part.height else ""
        lines.append((split, f"{part.height:,} rows{span}"))
    for role, names in (("forecast", table.targets), ("known", table.known), ("observed", table.observed)):
        lines += [
            (role if number == 0 else "", _column(frame, name, table.entity))
            for number, name in enumerate(names)
        ]
    for number, name in enumerate(table.targets):
        train = frame.filter(pl.col(time) < first)  # what is chosen by it shall not know the test split
        parts = [train] if table.entity is None else train.partition_by(table.entity, maintain_order=True)
        said = describe([_floats(part[name]) for part in parts], table.season)
        said = "; ".join(filter(None, (said, _moved(used, table, name))))
        lines += [("structure" if number == 0 else "", f"{name}: {said}")] if said else []
    if not table.targets or not used.height:
        return lines
    seen = used if table.entity is None else used.filter(pl.col(table.entity) == used[table.entity][0])
    of = f" of {seen[table.entity][0]}" if table.entity else ""
    bars = [(name, curve(_floats(seen[name]), 60)) for name in table.targets[:SHOWN]]
    return lines + [("course" if n == 0 else "", f"{name}{of} |{one}|") for n, (name, one) in enumerate(bars)]


def _unusual(table: SeriesTable) -> list[str]:
    """Entities that a panel's errors cannot be scaled by: zero in all training rows, or without any, since they begin later."""
    entity, border = cast(str, table.entity), cast(Any, table.borders[0])
    nothing = pl.all_horizontal(pl.col(name).is_null() | (pl.col(name) == 0) for name in table.targets)
    given = table.frame.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in table.targets))
    train = given.filter(pl.col(table.time) < border).group_by(entity, maintain_order=True)
    zero = train.agg(nothing.all().alias("all")).filter("all")[entity].to_list()
    first = given.group_by(entity, maintain_order=True).agg(pl.col(table.time).min())
    late = first.filter(pl.col(table.time) >= border)[entity].to_list()
    return [
        f"{what}: {len(names):,} ({', '.join(map(str, names[:SHOWN]))}{', ...' if len(names) > SHOWN else ''})"
        for what, names in (("zero in all training rows", zero), ("begin after the training rows", late))
        if names
    ]


def _units(names: Sequence[str]) -> str:
    """Units that people write behind a column's name, in words."""
    found = {name: match[1] for name in names if (match := UNIT.search(name))}
    return ", ".join(
        f"{name.partition('(')[0].partition('[')[0].strip()} in {unit}" for name, unit in found.items()
    )


def _suspicious(values: pl.Series) -> str:
    """What looks like a stand-in for a missing value, with the flag that says so."""
    text = ""
    for value, count in suspects(values):
        often = f"comes {count:,} times" if count > 1 else "comes once"
        text += f"; {value:g} {often}, far from all others: if it means missing, --sentinels {value:g}"
    return text


def _floats(values: pl.Series) -> np.ndarray:
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _moved(frame: pl.DataFrame, table: SeriesTable, name: str) -> str:
    """How far the test split lies from the training split, where that is more than one training deviation."""
    first, second = cast(tuple[Any, Any], table.borders)
    train = frame.filter(pl.col(table.time) < first)[name].drop_nulls().cast(pl.Float64)
    test = frame.filter(pl.col(table.time) >= second)[name].drop_nulls().cast(pl.Float64)
    if not len(train) or not len(test) or not train.std():
        return ""
    shift = (cast(float, test.mean()) - cast(float, train.mean())) / cast(float, train.std())
    return (
        f"the test split lies {abs(shift):.1f} training deviations {'higher' if shift > 0 else 'lower'}"
        if abs(shift) > 1
        else ""
    )


def _column(frame: pl.DataFrame, name: str, entity: str | None) -> str:
    values = frame[name].drop_nulls().cast(pl.Float64)
    if not len(values):
        return f"{name}: no value at all"
    low, mean, high = (cast(float, value) for value in (values.min(), values.mean(), values.max()))
    text = f"{name}: mean {mean:.4g}, deviation {values.std() or 0.0:.4g}, {low:.4g} to {high:.4g}"
    missing = frame[name].null_count()
    text += (
        f"; {missing:,} missing ({missing / frame.height:.1%}), longest gap {_longest(frame, name, entity):,}"
        if missing
        else "; none missing"
    )
    if values.n_unique() == 1:
        text += "; constant"
    return text + _suspicious(values)


def _longest(frame: pl.DataFrame, name: str, entity: str | None) -> int:
    groups = [frame] if entity is None else frame.partition_by(entity)
    runs = [
        group[name].is_null().rle().struct.unnest().filter(pl.col("value"))["len"].max() for group in groups
    ]
    return max(cast(int, run or 0) for run in runs)
