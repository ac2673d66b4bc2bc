"""A return of zero: the random walk of a price."""

from __future__ import annotations

import numpy as np

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import forecaster

TASKS = ("forecasting",)


def fits(problem: SeriesProblem) -> bool:
    """Returns only."""
    return problem.kind == "return"


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """Nothing is fitted."""
    shape = (problem.horizon, len(problem.series))
    return forecaster(problem, lambda origins: np.zeros((len(origins), *shape)))
