"""Ridge regression on mean, deviation, first, last and slope of each channel."""

from __future__ import annotations

import numpy as np

from elman.evaluation.contract import Predictor, Problem, ValueProblem
from elman.evaluation.texts import numbers_predictor
from elman.evaluation.values import Scaled, summaries

TASKS = ("regression",)


def fits(problem: Problem) -> bool:
    """Series."""
    return isinstance(problem, ValueProblem)


def fit(problem: ValueProblem, seconds: float) -> Predictor:
    """Features in training deviations; the penalty by leave-one-out over nine from 0.01 to 100."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaled = Scaled.fit(problem)
    model = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(0.01, 100, 9)))
    model.fit(summaries(problem, "train", scaled), np.asarray(problem.splits["train"].targets, np.float64))
    return numbers_predictor(problem, lambda split: model.predict(summaries(problem, split, scaled)))
