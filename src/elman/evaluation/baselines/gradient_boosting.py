"""Gradient-boosted trees on lags, the season before, the step ahead and covariates known in advance (scikit-learn)."""

from __future__ import annotations

import numpy as np

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import forecaster, past, seasons_back

TASKS = ("forecasting",)
ROWS = 60_000  # training examples (window, step ahead, series) at most


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """One model for all steps and series; at most 150 trees, fewer for a shorter time."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    draw = np.random.default_rng(0)
    series, horizon = len(problem.series), problem.horizon
    count = len(problem.origins["train"]) * horizon * series
    cells = draw.choice(count, min(ROWS, count), replace=False)
    origins = problem.origins["train"][cells // (horizon * series)]
    step, column = cells // series % horizon, cells % series
    x, level = _features(problem, origins, step, column)
    y = problem.values[origins + step, column] / problem.std[column] - level
    # The limit is kept by construction, so that a busy machine gives the same trees as a quiet one.
    trees = int(np.clip(seconds, 20, 150))
    model = HistGradientBoostingRegressor(
        max_iter=trees, learning_rate=0.1, max_leaf_nodes=31, random_state=0
    )
    model.fit(x, y)

    def forecast(at: np.ndarray) -> np.ndarray:
        outputs = np.empty((len(at), horizon, series))
        for first in range(0, len(at), 500):
            some = at[first : first + 500]
            cells = np.arange(len(some) * horizon * series)
            step, column = cells // series % horizon, cells % series
            x, level = _features(problem, some[cells // (horizon * series)], step, column)
            values = (model.predict(x) + level) * problem.std[column]
            outputs[first : first + 500] = values.reshape(len(some), horizon, series)
        return outputs

    return forecaster(problem, forecast)


def _features(
    problem: SeriesProblem, origins: np.ndarray, step: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(examples, features), and the level (examples,) that is taken off lags and target alike, in training deviations."""
    lags = min(problem.context_length, 24)
    unique, place = np.unique(origins, return_inverse=True)
    window = past(problem, unique, lags)[place, :, column] / problem.std[column][:, None]
    back = min(3, max(1, problem.context_length // max(1, problem.season)))
    season = seasons_back(problem, unique, back)[place, :, step, column] / problem.std[column][:, None]
    level = window[:, -1] if problem.kind != "return" else np.zeros(len(window))
    known = problem.known[origins + step]
    ahead = [step[:, None], column[:, None], level[:, None], known]
    return np.concatenate([window - level[:, None], season - level[:, None], *ahead], 1), level
