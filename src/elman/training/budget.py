"""A time budget as a number of steps: measured once, written into the recipe, so that a replay repeats steps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from elman.core.errors import RecipeError

PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


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
    budget: str, step: Callable[[], None], validation: Callable[[], None], validations: int, warmup: int = 20
) -> int:
    """How many steps fit: `warmup` steps and one validation are timed (the first two steps are not), 3% stay in reserve."""
    step()
    step()
    begin = time.perf_counter()
    for _ in range(warmup):
        step()
    each = (time.perf_counter() - begin) / warmup
    begin = time.perf_counter()
    validation()
    validating = time.perf_counter() - begin
    left = 0.97 * seconds(budget) - validations * validating
    return max(1, int(left / each))
