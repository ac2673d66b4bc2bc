"""Learning-rate schedules: a factor for each step."""

from __future__ import annotations

import math


def factor(schedule: str, step: int, steps: int, warmup: float) -> float:
    """What the learning rate is multiplied by at `step` of `steps`.

    A linear rise over the `warmup` share of the steps, then: constant; cosine to 1% (Loshchilov and Hutter 2017); one_cycle, linear to 1%
    (after Smith and Topin 2019); plateau, constant here and halved by the loop when validation stalls.
    """
    rise = max(1, round(warmup * steps)) if warmup else 0
    if step < rise:
        return (step + 1) / rise
    done = (step - rise) / max(1, steps - rise)
    if schedule == "cosine":
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    if schedule == "one_cycle":
        return 1 - 0.99 * min(1.0, done)
    return 1.0
