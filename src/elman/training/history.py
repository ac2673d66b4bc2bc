"""What happened in training, as plain rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Validation metrics by name; `monitor` is the one that chooses the best weights."""

    metrics: dict[str, float]
    monitor: str
    higher_is_better: bool

    @property
    def value(self) -> float:
        """The monitored metric."""
        return self.metrics[self.monitor]

    def better_than(self, other: float | None) -> bool:
        """Whether this beats `other` (anything finite beats None; what is not finite beats nothing)."""
        if not math.isfinite(self.value):
            return False
        if other is None:
            return True
        return self.value > other if self.higher_is_better else self.value < other


@dataclass(frozen=True)
class History:
    """Rows as in metrics.jsonl (one a validation), the best validation, why training stopped, and how fast it was.

    `stopped` is "finished", "budget" (all steps that fitted the time are done), "patience" or "interrupted"; a loss that is
    no number raises TrainingDiverged instead. `seconds` counts earlier sittings of a resumed run; speeds leave
    validation out, tokens are time steps of the inputs.
    """

    rows: tuple[dict[str, Any], ...]
    monitor: str
    best_step: int
    best_value: float | None
    stopped: str
    steps: int
    steps_per_epoch: int
    seconds: float
    validation_seconds: float
    steps_per_second: float
    tokens_per_second: float

    def summary(self) -> dict[str, Any]:
        """Everything but the rows."""
        return {key: value for key, value in vars(self).items() if key != "rows"}
