"""Credit from gradients: the slope, slope times input, and integrated gradients.

Gradient: |dF/dx|, how much a small change would move the answer (Simonyan, Vedaldi and Zisserman 2013); it knows no sign.
Gradient x input: (x - x') dF/dx (Shrikumar et al. 2016), exact for what is linear. Integrated gradients (Sundararajan, Taly and Yan
2017): (x - x') times the mean gradient on the straight path from the baseline x' to x, by Gauss-Legendre quadrature; what is credited
sums to F(x) - F(x').
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.interpretation.credit import Asked, Credit


def gradient(asked: Asked) -> Credit:
    """|dF/dx| of every cell; 0 where nothing can be credited."""
    return Credit(_slope(asked, asked.vectors, None).abs() * asked.present[..., None])


def gradient_times_input(asked: Asked) -> Credit:
    """(x - x') dF/dx of every cell."""
    return Credit(_slope(asked, asked.vectors, None) * (asked.vectors - asked.baseline))


def integrated_gradients(asked: Asked, points: int = 32) -> Credit:
    """Integrated gradients by `points` points of the path: as many forward and backward passes, several at a time if short."""
    way, total = asked.vectors - asked.baseline, torch.zeros_like(asked.vectors)
    batch = len(way)
    at_once = max(1, asked.rows_at_once() // batch)
    nodes, weights = (
        torch.from_numpy(each).to(way).split(at_once) for each in np.polynomial.legendre.leggauss(points)
    )
    for node, weight in zip(nodes, weights):
        point = asked.baseline + (node[:, None, None, None] + 1) / 2 * way
        rows = torch.arange(batch, device=way.device).repeat(len(node))
        slope = _slope(asked, point.flatten(0, 1), rows).unflatten(0, (len(node), batch))
        total += torch.einsum("p,pbts->bts", weight / 2, slope)
    return Credit(total * way)


def _slope(asked: Asked, vectors: Tensor, rows: Tensor | None) -> Tensor:
    with torch.enable_grad():
        vectors = vectors.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(asked.number(vectors, rows).sum(), vectors)
    return slope
