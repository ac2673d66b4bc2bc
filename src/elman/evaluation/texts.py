"""What rivals for labels share: class numbers, numbers, and linear models on sparse counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import LabelledProblem, Predictor, TextProblem


def class_numbers(problem: LabelledProblem, split: SplitName) -> np.ndarray:
    """Class number of each example (n,)."""
    index = {label: number for number, label in enumerate(problem.labels or ())}
    return np.array([index[str(target)] for target in problem.splits[split].targets], np.int64)


def training_rows(problem: LabelledProblem, most: int) -> np.ndarray:
    """Rows of the training split, at most `most` of them, drawn under a fixed seed: a time limit by construction."""
    count = len(problem.splits["train"])
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def linear_classifier(problem: TextProblem, features: Any, model: Any, most: int) -> Predictor:
    """Fit `features` (a vectorizer) and `model` (a probabilistic classifier) on the training texts."""
    rows = training_rows(problem, most)
    texts = problem.splits["train"].texts
    with warnings.catch_warnings():  # the steps of the solver are the time limit; not converging is no news
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features.fit_transform([texts[row] for row in rows]), class_numbers(problem, "train")[rows])

    def predict(split: SplitName) -> Predictions:
        known = model.predict_proba(features.transform(problem.splits[split].texts))
        outputs = np.zeros((len(known), len(problem.labels or ())))
        outputs[:, model.classes_] = known
        return Predictions("classes", outputs, class_numbers(problem, split), problem.labels or ())

    return predict


def linear_regressor(problem: TextProblem, features: Any, model: Any, most: int) -> Predictor:
    """The same for numbers."""
    rows = training_rows(problem, most)
    train = problem.splits["train"]
    numbers = np.asarray(train.targets, np.float64)
    model.fit(features.fit_transform([train.texts[row] for row in rows]), numbers[rows])
    return numbers_predictor(
        problem, lambda split: model.predict(features.transform(problem.splits[split].texts))
    )


def numbers_predictor(problem: LabelledProblem, read: Callable[[SplitName], Any]) -> Predictor:
    """A predictor from `read(split)`, numbers (n,) in the target's unit."""
    return lambda split: Predictions(
        "values", np.asarray(read(split), np.float64), np.asarray(problem.splits[split].targets, np.float64)
    )
