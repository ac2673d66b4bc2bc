"""Which column of a table is a text, and which its class or number."""

from __future__ import annotations

from typing import Any, cast

import polars as pl

from elman.core.recipe import DataOptions
from elman.data.label_sets import is_sets
from elman.data.proposal_names import ID_NAMES
from elman.data.stamps import starts_with_dates
from elman.data.table import AUTHOR_NAMES, LABEL_NAMES, MANY, TEXT_NAMES, is_amount
from elman.data.written import almost_numbers

SCALES = {
    "rating",
    "score",
    "stars",
    "grade",
    "points",
}  # whole numbers: as much an order as they are classes
SEVERAL = ("multilabel", "several labels for each text")
LONG = 20  # characters of a mean value from which on a column reads as text
LOOKED = 20_000  # rows that are looked at
DIFFERENT = 0.5  # share of different values from which on short strings are names or words to read


def readings(
    frame: pl.DataFrame, options: DataOptions, task: str | None
) -> list[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """(task, settings, reasons) for each plausible pair of text and label, best first."""
    found: list[tuple[str, dict[str, Any], tuple[str, ...]]] = []
    for text, why in text_columns(frame, options):
        for label, told in _labels(frame, options, text):
            for kind, reason in _kinds(frame[label], options, task) if label in frame.columns else [SEVERAL]:
                reasons = (f"text {text}: {why}", f"label {label}: {told}; {reason}")
                found.append((kind, {"data.text": text, "data.label": label}, reasons))
    return found


def is_long(values: pl.Series) -> bool:
    """Whether a column of strings reads as text, by the length of its values."""
    return values.dtype == pl.String and cast(float, values[:LOOKED].str.len_chars().mean() or 0) > LONG


def text_columns(frame: pl.DataFrame, options: DataOptions) -> list[tuple[str, str]]:
    """What may be the text, and why."""
    if options.text:
        return [(options.text, "as given")]
    taken = {options.label, options.group, "split"}
    strings = [name for name in frame.columns if frame[name].dtype == pl.String and name not in taken]
    lower = {name.lower(): name for name in strings}
    named = [lower[name] for name in TEXT_NAMES if name in lower]
    if named:
        return [(named[0], "by its name")]
    long = [name for name in strings if is_long(frame[name])]
    if long:
        return [(name, f"values of more than {LONG} characters") for name in long]
    head = frame.head(LOOKED)
    words = [
        name
        for name in strings
        if head[name].n_unique() > max(2, DIFFERENT * head.height)
        and not ID_NAMES.match(name)
        and not head[name].str.contains(r"^[\d.,:/ -]+$").all()
        and not starts_with_dates(head[name])
        and almost_numbers(head[name]) is None
    ]
    return [(name, "strings, most of them different") for name in words]


def _labels(frame: pl.DataFrame, options: DataOptions, text: str) -> list[tuple[str, str]]:
    if options.label:
        return [(options.label, "as given")]
    taken = {text, options.group, "split"}
    rest = [name for name in frame.columns if name not in taken]
    lower = {name.lower(): name for name in rest}
    named = [lower[name] for name in LABEL_NAMES if name in lower]
    if named:
        return [(name, "by its name") for name in named]
    few = [name for name in rest if _is_label(frame[name])]
    # Who wrote a text is seldom the question where another column is one.
    few = [name for name in few if not AUTHOR_NAMES.search(name)] or few
    if few:
        return [(name, "few different values") for name in few]
    amounts = [name for name in rest if frame[name].dtype.is_numeric() and not ID_NAMES.match(name)]
    if amounts:
        return [(name, "numbers") for name in amounts if frame[name].n_unique() > 1]
    told = len(rest) == 1 and not frame[rest[0]].dtype.is_temporal()
    return [(rest[0], "the only other column")] if told else []


def _is_label(values: pl.Series) -> bool:
    """Few different values, more than one, and not a number of its own for each row."""
    different = values.drop_nulls().n_unique()
    told = values.dtype == pl.String or values.dtype == pl.Boolean or values.dtype.is_integer()
    return told and 2 <= different <= MANY and different < len(values)


def _kinds(values: pl.Series, options: DataOptions, task: str | None) -> list[tuple[str, str]]:
    """Classes or a number: both where a scale of whole numbers was guessed."""
    different = values.drop_nulls().n_unique()
    classes = ("classification", f"{different:,} classes")
    number = ("regression", f"a number with {different:,} different values")
    if task == "multilabel":
        return [SEVERAL]
    if task is None and is_sets(values):
        return [SEVERAL]
    if task in ("classification", "regression"):
        return [(task, classes[1] if task == "classification" else number[1])]
    if is_amount(values):
        return [number]
    scale = values.dtype.is_integer() and different > 2 and not options.label
    if scale and (values.name.lower() in SCALES or values.name.lower() not in LABEL_NAMES):
        return [classes, number]
    return [classes]
