"""One door to the metrics: predictions and their problem in, numbers out."""

from __future__ import annotations

import numpy as np

from elman.core.results import Metric, Predictions
from elman.data.contract import SplitName
from elman.evaluation import classification, forecast, language, multilabel, regression, tagging
from elman.evaluation.contract import (
    LabelledProblem,
    MultiLabelProblem,
    Problem,
    SeriesProblem,
    TaggedProblem,
    TokenProblem,
)


def primary_metric(problem: Problem) -> Metric:
    """The metric that chooses and ranks."""
    if isinstance(problem, SeriesProblem):
        return forecast.PRIMARY
    if isinstance(problem, TokenProblem):
        return language.primary(problem)
    if isinstance(problem, TaggedProblem):
        return tagging.PRIMARY
    if isinstance(problem, MultiLabelProblem):
        return multilabel.PRIMARY
    return regression.PRIMARY if problem.labels is None else classification.PRIMARY


def choosing_metric(problem: Problem, balanced: bool) -> Metric:
    """The metric by which training keeps its best weights: the primary one, but F1 where classes count alike in the loss.

    By accuracy, weights that hardly ever say a rare class would be kept.
    """
    classes = isinstance(problem, TaggedProblem) or primary_metric(problem) is classification.PRIMARY
    return classification.F1 if balanced and classes else primary_metric(problem)


def metrics(predictions: Predictions, problem: Problem) -> dict[str, float]:
    """All metrics by name."""
    if isinstance(problem, SeriesProblem):
        return forecast.metrics(predictions, problem)
    if isinstance(problem, TokenProblem):
        return language.metrics(predictions, problem)
    if isinstance(problem, TaggedProblem):
        return classification.metrics(predictions)
    if isinstance(problem, MultiLabelProblem):
        return multilabel.metrics(predictions)
    return regression.metrics(predictions) if problem.labels is None else classification.metrics(predictions)


def errors(predictions: Predictions, problem: Problem) -> np.ndarray:
    """Each example's part of the primary metric, lower is better (n,)."""
    if isinstance(problem, SeriesProblem):
        return forecast.errors(predictions, problem)
    if isinstance(problem, TokenProblem):
        return language.errors(predictions)
    if isinstance(problem, TaggedProblem):
        return classification.errors(predictions)
    if isinstance(problem, MultiLabelProblem):
        return multilabel.errors(predictions)
    assert isinstance(problem, LabelledProblem)
    return regression.errors(predictions) if problem.labels is None else classification.errors(predictions)


def from_errors(each: float | np.ndarray, problem: Problem) -> np.ndarray:
    """The primary metric from a mean of `errors`."""
    if isinstance(problem, LabelledProblem | TaggedProblem):
        return np.sqrt(each) if problem.labels is None else 1 - np.asarray(each)
    return np.asarray(each)


def groups(problem: Problem, split: SplitName) -> np.ndarray | None:
    """The sentence that each scored word is of (n,): the bootstrap draws sentences; None where examples are drawn."""
    return tagging.places(problem.splits[split])[0] if isinstance(problem, TaggedProblem) else None


def block_length(problem: Problem, count: int) -> int:
    """How many neighbouring examples hang together: bootstrap draws blocks of that many."""
    if isinstance(problem, SeriesProblem):
        return max(2 * problem.horizon, problem.season, round(count ** (1 / 3)))
    return (
        1000
        if isinstance(problem, TokenProblem) and count > 20_000
        else 50
        if isinstance(problem, TokenProblem)
        else 1
    )
