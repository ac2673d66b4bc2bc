"""The last value, for every step: the random walk."""

from __future__ import annotations

import numpy as np

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import forecaster

TASKS = ("forecasting",)


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """Nothing is fitted."""
    return forecaster(
        problem, lambda origins: np.repeat(problem.values[origins - 1][:, None], problem.horizon, 1)
    )
