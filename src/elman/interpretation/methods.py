"""The methods that give credit, by name, and their answers for many sequences, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import UnknownName
from elman.interpretation import decomposition as decomposing
from elman.interpretation import occlusion as occluding
from elman.interpretation import shapley as sharing_out
from elman.interpretation.credit import Asked, Credit, ask
from elman.interpretation.decomposition import decomposition
from elman.interpretation.gradients import gradient, gradient_times_input, integrated_gradients
from elman.interpretation.occlusion import occlusion
from elman.interpretation.shapley import shapley
from elman.interpretation.view import Sample, View


@dataclass(frozen=True)
class Method:
    """A way to give credit: what it is called, whether it adds up to F(x) - F(baseline), whether it knows a sign.

    passes   how often a sequence is read, once with its gradient counting three times (see cost)
    beside   what else it takes, in passes for each of its passes
    """

    words: str
    credit: Callable[[Asked, int, int], Credit]  # what is asked, points on a path, seed
    passes: Callable[[Asked, int], float]
    adds_up: bool = False
    signed: bool = True
    beside: float = 0.0

    def work(self, asked: Asked, points: int, beside: bool) -> float:
        """Passes, with what it does beside reading or without."""
        return self.passes(asked, points) * (1 + beside * self.beside)


SPLIT = 4.0  # the states of an LSTM of 2 x 256 are split in 8 times what reading it takes; each span is read twice
METHODS = {
    "integrated_gradients": Method("integrated gradients", lambda asked, points, _: integrated_gradients(asked, points), lambda _, points: 3 * points, True),
    "gradient": Method("gradient", lambda asked, *_: gradient(asked), lambda *_: 3, signed=False),
    "gradient_times_input": Method("gradient x input", lambda asked, *_: gradient_times_input(asked), lambda *_: 3),
    "occlusion": Method("occlusion", lambda asked, *_: occlusion(asked), lambda asked, _: occluding.passes(asked)),
    "shapley": Method("Shapley values, sampled", lambda asked, _, seed: shapley(asked, seed=seed), lambda asked, _: sharing_out.passes(asked), True),
    "decomposition": Method("contextual decomposition", lambda asked, *_: decomposition(asked), lambda asked, _: decomposing.passes(asked), beside=SPLIT),
}  # fmt: skip
AT_ONCE = 32  # sequences
QUICK = ("integrated_gradients", "gradient", "gradient_times_input")  # a pass or as many as the map itself


@dataclass(frozen=True)
class Credits:
    """Credit of each sequence: per step (n, time), per cell where features have names (n, time, size), of features by step from the
    end over all (time, size), the output chosen (n,), the residual (n,) and the difference F(x) - F(x') (n,), standard errors (n, time)."""

    steps: np.ndarray
    cells: np.ndarray | None
    features: np.ndarray
    chosen: list[int]
    residual: np.ndarray
    whole: np.ndarray
    error: np.ndarray | None


def method_of(name: str) -> Method:
    """A method of METHODS; raises UnknownName for another name."""
    if name not in METHODS:
        raise UnknownName("method", name, tuple(METHODS))
    return METHODS[name]


def credit_by(method: str, asked: Asked, points: int = 32, seed: int = 0) -> tuple[Credit, Tensor]:
    """Credit by a method of METHODS, and what is missing in its sum of F(x) - F(baseline) (batch,)."""
    found = METHODS[method].credit(asked, points, seed)
    return found, asked.change() - found.cells.sum((1, 2))


def credits_of(
    view: View, sample: Sample, method: str, horizon: int | None, points: int, seed: int
) -> Credits:
    """Credit for the predicted class of every sequence, or for the value at the horizon where there are no classes."""
    longest = sample.inputs.shape[1]
    rows, cells, features, chosen, residuals, wholes, errors = [], [], [], [], [], [], []
    for part in sample.parts(AT_ONCE, len(view.labels)):
        asked = ask(view, part, horizon)
        credit, residual = credit_by(method, asked, points, seed)
        missing = longest - credit.cells.shape[1]
        rows.append(np.pad(credit.cells.sum(2).cpu().numpy(), ((0, 0), (0, missing))))
        if asked.by_feature:
            cells.append(np.pad(credit.cells.cpu().numpy(), ((0, 0), (0, missing), (0, 0))))
        if credit.error is not None:
            errors.append(np.pad(credit.error.cpu().numpy(), ((0, 0), (0, missing))))
        features.append(np.pad(_from_end(credit.cells.abs(), part).sum(0), ((missing, 0), (0, 0))))
        chosen += asked.output.tolist()
        residuals.append(residual.cpu().numpy())
        wholes.append((credit.cells.sum((1, 2)) + residual).cpu().numpy())
    return Credits(
        np.concatenate(rows), np.concatenate(cells) if cells else None, np.sum(features, 0) / len(sample), chosen,
        np.concatenate(residuals), np.concatenate(wholes), np.concatenate(errors) if errors else None,
    )  # fmt: skip


def _from_end(credit: Tensor, part: Sample) -> np.ndarray:
    """Credit (n, time, size) with every sequence moved to the right, so that all of them end at the last column."""
    moved = [row.roll(row.shape[0] - part.length(number), 0) for number, row in enumerate(credit)]
    return torch.stack(moved).cpu().numpy()


def recency_of(credit: np.ndarray, sample: Sample) -> np.ndarray:
    """Share of a sequence's absolute credit by distance from its end: (n, time)."""
    shares = np.zeros(credit.shape)
    for row in range(len(sample)):
        length = sample.length(row)
        each = np.abs(credit[row, :length])[::-1]
        shares[row, :length] = each / max(each.sum(), 1e-12)
    return shares
