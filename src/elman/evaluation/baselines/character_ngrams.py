"""Logistic regression on character n-grams (1 to 5, word borders marked)."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, TextProblem
from elman.evaluation.texts import linear_classifier

TASKS = ("classification",)


def fits(problem: TextProblem) -> bool:
    """Where characters are the tokens."""
    return problem.characters


def fit(problem: TextProblem, seconds: float) -> Predictor:
    """Binary counts, L2-regularised, lbfgs."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    features = CountVectorizer(analyzer="char_wb", ngram_range=(1, 5), min_df=3, binary=True)
    classes = len(problem.labels or ())
    # lbfgs takes about 0.5 ms per word and class on one core; keep within the limit.
    most = int(max(2_000, seconds / (0.0004 * classes)))
    return linear_classifier(problem, features, LogisticRegression(C=1.0, max_iter=60, tol=1e-3), most)
