"""What is in a data set, before any training: sizes, balance, lengths, words never seen, gaps, suspicious values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from elman.data.contract import Corpus, Dataset, Examples, LabelledTexts, SeriesTable
from elman.data.pitfalls import suspects

Lines = list[tuple[str, str]]  # (what, what there is to say)
WORD = re.compile(r"\w+|[^\w\s]")
MOST_CLASSES = 12  # more are summed up
SAMPLE = 20_000  # texts whose words are counted, per split


def profile(dataset: Dataset) -> Lines:
    """Lines for a person, most important first."""
    if isinstance(dataset, Corpus):
        return _corpus(dataset)
    return _texts(dataset) if isinstance(dataset, LabelledTexts) else _series(dataset)


def _texts(dataset: LabelledTexts) -> Lines:
    lines: Lines = []
    single = max(len(WORD.findall(text)) for text in dataset.splits["train"].texts[:1000]) <= 5
    for split, examples in dataset.splits.items():
        sizes = [len(text) if single else len(WORD.findall(text)) for text in examples.texts[:SAMPLE]]
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        lines.append(
            (
                split,
                f"{len(examples):,} texts; {'characters' if single else 'words'}: {low:.0f} to {high:.0f} (90%), "
                f"median {middle:.0f}, longest {most:,.0f}",
            )
        )
        lines.append(("", _balance(examples, dataset.labels)))
    if dataset.unlabelled:
        lines.append(
            ("unlabelled", f"{len(dataset.unlabelled):,} texts without a label, not used in training")
        )
    train, test = dataset.splits["train"], dataset.splits["test"]
    if not single:
        lines.append(("words", _unknown(train.texts[:SAMPLE], test.texts[:SAMPLE])))
    lines += [("duplicates", _duplicates(dataset))]
    blank = sum(not text.strip() for examples in dataset.splits.values() for text in examples.texts)
    if blank:
        lines.append(("empty", f"{blank:,} texts are empty"))
    return lines + [
        ("example", f"{train.targets[row]}: {train.texts[row][:70]!r}") for row in range(min(3, len(train)))
    ]


def _balance(examples: Examples, labels: Sequence[str] | None) -> str:
    if labels is None:
        values = np.asarray(examples.targets, np.float64)
        low, middle, high = np.percentile(values, [0, 50, 100])
        return f"target: mean {values.mean():.4g}, deviation {values.std():.4g}, {low:.4g} to {high:.4g}, median {middle:.4g}"
    counts, total = Counter(map(str, examples.targets)), len(examples)
    shown = list(labels) if len(labels) <= MOST_CLASSES else [name for name, _ in counts.most_common(5)]
    text = ", ".join(f"{label} {counts[label] / total:.1%}" for label in shown)
    if len(labels) > MOST_CLASSES:
        rare = sum(counts[label] < 10 for label in labels)
        text = f"{len(labels):,} classes, most frequent {text}; {rare:,} have fewer than 10 texts"
    absent = [label for label in labels if not counts[label]]
    return text + (f"; none of {', '.join(absent[:5])}" if absent and len(labels) <= MOST_CLASSES else "")


def _unknown(train: Iterable[str], test: Iterable[str]) -> str:
    known = Counter(word.lower() for text in train for word in WORD.findall(text))
    seen = [word.lower() for text in test for word in WORD.findall(text)]
    share = sum(word not in known for word in seen) / max(1, len(seen))
    once = sum(count == 1 for count in known.values()) / max(1, len(known))
    return f"{len(known):,} different in training, {once:.0%} of them once only; {share:.1%} of the test's words are not among them"


def _duplicates(dataset: LabelledTexts) -> str:
    places: dict[str, set[str]] = {}
    targets: dict[str, set[Any]] = {}
    count = 0
    for split, examples in dataset.splits.items():
        for text, target in zip(examples.texts, examples.targets):
            places.setdefault(text, set()).add(split)
            targets.setdefault(text, set()).add(target)
            count += 1
    across, torn = sum(len(one) > 1 for one in places.values()), sum(len(one) > 1 for one in targets.values())
    return f"{count - len(places):,} exact copies; {across:,} texts in more than one split; {torn:,} with different targets"


def _corpus(dataset: Corpus) -> Lines:
    lines: Lines = []
    for split, text in dataset.splits.items():
        lines.append(
            (
                split,
                f"{len(text):,} characters, {len(set(text)):,} different; {len(text.split()):,} words, {text.count(chr(10)) + 1:,} lines",
            )
        )
    train, test = dataset.splits["train"], dataset.splits["test"]
    new = sorted(set(test) - set(train))
    lines.append(
        (
            "characters",
            f"{len(new)} of the test split are never seen in training"
            + (f": {''.join(new[:20])!r}" if new else ""),
        )
    )
    lines.append(("words", _unknown([train], [test])))
    return [*lines, ("example", repr(train[:70]))]


def _series(table: SeriesTable) -> Lines:
    frame, time = table.frame, table.time
    stamps, last = cast(Any, frame[time].min()), cast(Any, frame[time].max())
    entities = f", {frame[table.entity].n_unique():,} entities by {table.entity}" if table.entity else ""
    lines: Lines = [
        (
            "rows",
            f"{frame.height:,} from {stamps} to {last}{entities}; step {table.frequency.removesuffix(', 0:00:00')}, season {table.season} steps",
        )
    ]
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
    return lines


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
    for value, count in suspects(values):
        often = f"comes {count:,} times" if count > 1 else "comes once"
        text += f"; {value:g} {often}, far from all others: if it means missing, --sentinels {value:g}"
    return text


def _longest(frame: pl.DataFrame, name: str, entity: str | None) -> int:
    groups = [frame] if entity is None else frame.partition_by(entity)
    runs = [
        group[name].is_null().rle().struct.unnest().filter(pl.col("value"))["len"].max() for group in groups
    ]
    return max(cast(int, run or 0) for run in runs)
