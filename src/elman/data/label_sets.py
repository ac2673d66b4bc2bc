"""Texts with any number of labels each: several in a cell, or a column of 0 and 1 for each label."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Examples, MultiLabelledTexts
from elman.data.table import MANY, beside, column, labelled

SEPARATORS = (";", "|")
OFTEN = 0.05  # share of the cells with a separator from which on they are taken for several labels
MOST = 20 * MANY  # labels: more are not labels, but text
YES, NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no", ""}
Sets = list[tuple[str, ...]]


def columns_of(frame: pl.DataFrame, label: str, where: object) -> tuple[str, ...]:
    """The label column, or the columns of `a,b,c`: one for each label."""
    if label in frame.columns or "," not in label:
        return (column(frame, label, where),)
    return tuple(column(frame, part.strip(), where) for part in label.split(","))


def separator(values: pl.Series) -> str | None:
    """What parts the labels in the cells of a column; None where a cell holds one, or text."""
    if values.dtype != pl.String:
        return None
    given = values.drop_nulls()
    for sign in SEPARATORS:
        share = cast(float, given.str.contains(sign, literal=True).mean() or 0)
        if share >= OFTEN:
            parts = Counter(part.strip() for cell in given for part in cell.split(sign))
            return sign if 2 <= len(parts) <= min(MOST, max(2, len(given) // 2)) else None
    return None


def is_sets(values: pl.Series) -> bool:
    """Whether the cells of a column hold several labels: lists, or strings with a separator."""
    return isinstance(values.dtype, pl.List) or separator(values) is not None


def load(options: DataOptions, frame: pl.DataFrame, path: Any) -> MultiLabelledTexts:
    """Texts and the labels of each, none where a cell is empty. Raises DataError where the columns do not hold that."""
    if not options.text or not options.label:
        raise DataError(
            f"{path}: which column is the text and which holds the labels? Say --text COLUMN --label COLUMN."
        )
    text, names = column(frame, options.text, path), columns_of(frame, options.label, path)
    if frame[text].null_count():
        row = int(frame[text].is_null().arg_max() or 0)
        raise DataError(f"column {text!r} of {path} has no value in row {row + 1}. Fill or drop that row.")
    sets = _indicators(frame, names, path) if len(names) > 1 else _cells(frame[names[0]], path)
    counts = Counter(label for one in sets for label in one)
    labels = names if len(names) > 1 else tuple(sorted(counts))
    if len(labels) > MOST:
        raise DataError(
            f"column {names[0]!r} of {path} has {len(labels):,} different labels; expected {MOST} at most. Keep the most frequent."
        )
    data = labelled(frame[text].cast(pl.String).to_list(), sets, **beside(frame, options, path))
    splits = {split: Examples(part.texts, part.targets) for split, part in data.splits.items()}
    return MultiLabelledTexts(splits, labels, data.provenance)


def _cells(values: pl.Series, path: Any) -> Sets:
    if isinstance(values.dtype, pl.List):
        return [tuple(sorted({str(one) for one in cell or ()})) for cell in values.to_list()]
    sign = separator(values)
    if sign is None:
        raise DataError(
            f"no cell of column {values.name!r} of {path} holds several labels. Expected them with ; or | between (a;b), lists, or a "
            "column of 0 and 1 for each: --label a,b,c. For one class in each row: --task classification."
        )
    cells = values.fill_null("").cast(pl.String).to_list()
    return [tuple(sorted({part.strip() for part in cell.split(sign)} - {""})) for cell in cells]


def _indicators(frame: pl.DataFrame, names: tuple[str, ...], path: Any) -> Sets:
    sets: list[list[str]] = [[] for _ in range(frame.height)]
    for name in names:
        for row, value in enumerate(frame[name].cast(pl.String).fill_null("").str.to_lowercase().to_list()):
            if value in YES:
                sets[row].append(name)
            elif value not in NO:
                raise DataError(
                    f"column {name!r} of {path} holds {value!r} in row {row + 1}; expected 0 or 1 for each row."
                )
    return [tuple(one) for one in sets]
