"""What is in a data set, before any training: sizes, balance, lengths, words never seen, gaps, suspicious values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from elman.data.contract import (
    Corpus,
    Dataset,
    Examples,
    LabelledSeries,
    LabelledTexts,
    SeriesTable,
    TaggedTexts,
    ValueExamples,
)
from elman.data.passage import opening
from elman.data.pitfalls import suspects
from elman.data.structure import describe

Lines = list[tuple[str, str]]  # (what, what there is to say)
WORD = re.compile(r"\w+|[^\w\s]")
UNIT = re.compile(r"[(\[]([^)\]]+)[)\]]\s*$")  # as people write it behind a column's name
MOST_CLASSES = 12  # more are summed up
SAMPLE = 5_000  # texts whose words are counted, per split
CHARACTERS = 5_000_000  # of running text whose words are counted
BARS = " ▁▂▃▄▅▆▇█"


def profile(dataset: Dataset) -> Lines:
    """Lines for a person, most important first."""
    if isinstance(dataset, Corpus):
        return _corpus(dataset)
    if isinstance(dataset, TaggedTexts):
        return _tagged(dataset)
    if isinstance(dataset, LabelledSeries):
        return _values(dataset)
    return _texts(dataset) if isinstance(dataset, LabelledTexts) else _series(dataset)


def _texts(dataset: LabelledTexts) -> Lines:
    lines: Lines = []
    single = max(len(WORD.findall(text)) for text in dataset.splits["train"].texts[:1000]) <= 5
    words = {
        split: [WORD.findall(text) for text in _some(one.texts)] for split, one in dataset.splits.items()
    }
    for split, examples in dataset.splits.items():
        sizes = [len(text) for text in _some(examples.texts)] if single else list(map(len, words[split]))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        lines.append(
            (
                split,
                f"{len(examples):,} texts; {'characters' if single else 'words'}: {low:.0f} to {high:.0f} (90%), "
                f"median {middle:.0f}, longest {most:,.0f}",
            )
        )
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        lines.append(("", _balance(examples, dataset.labels)))
    if dataset.unlabelled:
        lines.append(
            ("unlabelled", f"{len(dataset.unlabelled):,} texts without a label, not used in training")
        )
    train = dataset.splits["train"]
    if not single:
        lines.append(("words", _unknown(words["train"], words["test"])))
    lines += [("duplicates", _duplicates(dataset))]
    blank = sum(not text.strip() for examples in dataset.splits.values() for text in examples.texts)
    if blank:
        lines.append(("empty", f"{blank:,} texts are empty"))
    return lines + [
        ("example", f"{train.targets[row]}: {train.texts[row][:70]!r}") for row in _spread(len(train), 3)
    ]


def _tagged(dataset: TaggedTexts) -> Lines:
    lines: Lines = []
    for split, examples in dataset.splits.items():
        sizes = list(map(len, examples.words))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        said = f"{len(examples):,} sentences of {low:.0f} to {high:.0f} words (90%), median {middle:.0f}, longest {most:,.0f}; "
        lines.append((split, f"{said}{sum(sizes):,} words"))
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        counts = Counter(tag for tags in examples.tags for tag in tags)
        total, unscored = sum(counts.values()) - counts[""], counts.pop("", 0)
        shown = ", ".join(
            f"{tag} {count / max(1, total):.1%}" for tag, count in counts.most_common(MOST_CLASSES)
        )
        more = f" and {len(counts) - MOST_CLASSES} more tags" if len(counts) > MOST_CLASSES else ""
        lines.append(("", shown + more + (f"; {unscored:,} words are not scored" if unscored else "")))
    train = dataset.splits["train"]
    kinds: dict[str, set[str]] = {}
    for words, tags in zip(train.words, train.tags):
        for word, tag in zip(words, tags):
            if tag:
                kinds.setdefault(word, set()).add(tag)
    several = sum(len(kinds.get(word, ())) > 1 for words in train.words for word in words)
    share = several / max(1, sum(map(len, train.words)))
    lines.append(("words", _unknown(train.words, dataset.splits["test"].words)))
    lines.append(("tags", f"{share:.1%} of the training words are of a form that has several tags"))
    pairs = [list(zip(train.words[row], train.tags[row]))[:12] for row in _spread(len(train), 3)]
    return lines + [("example", " ".join(f"{word}/{tag or '-'}" for word, tag in one)) for one in pairs]


def _values(dataset: LabelledSeries) -> Lines:
    lines: Lines = []
    for split, examples in dataset.splits.items():
        sizes = list(map(len, examples.values))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        said = f"{len(examples):,} series of {low:.0f} to {high:.0f} steps (90%), median {middle:.0f}, longest {most:,.0f}"
        lines.append((split, said))
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        lines.append(("", _balance(examples, dataset.labels)))
    train = np.concatenate(dataset.splits["train"].values)
    for number, name in enumerate(dataset.channels[:MOST_CLASSES]):
        seen = train[:, number][~np.isnan(train[:, number])].astype(np.float64)
        if not len(seen):
            text = f"{name}: no value at all"
        else:
            text = f"{name}: mean {seen.mean():.4g}, deviation {seen.std():.4g}, {seen.min():.4g} to {seen.max():.4g}"
            missing = len(train) - len(seen)
            text += f"; {missing:,} missing ({missing / len(train):.1%})" if missing else "; none missing"
            text += "; constant" if seen.min() == seen.max() else ""
        lines.append(("channels" if number == 0 else "", text))
    if len(dataset.channels) > MOST_CLASSES:
        lines.append(("", f"and {len(dataset.channels) - MOST_CLASSES:,} more"))
    return lines


def _spread(count: int, wanted: int) -> list[int]:
    """Rows evenly over a split: files sorted by class would else show one class."""
    return sorted({row * count // wanted for row in range(wanted)}) if count >= wanted else list(range(count))


def _some(texts: Sequence[str]) -> list[str]:
    return [texts[row] for row in _spread(len(texts), min(SAMPLE, len(texts)))]


def histogram(sizes: Sequence[int]) -> str:
    """Counts in ten equal steps up to the 99th percentile, drawn as bars: "3 |▂▅█▃▁| 240"; the last bar holds all longer ones."""
    low, high = int(min(sizes)), max(int(np.percentile(sizes, 99)), int(min(sizes)) + 1)
    counts, _ = np.histogram(np.minimum(sizes, high), bins=min(10, high - low + 1), range=(low, high))
    bars = "".join(BARS[int(np.ceil((len(BARS) - 1) * count / counts.max()))] for count in counts)
    return f"{low:,} |{bars}| {high:,}" + (" and more" if max(sizes) > high else "")


def _balance(examples: Examples | ValueExamples, labels: Sequence[str] | None) -> str:
    if labels is None:
        values = np.asarray(examples.targets, np.float64)
        low, middle, high = np.percentile(values, [0, 50, 100])
        return f"target: mean {values.mean():.4g}, deviation {values.std():.4g}, {low:.4g} to {high:.4g}, median {middle:.4g}"
    counts, total = Counter(map(str, examples.targets)), len(examples)
    shown = list(labels) if len(labels) <= MOST_CLASSES else [name for name, _ in counts.most_common(5)]
    text = ", ".join(f"{label} {counts[label] / total:.1%}" for label in shown)
    if len(labels) > MOST_CLASSES:
        rare = sum(counts[label] < 10 for label in labels)
        text = f"{len(labels):,} classes, most frequent {text}; {rare:,} have fewer than 10 examples"
    absent = [label for label in labels if not counts[label]]
    return text + (f"; none of {', '.join(absent[:5])}" if absent and len(labels) <= MOST_CLASSES else "")


def _unknown(train: Iterable[Sequence[str]], test: Iterable[Sequence[str]]) -> str:
    known = Counter(word.lower() for words in train for word in words)
    seen = [word.lower() for words in test for word in words]
    share = sum(word not in known for word in seen) / max(1, len(seen))
    once = sum(count == 1 for count in known.values()) / max(1, len(known))
    return f"{len(known):,} different in training, {once:.0%} of them once only; {share:.1%} of the test's words are not among them"


def _duplicates(dataset: LabelledTexts) -> str:
    places: dict[str, set[str]] = {}
    targets: dict[str, set[Any]] = {}
    near: dict[str, set[str]] = {}
    count = 0
    for split, examples in dataset.splits.items():
        for text, target in zip(examples.texts, examples.targets):
            places.setdefault(text, set()).add(split)
            targets.setdefault(text, set()).add(target)
            near.setdefault(" ".join(text.lower().split()), set()).add(split)
            count += 1
    across, torn = sum(len(one) > 1 for one in places.values()), sum(len(one) > 1 for one in targets.values())
    text = f"{count - len(places):,} exact copies; {across:,} texts in more than one split; {torn:,} with different targets"
    alike = len(places) - len(near)
    if alike:
        both = sum(len(one) > 1 for one in near.values()) - across
        text += f"; {alike:,} more differ in capitals or spaces alone, {max(0, both):,} of them across splits"
    return text


def _corpus(dataset: Corpus) -> Lines:
    lines: Lines = []
    looked = {split: opening(text, CHARACTERS) for split, text in dataset.splits.items()}
    for split, text in dataset.splits.items():
        part = looked[split]
        counted = (
            f"{len(set(part)):,} different; {len(part.split()):,} words, {part.count(chr(10)) + 1:,} lines"
        )
        most = f" in the first {CHARACTERS:,}" if len(text) > CHARACTERS else ""
        lines.append((split, f"{len(text):,} characters, {counted}{most}"))
    train, test = looked["train"], looked["test"]
    new = sorted(set(test) - set(train))
    lines.append(
        (
            "characters",
            f"{len(new)} of the test split are never seen in training"
            + (f": {''.join(new[:20])!r}" if new else ""),
        )
    )
    lines.append(("words", _unknown([WORD.findall(train)], [WORD.findall(test)])))
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
    units = {
        name: match[1]
        for name in (*table.targets, *table.known, *table.observed)
        if (match := UNIT.search(name))
    }
    if units:
        lines.append(
            (
                "units",
                ", ".join(
                    f"{name.partition('(')[0].partition('[')[0].strip()} in {unit}"
                    for name, unit in units.items()
                ),
            )
        )
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
    return lines


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
