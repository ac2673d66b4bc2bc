"""Each token by its training frequency, add-one smoothed."""

from __future__ import annotations

import numpy as np

from elman.core.results import Predictions
from elman.evaluation.contract import Predictor, TokenProblem

TASKS = ("language_modelling",)


def fit(problem: TokenProblem, seconds: float) -> Predictor:
    """Count the tokens."""
    counts = problem.training_counts() + 1.0
    nats = -np.log(counts / counts.sum())
    return lambda split: Predictions(
        "tokens", nats[problem.tokens[split][1:]], np.asarray(problem.tokens[split][1:])
    )
