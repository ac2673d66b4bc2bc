"""An outside model's predictions from a file, as one more rival in the same table and test."""

from __future__ import annotations

import numpy as np
import polars as pl

from elman.core.errors import DataError
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.data.download import local
from elman.data.table import column, read_table
from elman.evaluation.contract import (
    LabelledProblem,
    MultiLabelProblem,
    Problem,
    SeriesProblem,
    TaggedProblem,
    TokenProblem,
)
from elman.evaluation.multilabel import label_matrix
from elman.evaluation.tagging import tag_numbers
from elman.evaluation.texts import class_numbers

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")


def outside(path: str, problem: Problem) -> dict[SplitName, Predictions]:
    """An outside model's predictions by split, from a csv, jsonl or parquet file.

    Columns: `split` (left out: all rows are "test") and `row` (0 = first; tags: of the scored words, sentences in order). Classes and
    tags: one column each with its probability (so, too, where there are several labels), or `prediction` with the name. Numbers: `prediction`. Tokens: `nats` of each token but the first. Forecasts:
    `row` (window), `step` (0 = first ahead), `series`, `prediction`.
    Raises DataError when a row is missing or twice there, or a value is no number.
    """
    frame = read_table(local(path))
    column(frame, "row", path)
    if "split" not in frame.columns:
        return {"test": _read(frame, problem, "test", path)}
    given: dict[SplitName, Predictions] = {}
    for split in ("validation", "test"):
        part = frame.filter(pl.col("split").cast(pl.String) == split)
        if part.height:
            given[split] = _read(part, problem, split, path)
    if not given:
        raise DataError(f"{path} holds no rows whose split is validation or test.")
    return given


def _read(part: pl.DataFrame, problem: Problem, split: SplitName, path: str) -> Predictions:
    rows = _whole(part, "row", path)
    if isinstance(problem, SeriesProblem):
        shape = (len(problem.origins[split]), problem.horizon, len(problem.series))
        index, inside = np.zeros(part.height, np.int64), np.ones(part.height, bool)
        number = {name: index for index, name in enumerate(problem.series)}
        place = {
            "row": rows,
            "step": _whole(part, "step", path) if "step" in part.columns else np.zeros_like(rows),
            "series": part["series"].cast(pl.String).replace_strict(number, default=-1).to_numpy()
            if "series" in part.columns
            else np.zeros_like(rows),
        }
        for (name, values), size in zip(place.items(), shape):
            inside &= (values >= 0) & (values < size)
            index = index * size + values
            if not inside.all():
                wrong = part[name][int(inside.argmin())]
                raise DataError(f"{path} has {name} {wrong!r}; expected {_expected(name, size, problem)}.")
        values = _ordered(part, index, int(np.prod(shape)), "prediction", path).reshape(shape)
        return Predictions("forecasts", values, problem.future(split), problem.series)
    if isinstance(problem, TokenProblem):
        targets = np.asarray(problem.tokens[split][1:])
        return Predictions("tokens", _ordered(part, rows, len(targets), "nats", path), targets)
    if isinstance(problem, TaggedProblem):
        return _classes(part, rows, tag_numbers(problem, split), problem.labels, path)
    assert isinstance(problem, LabelledProblem)
    if isinstance(problem, MultiLabelProblem):
        labels, count = problem.labels or (), len(problem.splits[split])
        outputs = np.stack([_ordered(part, rows, count, label, path) for label in labels], 1)
        return Predictions("labels", outputs, label_matrix(problem, split), labels)
    if problem.labels is not None:
        return _classes(part, rows, class_numbers(problem, split), problem.labels, path)
    values = _ordered(part, rows, len(problem.splits[split]), "prediction", path)
    return Predictions("values", values, np.asarray(problem.splits[split].targets, np.float64))


def _classes(
    part: pl.DataFrame, rows: np.ndarray, targets: np.ndarray, labels: tuple[str, ...], path: str
) -> Predictions:
    """Probabilities from a column for each class, or certainty from the classes in `prediction`."""
    count = len(targets)
    if set(labels) <= set(part.columns):
        outputs = np.stack([_ordered(part, rows, count, label, path) for label in labels], 1)
    else:
        numbers = {label: number for number, label in enumerate(labels)}
        column(part, "prediction", path)
        named = part.with_columns(
            part["prediction"].cast(pl.String).replace_strict(numbers, default=-1).alias("prediction")
        )
        chosen = _ordered(named, rows, count, "prediction", path).astype(int)
        if (chosen < 0).any():
            raise DataError(f"{path} predicts a class that is not one of {', '.join(labels)}.")
        outputs = np.eye(len(labels))[chosen]
    return Predictions("classes", outputs, targets, labels)


def _expected(name: str, size: int, problem: SeriesProblem) -> str:
    return " or ".join(problem.series) if name == "series" else f"0 to {size - 1:,}"


def _whole(part: pl.DataFrame, name: str, path: str) -> np.ndarray:
    values = part[name]
    if not values.dtype.is_integer() or values.null_count():
        raise DataError(f"column {name!r} of {path} must hold whole numbers, counted from 0, and no gaps.")
    return values.to_numpy().astype(np.int64)


def _ordered(part: pl.DataFrame, index: np.ndarray, count: int, name: str, path: str) -> np.ndarray:
    given = part[column(part, name, path)]
    times = np.bincount(index[(index >= 0) & (index < count)], minlength=count)
    if part.height != count or (times != 1).any():
        missing = int((times == 0).sum())
        raise DataError(
            f"{path} has {part.height:,} rows for {count:,} examples ({missing:,} missing). Give every example once."
        )
    numbers = given.cast(pl.Float64, strict=False)
    bad = ~numbers.is_finite().fill_null(False)
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"column {name!r} of {path} holds {given[row]!r} for row {index[row]:,}; expected a number."
        )
    values = np.empty(count)
    values[index] = numbers.to_numpy()
    return values
