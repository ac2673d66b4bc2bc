"""The mean of the last seven seasons at the same phase."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import forecaster, seasons_back

TASKS = ("forecasting",)
SEASONS = 7


def fits(problem: SeriesProblem) -> bool:
    """Series with a season; returns have none worth repeating."""
    return problem.season > 1 and problem.kind != "return"


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """Nothing is fitted."""
    return forecaster(problem, lambda origins: seasons_back(problem, origins, SEASONS).mean(1))
