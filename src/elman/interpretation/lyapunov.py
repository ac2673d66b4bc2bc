"""How fast neighbouring states part: the Lyapunov spectrum along real inputs, over the full state.

Directions are pushed through the Jacobian of each step and made orthonormal again by QR; the exponents are the means of
ln |R_ii| (Engelken et al. 2020; Vogt et al. 2022 for gated networks). In nats per step: above 0 small differences grow, below 0 they
are forgotten within -1/exponent steps; minus infinity where a direction is lost at once.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from elman.interpretation.stepping import Stepping

LOST = 1e-13  # |R_ii| relative to the largest: below this nothing is left of a direction but rounding


def lyapunov_spectrum(
    stepping: Stepping, vectors: Tensor, *, exponents: int | None = None, warmup: int = 0
) -> tuple[np.ndarray, float | None]:
    """Exponents (sequences, k) in nats per step, largest first, and the residual of the sum rule.

    vectors (sequences, time, features) are the inputs of whole sequences; the first `warmup` steps only bring state and
    directions into place. The residual, None unless all exponents are asked for, is the largest gap between the sum
    of the exponents of a sequence and the mean of ln |det J| over its steps, which it equals.
    """
    vectors = vectors.to(stepping.start)
    k = stepping.size if exponents is None else min(exponents, stepping.size)
    steps = vectors.shape[1] - warmup
    found, gaps = [], []
    for sequence in vectors:
        state = stepping.start
        directions = torch.linalg.qr(_directions(stepping.size, k)).Q
        sums, volume = torch.zeros(k, dtype=state.dtype), 0.0
        for place, vector in enumerate(sequence):
            if k == stepping.size and place >= warmup:
                jacobian = stepping.jacobian(state[None], vector[None])[0]
                volume += float(torch.linalg.slogdet(jacobian).logabsdet)
            state, pushed = stepping.push(state, vector, directions)
            directions, r = torch.linalg.qr(pushed)
            size = r.diagonal().abs()
            if place >= warmup:
                sums += torch.where(size > LOST * size.max(), size, 0.0).log()
        each = (sums / steps).sort(descending=True).values
        found.append(each.numpy())
        if k == stepping.size and math.isfinite(volume) and bool(each.isfinite().all()):
            gaps.append(abs(float(each.sum()) - volume / steps))
    return np.stack(found), max(gaps) if gaps else None


def _directions(size: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, count, dtype=torch.float64, generator=generator)
