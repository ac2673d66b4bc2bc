"""A logistic regression for each label on TF-IDF of words and word pairs."""

from __future__ import annotations

import warnings

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import MultiLabelProblem, Predictor
from elman.evaluation.multilabel import label_matrix
from elman.evaluation.texts import training_rows

TASKS = ("multilabel",)


def fit(problem: MultiLabelProblem, seconds: float) -> Predictor:
    """Sublinear counts, pairs seen at least twice, C = 10; a label that all training texts have, or none, keeps that share."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    labels = problem.labels or ()
    rows = training_rows(problem, int(seconds * 2_000 / max(1, len(labels))))
    texts, true = problem.splits["train"].texts, label_matrix(problem, "train")[rows]
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"[^\W_]+|'[^\W_]+|[!?]"
    )
    x = vectors.fit_transform([texts[row] for row in rows])
    models: list[LogisticRegression | float] = []
    with warnings.catch_warnings():  # the steps of the solver are the time limit
        warnings.simplefilter("ignore", ConvergenceWarning)
        for column in true.T:
            share = float(column.mean())
            one = share in (0.0, 1.0)
            models.append(share if one else LogisticRegression(C=10, max_iter=100, tol=1e-3).fit(x, column))

    def predict(split: SplitName) -> Predictions:
        x = vectors.transform(problem.splits[split].texts)
        columns = [
            np.full(x.shape[0], model) if isinstance(model, float) else model.predict_proba(x)[:, 1]
            for model in models
        ]
        return Predictions("labels", np.stack(columns, 1), label_matrix(problem, split), labels)

    return predict
