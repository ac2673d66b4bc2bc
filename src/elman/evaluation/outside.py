"""An outside model's predictions from a file, as one more rival in the same table and test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from elman.core.errors import DataError
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, Problem, SeriesProblem, TextProblem, TokenProblem
from elman.evaluation.texts import class_numbers


def outside(path: str, problem: Problem) -> Predictor:
    """A predictor from a csv or parquet file with a column `split` (left out: all rows are "test") and `row` (0 = first).

    Classes: one column per class with its probability, or `prediction` with the class. Numbers: `prediction`. Tokens: `nats`
    of each token but the first. Forecasts: `row` (window), `step` (0 = first ahead), `series`, `prediction`.
    Raises DataError when a row is missing or twice there.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise DataError(f"no predictions at {path}.")
    frame = (
        pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema_length=None)
    )
    if "row" not in frame.columns:
        raise DataError(f"{path} has no column 'row'; columns: {', '.join(frame.columns)}.")

    def predict(split: SplitName) -> Predictions:
        part = (
            frame.filter(pl.col("split") == split)
            if "split" in frame.columns
            else frame
            if split == "test"
            else frame.clear()
        )
        if not part.height:
            raise DataError(f"{path} holds no predictions for the {split} split.")
        return _read(part, problem, split, path)

    return predict


def _read(part: pl.DataFrame, problem: Problem, split: SplitName, path: str) -> Predictions:
    if isinstance(problem, SeriesProblem):
        shape = (len(problem.origins[split]), problem.horizon, len(problem.series))
        number = {name: index for index, name in enumerate(problem.series)}
        series = (
            part["series"].replace_strict(number, default=-1)
            if "series" in part.columns
            else pl.zeros(part.height, eager=True)
        )
        step = part["step"] if "step" in part.columns else pl.zeros(part.height, eager=True)
        index = np.ravel_multi_index(
            (part["row"].to_numpy(), step.cast(pl.Int64).to_numpy(), series.cast(pl.Int64).to_numpy()),
            shape,
            mode="clip",
        )
        return Predictions(
            "forecasts",
            _ordered(part, index, int(np.prod(shape)), "prediction", path).reshape(shape),
            problem.future(split),
            problem.series,
        )
    rows = part["row"].to_numpy()
    if isinstance(problem, TokenProblem):
        targets = np.asarray(problem.tokens[split][1:])
        return Predictions("tokens", _ordered(part, rows, len(targets), "nats", path), targets)
    assert isinstance(problem, TextProblem)
    count = len(problem.splits[split])
    if problem.labels is None:
        return Predictions(
            "values",
            _ordered(part, rows, count, "prediction", path),
            np.asarray(problem.splits[split].targets, np.float64),
        )
    if set(problem.labels) <= set(part.columns):
        outputs = np.stack([_ordered(part, rows, count, label, path) for label in problem.labels], 1)
    else:
        numbers = {label: number for number, label in enumerate(problem.labels)}
        named = part.with_columns(
            part["prediction"].cast(pl.String).replace_strict(numbers, default=-1).alias("prediction")
        )
        chosen = _ordered(named, rows, count, "prediction", path).astype(int)
        if (chosen < 0).any():
            raise DataError(f"{path} predicts a class that is not one of {', '.join(problem.labels)}.")
        outputs = np.eye(len(problem.labels))[chosen]
    return Predictions("classes", outputs, class_numbers(problem, split), problem.labels)


def _ordered(part: pl.DataFrame, index: np.ndarray, count: int, column: str, path: str) -> np.ndarray:
    if column not in part.columns:
        raise DataError(f"{path} has no column {column!r}; columns: {', '.join(part.columns)}.")
    times = np.bincount(index[(index >= 0) & (index < count)], minlength=count)
    if part.height != count or (times != 1).any():
        missing = int((times == 0).sum())
        raise DataError(
            f"{path} has {part.height:,} rows for {count:,} examples ({missing:,} missing). Give every example once."
        )
    values = np.empty(count)
    values[index] = part[column].cast(pl.Float64).to_numpy()
    return values
