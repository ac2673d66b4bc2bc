"""A time budget as a number of steps: measured once, written into the recipe, so that a replay repeats steps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from torch import Tensor

from elman.core.errors import RecipeError

PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
WARMUP_STEPS = 30  # timed steps, fewer where WARMUP_SHARE of the budget is over before
WARMUP_SHARE = 0.1
RESERVE = 0.03  # of the budget, for checkpoints and for steps that are slower than those timed


def seconds(budget: str) -> float:
    """Seconds of "90s", "10m" or "1h30m"; RecipeError for anything else."""
    match = PATTERN.fullmatch(budget.strip().lower())
    total = (
        sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1))) if match else 0.0
    )
    if total <= 0:
        raise RecipeError(f"budget {budget!r} is no length of time; expected e.g. 90s, 10m or 1h30m.")
    return total


def steps_within(
    budget: str, step: Callable[[], Tensor], validation: Callable[[], object], validations: int
) -> int:
    """How many steps fit beside `validations` validations; the warm-up itself is paid from the budget, too.

    The first two steps are not timed (allocators and kernels wake up). `step` returns its loss: reading the last one
    waits for a device that runs behind. At least one step, however short the budget.
    """
    limit, entered = seconds(budget), time.perf_counter()
    step()
    loss = step()
    float(loss)
    began, count = time.perf_counter(), 0
    while count < 3 or (count < WARMUP_STEPS and time.perf_counter() - entered < WARMUP_SHARE * limit):
        loss = step()
        count += 1
    float(loss)
    stepped = time.perf_counter()
    each = (stepped - began) / count
    validation()
    now = time.perf_counter()
    left = (1 - RESERVE) * limit - (now - entered) - validations * (now - stepped)
    return max(1, int(left / each))
