"""What the forecasting rivals share: past rows before an origin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, SeriesProblem


def forecaster(problem: SeriesProblem, forecast: Callable[[np.ndarray], np.ndarray]) -> Predictor:
    """A predictor from `forecast(origins)` -> (windows, horizon, series) in the data's unit; counts are 0 at least."""

    def predict(split: SplitName) -> Predictions:
        values = forecast(problem.origins[split])
        values = np.maximum(values, 0) if problem.kind == "count" else values
        return Predictions("forecasts", values, problem.future(split), problem.series)

    return predict


def past(problem: SeriesProblem, origins: np.ndarray, length: int) -> np.ndarray:
    """The `length` rows before each origin (windows, length, series)."""
    return problem.values[origins[:, None] + np.arange(-length, 0)]


def seasons_back(problem: SeriesProblem, origins: np.ndarray, count: int) -> np.ndarray:
    """The last `count` values at the same phase as each future step (windows, count, horizon, series).

    Only rows before the origin; a step further ahead than a season looks back as many seasons more.
    """
    step = np.arange(problem.horizon)
    back = (step // problem.season + 1 + np.arange(count)[:, None]) * problem.season
    rows = origins[:, None, None] + step - back
    begin = begun_rows(problem)[origins][:, None, None]
    rows = np.maximum(rows, begin + (rows - begin) % problem.season)
    # Where the past is shorter than a season nothing has this phase yet: the last value stands in.
    seen: np.ndarray = problem.values[np.minimum(rows, origins[:, None, None] - 1)]
    return seen


def first_rows(problem: SeriesProblem) -> np.ndarray:
    """The row where the entity of each row begins (rows,)."""
    row = np.arange(len(problem.entity))
    starts = np.concatenate([[True], problem.entity[1:] != problem.entity[:-1]])
    first: np.ndarray = np.maximum.accumulate(np.where(starts, row, 0))
    return first


def begun_rows(problem: SeriesProblem) -> np.ndarray:
    """The row of the first value of each row's entity (rows,): rows before it hold none."""
    row = np.arange(len(problem.entity))
    first = first_rows(problem)
    seen = problem.observed.any(1)
    begin = np.full(len(row) + 1, len(row))
    np.minimum.at(begin, first[seen], row[seen])
    found: np.ndarray = np.where(begin[first] < len(row), begin[first], first)
    return found
