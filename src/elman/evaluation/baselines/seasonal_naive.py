"""The value one season ago."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import forecaster, seasons_back

TASKS = ("forecasting",)


def fits(problem: SeriesProblem) -> bool:
    """Series with a season; returns have none worth repeating."""
    return problem.season > 1 and problem.kind != "return"


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """Nothing is fitted."""
    return forecaster(problem, lambda origins: seasons_back(problem, origins, 1)[:, 0])
