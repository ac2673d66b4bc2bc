"""Logistic regression on TF-IDF of words and word pairs."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, Problem, TextProblem
from elman.evaluation.texts import linear_classifier

TASKS = ("classification",)


def fits(problem: Problem) -> bool:
    """Where words are the tokens."""
    return isinstance(problem, TextProblem) and not problem.characters


def fit(problem: TextProblem, seconds: float) -> Predictor:
    """Sublinear counts, pairs seen at least twice, C = 10."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"[^\W_]+|'[^\W_]+|[!?]"
    )
    return linear_classifier(
        problem, features, LogisticRegression(C=10, max_iter=100, tol=1e-3), int(seconds * 800)
    )
