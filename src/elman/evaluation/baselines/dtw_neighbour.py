"""The class of the training series that is nearest under dynamic time warping, one path for all channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, Problem, ValueProblem
from elman.evaluation.texts import class_numbers, training_rows
from elman.evaluation.values import Scaled

TASKS = ("classification",)
MOST = 4 * 10**9  # cells of all warping tables: minutes on one core
SPEED = 10**7  # cells a second, a low guess
TOGETHER = 2**22  # cells held at once


def fits(problem: Problem) -> bool:
    """Series, and few enough of them: every two are compared step by step."""
    return isinstance(problem, ValueProblem) and _cells(problem) * len(problem.splits["train"]) <= MOST


def fit(problem: ValueProblem, seconds: float) -> Predictor:
    """Squared distances of steps in training deviations, no window (Shokoohi-Yekta et al. 2017, DTW_D).

    A neighbour is one observation: its class has a probability of n / (n + 1), the training shares the rest.
    """
    scaled, labels = Scaled.fit(problem), problem.labels or ()
    most = int(max(1, seconds * SPEED / max(1, _cells(problem))))
    rows = training_rows(problem, most)
    train = scaled([problem.splits["train"].values[row] for row in rows])
    classes = class_numbers(problem, "train")[rows]
    shares = np.bincount(classes, minlength=len(labels)) / len(classes)

    def predict(split: SplitName) -> Predictions:
        nearest = [int(distances(one, train).argmin()) for one in scaled(problem.splits[split].values)]
        outputs = np.eye(len(labels))[classes[nearest]]
        count = len(classes)
        outputs = (outputs * count + shares) / (count + 1)
        return Predictions("classes", outputs, class_numbers(problem, split), labels)

    return predict


def distances(one: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """The least sum of squared distances of steps along a warping path from one series to each of the others (n,).

    A path steps forward in one series or in both, from the first steps to the last (Sakoe and Chiba 1978).
    """
    longest = max(map(len, others))
    size = max(1, TOGETHER // (len(one) * longest))
    return np.concatenate(
        [_distances(one, others[start : start + size]) for start in range(0, len(others), size)]
    )


def _distances(one: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    lengths = np.array(list(map(len, others)))
    height, width = len(one), int(lengths.max())
    padded = np.zeros((len(others), width, one.shape[1]))
    for row, values in enumerate(others):
        padded[row, : len(values)] = values
    cost = np.stack([((padded - step) ** 2).sum(2) for step in one], 1)  # (n, height, width)
    found = np.full(len(others), np.inf)
    # One diagonal of the tables after the other: its cells hang on the two diagonals before it alone.
    before = last = np.full((len(others), height + 1), np.inf)
    for diagonal in range(height + width - 1):
        i = np.arange(max(0, diagonal - width + 1), min(diagonal, height - 1) + 1)
        reached = np.minimum(np.minimum(last[:, i], last[:, i + 1]), before[:, i])
        if diagonal == 0:
            reached = np.zeros_like(reached)
        new = np.full_like(last, np.inf)
        new[:, i + 1] = cost[:, i, diagonal - i] + reached
        ends = height - 1 + lengths - 1 == diagonal
        found[ends] = new[ends, height]
        before, last = last, new
    return found


def _cells(problem: ValueProblem) -> int:
    """Cells of the warping tables of all validation and test series with one training series."""
    steps = sum(len(values) for split in ("validation", "test") for values in problem.splits[split].values)  # type: ignore[index]
    return steps * max(map(len, problem.splits["train"].values))
