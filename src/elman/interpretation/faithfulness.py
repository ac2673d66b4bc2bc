"""Faithfulness: does the answer depend on what was credited?

Steps are taken out, or alone kept, in the order of their credit. Comprehensiveness is p(x) - p(x without the steps credited most),
sufficiency p(x) - p(these steps alone), each the mean over the shares 1, 5, 10, 20 and 50% of the steps (ERASER, DeYoung et al. 2020,
section 4); p is the probability of the class that was predicted, or for values the answer, turned so that it rises from the
baseline to x. The deletion curve is p against the share taken out (Samek et al. 2017; Petsiuk, Das and Saenko 2018); its area is small where
the order is good. Steps that are taken out are put at the baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.interpretation.credit import Asked

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the steps, as in ERASER


@dataclass(frozen=True)
class Faithful:
    """How an order of steps does, for each sequence.

    comprehensiveness, sufficiency, area (sequences,); curve (1 + shares + 1, sequences): p with none, more, all taken out.
    """

    comprehensiveness: np.ndarray
    sufficiency: np.ndarray
    area: np.ndarray
    curve: np.ndarray


def faithfulness(asked: Asked, credit: Tensor, *, signed: bool = True) -> Faithful:
    """How well steps are ordered by their credit (batch, time), the most first; earlier first among equals.

    Credit that is not `signed` says how much, not which way.
    """
    turn = torch.ones_like(credit[:, 0])
    if asked.shares is None:
        turn = torch.where(asked.change() < 0, -turn, turn)
        credit = credit * turn[:, None] if signed else credit
    order = credit.masked_fill(~asked.present, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank, steps = order.argsort(1), asked.present.sum(1)
    shares = torch.tensor(SHARES, device=credit.device)
    counts = torch.stack(
        [(share * steps.double() - 1e-9).ceil().long() for share in SHARES]
    )  # (shares, batch)

    def out(version: Tensor, row: Tensor) -> Tensor:
        return (rank[row] >= counts[version, row][:, None])[..., None]

    def alone(version: Tensor, row: Tensor) -> Tensor:
        return ~out(version, row)

    with torch.no_grad():
        whole, nothing = (turn * asked.number(each, share=True) for each in (asked.vectors, asked.baseline))
        deleted, kept = (turn * asked.kept(len(shares), keep, share=True) for keep in (out, alone))
    curve = torch.cat([whole[None], deleted, nothing[None]])
    at = torch.cat([shares.new_zeros(1), shares, shares.new_ones(1)])
    area = torch.trapezoid(curve, at, dim=0)
    found = ((whole - deleted).mean(0), (whole - kept).mean(0), area, curve)
    return Faithful(*(each.double().cpu().numpy() for each in found))


def at_random(asked: Asked, draws: int, seed: int = 0) -> list[Faithful]:
    """The same for random orders, which know nothing of the network."""
    draw = torch.Generator().manual_seed(seed)
    return [
        faithfulness(asked, torch.rand(asked.present.shape, generator=draw).to(asked.vectors), signed=False)
        for _ in range(draws)
    ]


def passes(asked: Asked) -> int:
    """How often an order of steps reads a sequence: whole and empty, and without and with alone each share."""
    return 2 + 2 * len(SHARES) + 2 * (asked.shares is None)
