"""Enough steps for few examples: passes that suit a large set would end a small one before it has learnt anything."""

from __future__ import annotations

import math
from typing import Any

from elman.core.recipe import TrainingOptions

LEAST_STEPS = 400  # below this networks stay close to where they began
MOST_EPOCHS = 100.0  # above this a set is too small for more passes to help
VALIDATIONS = 20  # as many chances to keep the best weights; one an epoch would write more than it trains
PATIENCE = 8  # validations: far fewer would end a rise that has just begun


def enough(given: TrainingOptions, resolved: TrainingOptions, steps_per_epoch: int) -> dict[str, Any]:
    """Settings (dotted names) with which a small set is trained for about LEAST_STEPS.

    `given` is what user and source ask for: where it says how long to train, nothing is changed.
    """
    if given.epochs is not None or given.steps or given.budget or not resolved.epochs:
        return {}
    epochs = min(MOST_EPOCHS, math.ceil(LEAST_STEPS / max(1, steps_per_epoch)))
    if epochs <= resolved.epochs:
        return {}
    settings = {"epochs": float(epochs), "validations": VALIDATIONS, "patience": PATIENCE}
    return {f"training.{name}": value for name, value in settings.items() if getattr(given, name) is None}
