"""Logistic regression on mean, deviation, first, last and slope of each channel."""

from __future__ import annotations

import warnings

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, Problem, ValueProblem
from elman.evaluation.texts import class_numbers, training_rows
from elman.evaluation.values import Scaled, summaries

TASKS = ("classification",)


def fits(problem: Problem) -> bool:
    """Series."""
    return isinstance(problem, ValueProblem)


def fit(problem: ValueProblem, seconds: float) -> Predictor:
    """Features in training deviations, C = 1, lbfgs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaled, labels = Scaled.fit(problem), problem.labels or ()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=300))
    rows = training_rows(problem, int(seconds * 1_000))
    with warnings.catch_warnings():  # the steps of the solver are the time limit
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(summaries(problem, "train", scaled)[rows], class_numbers(problem, "train")[rows])

    def predict(split: SplitName) -> Predictions:
        targets = class_numbers(problem, split)
        outputs = np.zeros((len(targets), len(labels)))
        outputs[:, model.classes_] = model.predict_proba(summaries(problem, split, scaled))
        return Predictions("classes", outputs, targets, labels)

    return predict
