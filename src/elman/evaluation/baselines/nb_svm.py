"""NB-SVM: a linear classifier on word pairs weighted by naive Bayes log-count ratios (Wang and Manning 2012)."""

from __future__ import annotations

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, Problem, TextProblem
from elman.evaluation.texts import class_numbers, training_rows

TASKS = ("classification",)


def fits(problem: Problem) -> bool:
    """Two classes, words as tokens."""
    return isinstance(problem, TextProblem) and not problem.characters and len(problem.labels or ()) == 2


def fit(problem: TextProblem, seconds: float) -> Predictor:
    """Binary counts of words and pairs times r = log((p/|p|)/(q/|q|)), smoothing 1; logistic loss instead of the hinge for probabilities."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = training_rows(problem, int(seconds * 600))
    texts, targets = problem.splits["train"].texts, class_numbers(problem, "train")[rows]
    features = CountVectorizer(
        ngram_range=(1, 2), min_df=2, binary=True, token_pattern=r"[^\W_]+|'[^\W_]+|[!?]"
    )
    counts = features.fit_transform([texts[row] for row in rows]).astype(np.float64)
    positive = 1 + np.asarray(counts[targets == 1].sum(0)).ravel()
    negative = 1 + np.asarray(counts[targets == 0].sum(0)).ravel()
    ratio = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    model = LogisticRegression(C=0.1, max_iter=100, tol=1e-3).fit(counts.multiply(ratio).tocsr(), targets)

    def predict(split: SplitName) -> Predictions:
        weighted = features.transform(problem.splits[split].texts).multiply(ratio).tocsr()
        return Predictions(
            "classes", model.predict_proba(weighted), class_numbers(problem, split), problem.labels or ()
        )

    return predict
