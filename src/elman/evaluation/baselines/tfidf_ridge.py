"""Ridge regression on TF-IDF of words and word pairs."""

from __future__ import annotations

from elman.evaluation.contract import Predictor, Problem, TextProblem
from elman.evaluation.texts import linear_regressor

TASKS = ("regression",)


def fits(problem: Problem) -> bool:
    """Texts."""
    return isinstance(problem, TextProblem)


def fit(problem: TextProblem, seconds: float) -> Predictor:
    """Sublinear counts, pairs seen at least twice, alpha 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    features = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"[^\W_]+|'[^\W_]+|[!?]"
    )
    return linear_regressor(problem, features, Ridge(alpha=1.0, solver="sparse_cg"), int(seconds * 800))
