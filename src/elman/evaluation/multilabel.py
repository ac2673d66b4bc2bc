"""Metrics of several labels at once: F1 of an example, micro and macro F1, sets that are right to a label, log loss."""

from __future__ import annotations

import numpy as np

from elman.core.results import Metric, Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import MultiLabelProblem

PRIMARY = Metric("example_f1", "share of labels", higher_is_better=True)
SAID = 0.5  # probability from which on a label is said


def label_matrix(problem: MultiLabelProblem, split: SplitName) -> np.ndarray:
    """1 where an example has a label, else 0: (n, labels) float64."""
    index = {label: number for number, label in enumerate(problem.labels or ())}
    found = np.zeros((len(problem.splits[split]), len(index)))
    for row, labels in enumerate(problem.splits[split].targets):
        for label in labels:  # type: ignore[attr-defined]
            found[row, index[label]] = 1
    return found


def errors(predictions: Predictions) -> np.ndarray:
    """1 - F1 of the labels of each example (n,); 0 where none is true and none is said."""
    said, true = _said(predictions), predictions.targets > 0
    both, either = (said & true).sum(1), said.sum(1) + true.sum(1)
    worst: np.ndarray = np.where(either > 0, 1 - 2 * both / np.maximum(either, 1), 0.0)
    return worst


def metrics(predictions: Predictions) -> dict[str, float]:
    """example_f1, micro_f1 (over all decisions), macro_f1 (mean over labels that are true or said), exact, log_loss (nats per label)."""
    said, true = _said(predictions), predictions.targets > 0
    share = np.clip(predictions.outputs, 1e-12, 1 - 1e-12)
    right, given = (said & true).sum(0), said.sum(0) + true.sum(0)
    seen = given > 0
    return {
        "example_f1": float(1 - errors(predictions).mean()),
        "micro_f1": float(2 * right.sum() / max(1, given.sum())),
        "macro_f1": float((2 * right[seen] / given[seen]).mean()) if seen.any() else 0.0,
        "exact": float((said == true).all(1).mean()),
        "log_loss": float(-np.where(true, np.log(share), np.log1p(-share)).mean()),
    }


def per_label(predictions: Predictions) -> list[tuple[str, int, float, float, float]]:
    """(label, examples, precision, recall, F1) of every label that is true or said somewhere, most frequent first."""
    said, true = _said(predictions), predictions.targets > 0
    rows = []
    for number, label in enumerate(predictions.labels):
        right, given, wanted = (
            int(each.sum()) for each in ((said & true)[:, number], said[:, number], true[:, number])
        )
        if given + wanted:
            rows.append(
                (label, wanted, right / max(1, given), right / max(1, wanted), 2 * right / (given + wanted))
            )
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def named(row: np.ndarray, labels: tuple[str, ...]) -> str:
    """The labels of one row (labels,) of probabilities or of 0 and 1, with "; " between them."""
    return "; ".join(label for label, share in zip(labels, row) if share >= SAID)


def _said(predictions: Predictions) -> np.ndarray:
    return predictions.outputs >= SAID
