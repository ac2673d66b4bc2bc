"""Ridge regression from the window to the horizon, in closed form, last value taken off and put back.

NLinear (Zeng et al. 2023), solved exactly instead of by gradient descent (Toner and Darlow 2024); one map for all series, ridge
chosen on the validation split, windows of up to 336 steps.
"""

from __future__ import annotations

import numpy as np

from elman.evaluation.contract import Predictor, SeriesProblem
from elman.evaluation.windows import first_rows, forecaster, past

TASKS = ("forecasting",)
LONGEST = 336


def fit(problem: SeriesProblem, seconds: float) -> Predictor:
    """Solve for each ridge, keep the one with the least validation error."""
    begin = first_rows(problem)
    used = [origins for origins in problem.origins.values() if len(origins)]
    room = min(int((origins - begin[origins]).min()) for origins in used[1:]) if len(used) > 1 else LONGEST
    length = max(1, min(LONGEST, room, max(problem.context_length, LONGEST)))
    origins = problem.origins["train"]
    origins = origins[origins - begin[origins] >= length]
    if len(origins) < 2 * length:
        length = min(length, problem.context_length)
        origins = problem.origins["train"]
    most = int(max(1_000, 20_000_000 / (length * len(problem.series))))
    origins = origins[:: max(1, len(origins) // most)]
    level = problem.kind != "return"

    def parts(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        window = past(problem, at, length) / problem.std
        last = window[:, -1:] if level else np.zeros_like(window[:, -1:])
        return (window - last).transpose(0, 2, 1).reshape(-1, length), last

    x, last = parts(origins)
    rows = origins[:, None] + np.arange(problem.horizon)
    y = (problem.values[rows] / problem.std - last).transpose(0, 2, 1).reshape(-1, problem.horizon)
    shift, centre = x.mean(0), y.mean(0)
    gram, cross = (x - shift).T @ (x - shift), (x - shift).T @ (y - centre)

    def solve(ridge: float) -> np.ndarray:
        solution: np.ndarray = np.linalg.solve(gram + ridge * len(x) * np.eye(length), cross)
        return solution

    def forecast(at: np.ndarray, weights: np.ndarray) -> np.ndarray:
        windows, last = parts(at)
        ahead = ((windows - shift) @ weights + centre).reshape(len(at), len(problem.series), problem.horizon)
        scaled: np.ndarray = (ahead.transpose(0, 2, 1) + last) * problem.std
        return scaled

    held = problem.origins["validation"]
    held = held[:: max(1, len(held) // 2000)]
    truth = problem.values[held[:, None] + np.arange(problem.horizon)]
    candidates = [solve(ridge) for ridge in (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)]
    losses = [float((((forecast(held, w) - truth) / problem.std) ** 2).mean()) for w in candidates]
    best = candidates[int(np.argmin(losses))]
    return forecaster(problem, lambda at: forecast(at, best))
