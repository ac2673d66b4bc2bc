"""How fast neighbouring states part: the Lyapunov spectrum along real inputs, over the full state.

Directions are pushed through the Jacobian of each step and made orthonormal again by QR; the exponents are the means of
ln |R_ii| (Engelken et al. 2020; Vogt et al. 2022 for gated networks). In nats per step: above 0 small differences grow, below 0 they
are forgotten within -1/exponent steps; minus infinity where a direction is lost at once.
"""

from __future__ import annotations

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
    count, steps = len(vectors), vectors.shape[1] - warmup
    states = stepping.start.repeat(count, 1)
    directions = torch.linalg.qr(_directions(stepping.size, k)).Q.repeat(count, 1, 1)
    sums = torch.zeros(count, k, dtype=states.dtype)
    volume = torch.zeros(count, dtype=states.dtype)
    for place, inputs in enumerate(vectors.unbind(1)):
        if k == stepping.size and place >= warmup:
            # NumPy's: torch's batched one fails on several threads (MKL's DLASWP, torch 2.13).
            volume += torch.from_numpy(np.linalg.slogdet(stepping.jacobian(states, inputs).numpy())[1])
        states, pushed = stepping.push(states, inputs, directions)
        directions, r = torch.linalg.qr(pushed)
        size = r.diagonal(dim1=1, dim2=2).abs()
        if place >= warmup:
            sums += torch.where(size > LOST * size.amax(1, keepdim=True), size, 0.0).log()
    found = (sums / steps).sort(1, descending=True).values
    whole = found.isfinite().all(1) & volume.isfinite()
    if k < stepping.size or not bool(whole.any()):
        return found.numpy(), None
    return found.numpy(), float((found.sum(1) - volume / steps)[whole].abs().max())


def _directions(size: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, count, dtype=torch.float64, generator=generator)
