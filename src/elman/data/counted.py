"""What is counted in any data set: lengths and courses drawn as bars, the balance of classes, copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.data.contract import Examples, ValueExamples

Lines = list[tuple[str, str]]  # (what, what there is to say)
MOST_CLASSES = 12  # more are summed up
SHOWN = 3  # examples, and channels or targets drawn
BARS = " ▁▂▃▄▅▆▇█"


def histogram(sizes: Sequence[int]) -> str:
    """Counts in ten equal steps up to the 99th percentile, drawn as bars: "3 |▂▅█▃▁| 240"; the last bar holds all longer ones."""
    low, high = int(min(sizes)), int(np.percentile(sizes, 99))
    if low == max(sizes):
        return f"{low:,} |{BARS[-1]}| {low:,}"
    high = max(high, low + 1)
    counts, _ = np.histogram(np.minimum(sizes, high), bins=min(10, high - low + 1), range=(low, high))
    bars = "".join(BARS[int(np.ceil((len(BARS) - 1) * count / counts.max()))] for count in counts)
    return f"{low:,} |{bars}| {high:,}" + (" and more" if max(sizes) > high else "")


def curve(values: np.ndarray, width: int = 40) -> str:
    """A series (time,) drawn as bars from its least value to its greatest: means of up to `width` equal parts; a gap where none is."""
    parts = np.array_split(np.asarray(values, np.float64), min(width, len(values)))
    means = np.array([part[~np.isnan(part)].mean() if (~np.isnan(part)).any() else np.nan for part in parts])
    if np.isnan(means).all():
        return " " * len(means)
    low, high = np.nanmin(means), np.nanmax(means)
    places = 1 + np.round((len(BARS) - 2) * (means - low) / ((high - low) or 1))
    return "".join(" " if np.isnan(place) else BARS[int(place)] for place in places)


def balance(examples: Examples | ValueExamples, labels: Sequence[str] | None) -> str:
    """The share of each class or label, or the distribution of the number to predict."""
    if labels is None:
        values = np.asarray(examples.targets, np.float64)
        low, middle, high = np.percentile(values, [0, 50, 100])
        return f"target: mean {values.mean():.4g}, deviation {values.std():.4g}, {low:.4g} to {high:.4g}, median {middle:.4g}"
    total = len(examples)
    sets = [target for target in examples.targets if isinstance(target, tuple)]
    counts = Counter(label for one in sets for label in one) if sets else Counter(map(str, examples.targets))
    shown = list(labels) if len(labels) <= MOST_CLASSES else [name for name, _ in counts.most_common(5)]
    text = ", ".join(f"{label} {counts[label] / total:.1%}" for label in shown)
    if len(labels) > MOST_CLASSES:
        rare = sum(counts[label] < 10 for label in labels)
        text = f"{len(labels):,} {'labels' if sets else 'classes'}, most frequent {text}; {rare:,} have fewer than 10 examples"
    if sets:
        none = sum(not one for one in sets)
        text += f"; {sum(map(len, sets)) / total:.1f} labels an example" + (
            f", {none:,} without" if none else ""
        )
    absent = [label for label in labels if not counts[label]]
    return text + (f"; none of {', '.join(absent[:5])}" if absent and len(labels) <= MOST_CLASSES else "")


def copies(splits: Mapping[Any, tuple[Sequence[Any], Sequence[Any]]], what: str) -> tuple[str, int, int]:
    """In words; and how many different ones there are, and stand in more than one split: keys and targets of each split."""
    places: dict[Any, set[str]] = {}
    targets: dict[Any, set[Any]] = {}
    count = 0
    for split, (keys, wanted) in splits.items():
        for key, target in zip(keys, wanted):
            places.setdefault(key, set()).add(split)
            targets.setdefault(key, set()).add(target)
            count += 1
    across, torn = sum(len(one) > 1 for one in places.values()), sum(len(one) > 1 for one in targets.values())
    text = f"{count - len(places):,} exact copies; {across:,} {what} in more than one split; {torn:,} with different targets"
    return text, len(places), across


def spread(count: int, wanted: int) -> list[int]:
    """Rows evenly over a split: files sorted by class would else show one class."""
    return sorted({row * count // wanted for row in range(wanted)}) if count >= wanted else list(range(count))
