"""Logistic regression on character n-grams (1 to 5, word borders marked)."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, Problem, TextProblem
from elman.evaluation.texts import linear_classifier

TASKS = ("classification",)


def fits(problem: Problem) -> bool:
    """Where characters are the tokens."""
    return isinstance(problem, TextProblem) and problem.characters


def fit(problem: TextProblem, seconds: float) -> Predictor:
    """Counts of n-grams seen at least twice, C = 10, lbfgs."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    features = CountVectorizer(analyzer="char_wb", ngram_range=(1, 5), min_df=2)
    classes = len(problem.labels or ())
    # 100 steps of lbfgs take about 25 microseconds per word and class on one core; keep within the limit.
    most = int(max(2_000, seconds / (50e-6 * classes)))
    return linear_classifier(problem, features, LogisticRegression(C=10.0, max_iter=100, tol=1e-3), most)
