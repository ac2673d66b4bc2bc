"""Metrics of numbers: mean absolute error, root mean squared error, share of variance explained."""

from __future__ import annotations

import numpy as np

from elman.core.results import Metric, Predictions

PRIMARY = Metric("rmse", "the target's unit", higher_is_better=False)


def errors(predictions: Predictions) -> np.ndarray:
    """Squared error of each example (n,)."""
    squared: np.ndarray = (predictions.outputs - predictions.targets) ** 2
    return squared


def metrics(predictions: Predictions) -> dict[str, float]:
    """rmse, mae (the target's unit) and r2."""
    difference = predictions.outputs - predictions.targets
    variance = predictions.targets.var()
    return {
        "rmse": float(np.sqrt((difference**2).mean())),
        "mae": float(np.abs(difference).mean()),
        "r2": float(1 - (difference**2).mean() / variance) if variance else float("nan"),
    }
