"""Occlusion: F(x) minus F with a part of the input at the baseline (Zeiler and Fergus 2014; Li, Monroe and Jurafsky 2016).

The parts are steps, or single features of steps; where there would be too many, spans of consecutive steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from elman.interpretation.credit import Asked, Credit

MOST = 128  # parts that are taken out, one at a time; ours: about the cost of integrated gradients with 32 points
LEAST = 8  # spans that time is cut into before features are told apart; ours


def parts(asked: Asked, most: int, *, by_feature: bool = False) -> tuple[Tensor, int]:
    """The part that each cell belongs to (time, 1 or size), numbered from 0, and how many parts there are.

    Spans are as short as `most` parts allow, of a single feature where features count and are few enough for `LEAST` spans.
    """
    time, size = asked.vectors.shape[1:]
    features = size if by_feature and size * min(LEAST, time) <= most else 1
    width = -(-time // (most // features))
    span = torch.arange(time, device=asked.vectors.device) // width
    found = span[:, None] * features + torch.arange(features, device=span.device)
    return found, int(span[-1] + 1) * features


def spread(asked: Asked, each: Tensor, part: Tensor) -> Tensor:
    """Credit of each part (parts, batch) over its cells that can be credited: (batch, time, size)."""
    size = asked.vectors.shape[2]
    present = asked.present[..., None].expand(-1, -1, part.shape[1]).to(each)
    count = each.new_zeros(len(each), len(present))
    count.index_add_(0, part.flatten(), present.flatten(1).T.contiguous())
    shared = (each / count.clamp(min=1))[part].permute(2, 0, 1) * present
    return shared if part.shape[1] == size else shared.expand(-1, -1, size) / size


def occlusion(asked: Asked, most: int = MOST) -> Credit:
    """What is lost without each part; one pass for each."""
    part, count = parts(asked, most, by_feature=asked.by_feature)
    without = asked.kept(count, lambda version, row: part != version[:, None, None])
    with torch.no_grad():
        return Credit(spread(asked, asked.number(asked.vectors) - without, part))


def passes(asked: Asked, most: int = MOST) -> int:
    """How often occlusion reads a sequence: once without each part, once whole."""
    return parts(asked, most, by_feature=asked.by_feature)[1] + 1
