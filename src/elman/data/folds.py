"""Cross-validation of a series: the origin moves forward, and no fold trains on what it is tested on or on what comes later.

The series is cut into `count` + 1 equal parts in order of time; fold k is tested on part k + 1 and trained on what lies before:
all of it (expanding origin) or its last `history` steps (rolling origin). Tashman 2000, Out-of-sample tests of forecasting
accuracy, International Journal of Forecasting 16(4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from elman.core.errors import RecipeError


@dataclass(frozen=True)
class Fold:
    """Fold `number` (from 1) of `count`."""

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Fold:
        """From "2/5". Raises RecipeError for anything else."""
        match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text.strip())
        if not match or int(match[1]) > int(match[2]):
            raise RecipeError(
                f"fold {text!r} is none; expected NUMBER/COUNT, e.g. 2/5 for the second of five."
            )
        return cls(int(match[1]), int(match[2]))

    def places(self, steps: int, validation: float, history: int | None = None) -> tuple[int, int, int, int]:
        """First training step, first validation step, first test step, first step after it, of a series of `steps`.

        `validation` is the share of the steps before the test that validates: the last of them.
        """
        size = steps // (self.count + 1)
        test = steps - (self.count - self.number + 1) * size
        first = test - int(test * validation)
        if size < 1 or first < 1:
            raise RecipeError(f"{steps:,} time steps are too few for {self.count} folds; use fewer.")
        return max(0, first - history) if history else 0, first, test, test + size
