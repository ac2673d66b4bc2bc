"""Metrics of classes: accuracy, macro F1, log loss, calibration, confusion, accuracy where it may pass."""

from __future__ import annotations

import numpy as np

from elman.core.results import Metric, Predictions

PRIMARY = Metric("accuracy", "share of examples", higher_is_better=True)
F1 = Metric("f1", "mean over classes", higher_is_better=True)


def errors(predictions: Predictions) -> np.ndarray:
    """1 where the most probable class is wrong, else 0: (n,)."""
    wrong: np.ndarray = (predictions.outputs.argmax(1) != predictions.targets).astype(np.float64)
    return wrong


def metrics(predictions: Predictions) -> dict[str, float]:
    """accuracy, f1 (macro: mean over the classes that occur), log_loss (nats), calibration_error, selective_accuracy."""
    matrix = confusion(predictions)
    right, given, true = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    seen = (given + true) > 0
    f1 = 2 * right[seen] / (given + true)[seen]
    chosen = predictions.outputs[np.arange(len(predictions.targets)), predictions.targets]
    return {
        "accuracy": float(right.sum() / matrix.sum()),
        "f1": float(f1.mean()),
        "log_loss": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        "calibration_error": calibration_error(predictions),
        "selective_accuracy": float(_by_confidence(predictions)[0].mean()),
    }


def confusion(predictions: Predictions) -> np.ndarray:
    """(classes, classes) counts: row = true class, column = predicted class."""
    classes = predictions.outputs.shape[1]
    cells = predictions.targets * classes + predictions.outputs.argmax(1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def calibration(predictions: Predictions, bins: int = 15) -> list[tuple[float, float, int]]:
    """(mean confidence, share right, count) of each bin of confidence that is not empty (Guo et al. 2017)."""
    confidence, right = predictions.outputs.max(1), 1 - errors(predictions)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        (float(confidence[place == k].mean()), float(right[place == k].mean()), int((place == k).sum()))
        for k in range(bins)
        if (place == k).any()
    ]


def calibration_error(predictions: Predictions) -> float:
    """Expected calibration error: mean gap between confidence and share right, weighted by count."""
    table = calibration(predictions)
    total = sum(count for *_, count in table)
    return sum(abs(confidence - right) * count for confidence, right, count in table) / total


def abstention(predictions: Predictions, points: int = 20) -> list[tuple[float, float, float]]:
    """(share answered, share of those right, least confidence answered) where the least sure examples are passed over.

    The mean accuracy over all shares is the metric selective_accuracy, one minus the area under the risk-coverage curve of
    Geifman and El-Yaniv (2017). Equally sure examples come in no order: each counts as right as they are on average.
    """
    accuracy, confidence = _by_confidence(predictions)
    count = len(accuracy)
    kept = np.unique(np.ceil(np.arange(1, points + 1) / points * count).astype(int))
    return [(float(k / count), float(accuracy[k - 1]), float(confidence[k - 1])) for k in kept]


def _by_confidence(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy on the k surest examples and the confidence of the k-th, for k from 1 on: twice (n,)."""
    confidence, right = predictions.outputs.max(1), 1 - errors(predictions)
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    _, tie, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    right = (np.bincount(tie, right) / counts)[tie]
    return np.cumsum(right) / np.arange(1, len(right) + 1), confidence
