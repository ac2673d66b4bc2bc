"""Tables as plain values: what the page and the terminal both print, already put into words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from elman.core.results import Paired, Score, Scores, Value
from elman.report.glossary import metric
from elman.report.numbers import (
    column,
    decimals,
    difference,
    duration,
    interval,
    number,
    p_value,
    point,
    words,
)


@dataclass(frozen=True)
class Bar:
    """Where a value and its interval lie on a track, in percent of its width; `beyond`: -1 or 1 when off its end."""

    dot: float
    low: float
    width: float
    beyond: int


@dataclass(frozen=True)
class Row:
    """One line of the table of network and rivals."""

    name: str
    is_network: bool
    value: str
    interval: str
    bar: Bar | None
    others: tuple[str, ...]
    difference: str
    p: str
    sign: str  # "better", "worse" or "" (the interval holds zero, or no comparison)
    seconds: str
    note: str


@dataclass(frozen=True)
class Table:
    """Network and rivals, best first, on one split."""

    split: str
    metric: str
    unit: str
    direction: str
    others: tuple[str, ...]
    rows: tuple[Row, ...]


def percent(value: Value) -> Value:
    """A share with its interval, in percent."""
    ends = (None if end is None else 100 * end for end in (value.low, value.high))
    return Value(100 * value.value, *ends)


def in_words(scores: Scores) -> Scores:
    """The same scores with a primary metric that is a share told in percent, as the verdict tells it."""
    primary = scores.primary
    if not primary.unit.startswith("share"):
        return scores

    return replace(
        scores,
        primary=replace(primary, unit="%" + primary.unit.removeprefix("share")),
        rows=tuple(
            replace(row, metrics={**row.metrics, primary.name: percent(row.metrics[primary.name])})
            if primary.name in row.metrics
            else row
            for row in scores.rows
        ),
        paired=tuple(
            replace(pair, difference=percent(pair.difference)) if pair.metric == primary.name else pair
            for pair in scores.paired
        ),
        slices={
            name: tuple((label, count, 100 * value) for label, count, value in parts)
            for name, parts in scores.slices.items()
        },
    )


def scores_table(scores: Scores) -> Table:
    """The table of one split; the order is that of `scores.rows`. Shares are in percent."""
    scores, primary = in_words(scores), scores.primary.name
    others = tuple(dict.fromkeys(name for row in scores.rows for name in row.metrics if name != primary))
    pairs = {pair.rival: pair for pair in scores.paired if pair.metric == primary}
    values = [row.metrics[primary] for row in scores.rows if primary in row.metrics]
    span = _span(values, scores.network.metrics.get(primary), scores.primary.higher_is_better)
    places = _places(scores.network.metrics.get(primary), values)
    columns = [
        column([row.metrics[name].value if name in row.metrics else None for row in scores.rows])
        for name in others
    ]
    return Table(
        split=scores.split,
        metric=metric(primary),
        unit=scores.primary.unit if scores.primary.unit not in ("", primary, metric(primary)) else "",
        direction="higher is better" if scores.primary.higher_is_better else "lower is better",
        others=others,
        rows=tuple(
            _row(row, primary, tuple(cells[at] for cells in columns), pairs.get(row.name), span, places)
            for at, row in enumerate(scores.rows)
        ),
    )


def _row(
    row: Score,
    primary: str,
    others: tuple[str, ...],
    pair: Paired | None,
    span: tuple[float, float] | None,
    places: int | None,
) -> Row:
    value = row.metrics.get(primary)
    if value and places is not None and abs(value.value) < 10.0 ** (1 - places):
        places = decimals(value)  # two digits at least, also for a rival that is far better
    same = pair is not None and pair.difference.value == pair.difference.low == pair.difference.high == 0
    return Row(
        name=words(row.name) if row.is_rival else row.name,
        is_network=not row.is_rival,
        value=point(value, places) if value else number(None),
        interval=interval(value, places) if value else "",
        bar=_bar(value, span) if value and span else None,
        others=others,
        difference=difference(pair.difference) if pair and row.is_rival else "",
        p=p_value(pair.p_value) if pair and row.is_rival and not same else "",
        sign=_sign(pair.difference) if pair and row.is_rival else "",
        seconds=duration(row.seconds) if row.seconds else "",
        note=row.note,
    )


def _places(network: Value | None, values: Sequence[Value]) -> int | None:
    """Decimals of the whole column: those that the network's interval supports, else the most of any row's."""
    own = decimals(network) if network else None
    found = [places for value in values if (places := decimals(value)) is not None]
    return own if own is not None else max(found, default=None)


def _sign(value: Value) -> str:
    if value.low is not None and value.low > 0:
        return "better"
    return "worse" if value.high is not None and value.high < 0 else ""


def _span(
    values: Sequence[Value], network: Value | None, higher_is_better: bool
) -> tuple[float, float] | None:
    """The ends of the shared scale: the better half of the rows and the network, so that a rival which only
    guesses does not squeeze the others into one spot. None where there is nothing to compare.
    """
    finite = sorted((value for value in values if math.isfinite(value.value)), key=lambda value: value.value)
    half = (len(finite) + 1) // 2 + 1
    chosen = [
        *(finite[-half:] if higher_is_better else finite[:half]),
        *([network] if network in finite else []),
    ]
    ends = [
        end
        for value in chosen
        for end in (value.value, value.low, value.high)
        if end is not None and math.isfinite(end)
    ]
    if not ends or max(ends) == min(ends):
        return None
    margin = 0.04 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin


def _bar(value: Value, span: tuple[float, float]) -> Bar | None:
    if not math.isfinite(value.value):
        return None

    def place(number: float) -> float:
        return round(min(100.0, max(0.0, 100 * (number - span[0]) / (span[1] - span[0]))), 2)

    low, high = (
        value.value if end is None or not math.isfinite(end) else end for end in (value.low, value.high)
    )
    beyond = -1 if value.value < span[0] else 1 if value.value > span[1] else 0
    return Bar(place(value.value), place(low), round(place(high) - place(low), 2), beyond)


@dataclass(frozen=True)
class Slice:
    """One part of a split: how many examples, the metric there, where its dot and that of the whole split lie, in %."""

    label: str
    count: int
    value: str
    dot: float | None
    whole: float | None


def slice_tables(scores: Scores) -> dict[str, list[Slice]]:
    """Slices by what they slice on, dots on one scale from the least to the largest. Shares are in percent."""
    scores, tables = in_words(scores), {}
    whole = scores.network.metrics.get(scores.primary.name) if scores.rows else None
    all_of_it = whole.value if whole and math.isfinite(whole.value) else None
    # The scale is at least as wide as the interval of the whole, so that a difference within it does not look like one.
    spread = [] if whole is None else [whole.value, whole.low, whole.high]
    around = [end for end in spread if end is not None and math.isfinite(end)]
    for name, parts in scores.slices.items():
        finite = [value for _, _, value in parts if math.isfinite(value)]
        ends = [*finite, *around]
        low, high = (min(ends), max(ends)) if ends else (0.0, 0.0)

        def place(value: float | None, low: float = low, high: float = high) -> float | None:
            known = value is not None and math.isfinite(value) and high > low
            return round(100 * (value - low) / (high - low), 1) if known and value is not None else None

        shown = column([value for _, _, value in parts])
        tables[words(name)] = [
            Slice(str(label), count, text, place(value), place(all_of_it))
            for (label, count, value), text in zip(parts, shown, strict=True)
        ]
    return tables


@dataclass(frozen=True)
class Confusion:
    """Counts of (true, predicted), with each cell's share of its row, for its shade."""

    labels: tuple[str, ...]
    cells: tuple[tuple[tuple[int, float], ...], ...]
    left_out: int


def confusion_table(details: Mapping[str, Any], most: int = 20) -> Confusion | None:
    """`details["confusion"]`, a matrix (true, predicted), with `details["labels"]`; the `most` frequent."""
    matrix, names = details.get("confusion"), details.get("labels", ())
    if matrix is None:
        return None
    rows = [[int(cell) for cell in row] for row in matrix]
    names = [str(name) for name in names] or [str(index) for index in range(len(rows))]
    shown = sorted(sorted(range(len(rows)), key=lambda index: -sum(rows[index]))[:most])
    cells = tuple(tuple((rows[i][j], rows[i][j] / max(1, sum(rows[i]))) for j in shown) for i in shown)
    return Confusion(tuple(names[i] for i in shown), cells, len(rows) - len(shown)) if rows else None


@dataclass(frozen=True)
class TagRow:
    """One tag: how many words have it, and in percent its precision, recall and F1."""

    label: str
    count: int
    precision: str
    recall: str
    f1: str


def tag_table(details: Mapping[str, Any], most: int = 60) -> list[TagRow]:
    """`details["per_tag"]`, rows of tag, words, precision, recall and F1, the `most` frequent; empty where there is none."""
    rows = []
    for label, count, *values in list(details.get("per_tag") or ())[:most]:
        precision, recall, f1 = (f"{100 * float(value):.1f}" for value in values)
        rows.append(TagRow(str(label), int(count), precision, recall, f1))
    return rows


@dataclass(frozen=True)
class CoverageRow:
    """How often it is right on the surest share of the examples, in percent, and how sure it is there at least."""

    share: str
    accuracy: str
    confidence: str


def coverage_rows(
    details: Mapping[str, Any], shares: Sequence[float] = (1.0, 0.9, 0.75, 0.5)
) -> list[CoverageRow]:
    """Some points of `details["abstention"]`, all examples first; empty where there is none."""
    curve = [tuple(map(float, point)) for point in details.get("abstention") or ()]
    near = [min(curve, key=lambda point: abs(point[0] - share)) for share in shares if curve]
    return [
        CoverageRow(f"{100 * share:.0f}", f"{100 * right:.1f}", f"{sure:.2f}")
        for share, right, sure in dict.fromkeys(near)
    ]


@dataclass(frozen=True)
class EntityRow:
    """One series of a panel: windows, mean value, mean absolute error of the network and of the best rival."""

    label: str
    count: int
    mean: str
    network: str
    rival: str
    ahead: bool


def entity_table(details: Mapping[str, Any]) -> list[EntityRow]:
    """`details["ahead"]["rows"]`: the entities at both ends, most ahead first; empty where there is one series alone."""
    rows = list((details.get("ahead") or {}).get("rows") or ())
    means, mine, theirs = (column([row[at] for row in rows], 4) for at in (2, 3, 4))
    return [
        EntityRow(str(row[0]), int(row[1]), means[at], mine[at], theirs[at], row[3] < row[4])
        for at, row in enumerate(rows)
    ]


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, text) pairs; None and empty ones are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{key}.")
        elif value is not None and value != [] and value != ():
            pairs.append((f"{prefix}{key}", _text(value)))
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value)
    return str(value)
