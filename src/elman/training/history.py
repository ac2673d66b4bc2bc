"""What happened in training, as plain rows."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        """Whether this beats `other` (anything finite beats None; NaN beats nothing)."""
        if self.value != self.value:
            return False
        if other is None:
            return True
        return self.value > other if self.higher_is_better else self.value < other


@dataclass
class History:
    """Rows as in metrics.jsonl, the best validation, and why training stopped."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    monitor: str = ""
    best_step: int = 0
    best_value: float | None = None
    stopped: str = "finished"  # finished, patience, interrupted
    steps: int = 0
    steps_per_epoch: int = 0
    seconds: float = 0.0
    validation_seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Everything but the rows."""
        return {key: value for key, value in vars(self).items() if key != "rows"}
