"""Forecasts of many entities: errors that compare large and small ones, and in how many of them a forecast is ahead."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.core.results import Predictions
from elman.evaluation.contract import SeriesProblem

FLAT = 1e-12  # a naive error below this is none: nothing can be scaled by it
SHOWN = 10  # entities at either end of the table


def metrics(predictions: Predictions, problem: SeriesProblem) -> dict[str, float]:
    """wape: sum of absolute errors as a share of the sum of absolute values. mase (Hyndman and Koehler 2006) and rmsse
    (Makridakis et al. 2022): the error of each entity and series over that of repeating the last season, or the last value, in its
    training rows; the mean over those where that error is not 0.
    """
    difference = predictions.outputs - predictions.targets
    whole = float(np.nansum(np.abs(predictions.targets)))
    entity = entities(predictions, problem)
    mase, rmsse = [], []
    for number in np.unique(entity):
        each = difference[entity == number]
        seasonal, last = _naive(problem, int(number))
        with np.errstate(invalid="ignore"):
            known = ~np.isnan(each)
            count = np.maximum(known.sum((0, 1)), 1)
            absolute = np.where(known, np.abs(each), 0).sum((0, 1)) / count
            squared = np.where(known, each**2, 0).sum((0, 1)) / count
        some = known.any((0, 1))
        mase += list((absolute / np.where(seasonal > FLAT, seasonal, np.nan))[some])
        rmsse += list(np.sqrt(squared / np.where(last > FLAT, last, np.nan))[some])
    return {
        "wape": float(np.nansum(np.abs(difference))) / whole if whole > 0 else float("nan"),
        "mase": _mean(mase),
        "rmsse": _mean(rmsse),
    }


def ahead(network: Predictions, rival: Predictions, problem: SeriesProblem) -> dict[str, Any]:
    """In how many entities the mean absolute error is lower than the rival's, and the entities at both ends."""
    entity = entities(network, problem)
    rows = []
    for number in np.unique(entity):
        here = entity == number
        mine, theirs = (
            float(np.nanmean(np.abs(each.outputs[here] - each.targets[here])))
            if np.isfinite(each.targets[here]).any()
            else float("nan")
            for each in (network, rival)
        )
        mean = (
            float(np.nanmean(network.targets[here]))
            if np.isfinite(network.targets[here]).any()
            else float("nan")
        )
        rows.append((problem.entities[int(number)], int(here.sum()), mean, mine, theirs))
    rows = [row for row in rows if np.isfinite(row[3])]
    rows.sort(key=lambda row: (row[3] - row[4]) / max(row[4], FLAT))
    shown = rows if len(rows) <= 2 * SHOWN else rows[:SHOWN] + rows[-SHOWN:]
    won = sum(mine < theirs for *_, mine, theirs in rows)
    return {"won": won, "entities": len(rows), "rows": [list(row) for row in shown]}


def entities(predictions: Predictions, problem: SeriesProblem) -> np.ndarray:
    """The entity of each window (n,): windows are found by what came true, so that no split must be named."""
    for split, origins in problem.origins.items():
        if len(origins) == len(predictions.targets) and np.array_equal(
            problem.future(split), predictions.targets, equal_nan=True
        ):
            found: np.ndarray = problem.entity[origins]
            return found
    return np.zeros(len(predictions.targets), np.int64)


def _naive(problem: SeriesProblem, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Of an entity's training rows: mean absolute change over a season, mean squared change over a step, (series,) each.

    Steps before the first value that is not 0 do not count: nothing was there to be forecast yet.
    """
    here = (problem.entity == number) & problem.train_rows
    values = problem.values[here]
    begun = np.flatnonzero(np.any((values != 0) & problem.observed[here], 1))
    values = values[begun[0] if len(begun) else 0 :]
    if len(values) < 2:
        return np.zeros(values.shape[1]), np.zeros(values.shape[1])
    lag = problem.season if problem.season < len(values) else 1
    return np.abs(values[lag:] - values[:-lag]).mean(0), (np.diff(values, axis=0) ** 2).mean(0)


def _mean(values: list[Any]) -> float:
    known = [float(value) for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
