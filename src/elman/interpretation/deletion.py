"""Deletion: does the answer fall as the steps that an attribution names are taken out, faster than with random ones?

Steps are replaced by the baseline one after the other, those first that spoke most for the answer (Samek et al. 2017; DeYoung et al. 2020
call the fall "comprehensiveness"). Control: the same in random orders. The area between the two curves is 0 for an attribution that
knows nothing, and negative for one that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.interpretation.credit import STEPS_AT_ONCE
from elman.interpretation.view import View, untouched
from elman.interpretation.walk import credit

POINTS = 25  # shares of the steps taken out that are asked about
DRAWS = 10  # random orders


@dataclass(frozen=True)
class Deletion:
    """What is left of the answer as steps go.

    credit  of each step (time,); residual what it does not add up to, as a share; output the number of the output
    gone    steps taken out at each point (points,), from none to all
    named   the answer there (points,): a probability, or a value; random (draws, points) in random orders
    """

    credit: np.ndarray
    residual: float
    output: int
    gone: np.ndarray
    named: np.ndarray
    random: np.ndarray

    @property
    def area(self) -> float:
        """Mean distance of the curve below that of random orders, as a share of the range of all curves.

        The steps that go first are those that raised the answer, so a good curve lies below, also where the answer to nothing is higher.
        """
        curves = np.concatenate([self.named[None], self.random])
        return float((self.random.mean(0) - self.named).mean() / max(float(np.ptp(curves)), 1e-12))


def deletion(
    view: View,
    inputs: Tensor,
    *,
    several: bool = False,
    seed: int = 0,
    points: int = POINTS,
    draws: int = DRAWS,
    path: int = 32,
) -> Deletion:
    """The deletion curve of one sequence (1, time, ...), for its own last answer, beside `draws` random orders; `path`: points of attribution.

    As many versions are read at once as a pass may hold (STEPS_AT_ONCE): a long sequence alone.
    """
    each, residual, output = credit(view, inputs, points=path)
    time, draw = len(each), np.random.default_rng(seed)
    gone = np.unique(np.linspace(0, time, min(time + 1, points)).round().astype(int))
    orders = [np.argsort(-each, kind="stable"), *(draw.permutation(time) for _ in range(draws))]
    with untouched(view), torch.no_grad():
        embedded = view.embed(inputs)
        nothing = torch.zeros_like(embedded[0, 0]) if view.baseline is None else view.baseline.to(embedded)
        rows = max(1, STEPS_AT_ONCE // time)
        curves = []
        for order in orders:
            answers = []
            for counts in np.split(gone, range(rows, len(gone), rows)):
                batch = embedded.expand(len(counts), -1, -1).clone()
                for row, count in enumerate(counts):
                    batch[row, order[:count]] = nothing
                outputs = view.read(batch, None).double()
                if view.labels:
                    outputs = outputs.sigmoid() if several else outputs.softmax(-1)
                answers.append(outputs[:, output].cpu().numpy())
            curves.append(np.concatenate(answers))
    return Deletion(each, residual, output, gone, curves[0], np.stack(curves[1:]))
