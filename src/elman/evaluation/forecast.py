"""Metrics of forecasts: errors in training deviations and in the data's unit, MASE, intervals, direction, echo."""

from __future__ import annotations

import numpy as np

from elman.core.results import Metric, Predictions
from elman.evaluation import panel
from elman.evaluation.contract import SeriesProblem

PRIMARY = Metric("mse", "training deviations squared", higher_is_better=False)


def errors(predictions: Predictions, problem: SeriesProblem) -> np.ndarray:
    """Mean squared error of each window in training standard deviations (n,); NaN where nothing was observed."""
    scaled = (predictions.outputs - predictions.targets) / problem.std
    with np.errstate(invalid="ignore"):
        known = ~np.isnan(scaled)
        total: np.ndarray = np.where(known, scaled**2, 0).sum((1, 2)) / np.maximum(known.sum((1, 2)), 1)
    total[~known.any((1, 2))] = np.nan
    return total


def metrics(predictions: Predictions, problem: SeriesProblem) -> dict[str, float]:
    """mse, mae_scaled (training deviations); mae, rmse (data's unit, mean over series); wape, mase, rmsse; and where they apply
    coverage and pinball of the intervals, and the share of signs that are right for returns.

    All are NaN where a forecast is no number: a mean over the others would reward leaving hard windows out.
    """
    if not np.isfinite(predictions.outputs).all():
        return dict.fromkeys(("mse", "mae_scaled", "mae", "rmse", "wape", "mase", "rmsse"), float("nan"))
    difference = predictions.outputs - predictions.targets
    scaled = difference / problem.std
    each_mae = np.nanmean(np.abs(difference), (0, 1))
    values = {
        "mse": float(np.nanmean(scaled**2)),
        "mae_scaled": float(np.nanmean(np.abs(scaled))),
        "mae": float(each_mae.mean()),
        "rmse": float(np.sqrt(np.nanmean(difference**2, (0, 1))).mean()),
    } | panel.metrics(predictions, problem)
    if problem.kind == "return":
        moved = (predictions.targets != 0) & ~np.isnan(predictions.targets) & (predictions.outputs != 0)
        right = np.sign(predictions.outputs) == np.sign(predictions.targets)
        values["direction"] = float(right[moved].mean()) if moved.any() else float("nan")
    if predictions.quantiles is not None:
        values |= intervals(predictions, problem)
    return values


def intervals(predictions: Predictions, problem: SeriesProblem) -> dict[str, float]:
    """coverage of the outermost interval, and pinball loss in training deviations, mean over levels."""
    assert predictions.quantiles is not None
    levels, bands = np.array(predictions.levels), predictions.quantiles
    true = predictions.targets[..., None]
    difference = (true - bands) / problem.std[:, None]
    pinball = np.maximum(levels * difference, (levels - 1) * difference)
    known = ~np.isnan(predictions.targets)
    inside = (true[..., 0] >= bands[..., 0]) & (true[..., 0] <= bands[..., -1])
    return {
        f"coverage_{levels[-1] - levels[0]:.0%}": float(inside[known].mean()),
        "pinball": float(np.nanmean(pinball)),
    }


def echo_lag(predictions: Predictions, most: int = 10) -> tuple[int, float, float]:
    """The shift at which one-step forecasts follow the truth best: (lag, correlation at it, correlation at 0).

    A lag of 1 means that the forecast echoes the value before.
    """
    forecast, true = predictions.outputs[:, 0, 0], predictions.targets[:, 0, 0]
    found = []
    for lag in range(min(most, len(true) // 4) + 1):
        a, b = forecast[lag:], true[: len(true) - lag]
        known = ~np.isnan(a) & ~np.isnan(b)
        a, b = a[known], b[known]
        found.append(float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and a.std() > 0 and b.std() > 0 else 0.0)
    best = int(np.argmax(found))
    return best, found[best], found[0]
