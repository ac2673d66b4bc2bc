"""Always the most frequent class, with the training shares as its probabilities."""

from __future__ import annotations

from collections import Counter

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import LabelledProblem, Predictor
from elman.evaluation.texts import class_numbers

TASKS = ("classification",)


def fit(problem: LabelledProblem, seconds: float) -> Predictor:
    """Count the classes."""
    assert problem.labels is not None
    counts = Counter(map(str, problem.splits["train"].targets))
    shares = np.array([counts[label] for label in problem.labels], np.float64)
    shares /= shares.sum()

    def predict(split: SplitName) -> Predictions:
        targets = class_numbers(problem, split)
        return Predictions("classes", np.tile(shares, (len(targets), 1)), targets, problem.labels or ())

    return predict
