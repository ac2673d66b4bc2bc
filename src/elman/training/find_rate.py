"""The learning-rate range test: raise the rate step by step, watch the loss (Smith 2017, section 3.3)."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
from torch import nn

from elman.core.errors import TrainingDiverged
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Feed
from elman.training.device import place
from elman.training.objective import Objective, detach
from elman.training.optimizer import make_optimizer, set_rate
from elman.training.passes import Passes
from elman.training.random_state import untouched_random_state


@dataclass(frozen=True)
class RateFound:
    """`suggested`: a third of the rate at which the smoothed loss was least; rates and smoothed losses beside it."""

    suggested: float
    rates: list[float]
    losses: list[float]


def find_rate(
    model: nn.Module,
    objective: Objective,
    feed: Feed,
    options: TrainingOptions,
    *,
    low: float = 1e-5,
    high: float = 1.0,
    steps: int = 80,
) -> RateFound:
    """Run `steps` steps on a copy of the model with rates from `low` to `high`; model and random state are left alone.

    It ends early where the smoothed loss is four times its least, or no number. Raises TrainingDiverged when the loss is no number
    from the start.
    """
    trial = copy.deepcopy(model).train()
    placed = place(trial, make_optimizer(trial, options, low), options)
    rates = np.geomspace(low, high, steps).tolist()
    batches = Passes(feed, options.batch_size or 64, options.seed)
    smooth, losses, state = 0.0, list[float](), None
    with untouched_random_state():
        for number, (rate, batch) in enumerate(zip(rates, batches)):
            set_rate(placed.optimizer, rate)
            given, _ = placed.step(objective, batch, None if batch.start else state)
            loss, state = given.loss.item(), detach(given.state)
            if not math.isfinite(loss):
                break
            smooth = 0.9 * smooth + 0.1 * loss
            losses.append(smooth / (1 - 0.9 ** (number + 1)))
            if number > 10 and losses[-1] > 4 * min(losses):
                break
    if not losses:
        raise TrainingDiverged(
            "the loss is not a number at the first step, whatever the rate. Look at the data."
        )
    return RateFound(rates[int(np.argmin(losses))] / 3, rates[: len(losses)], losses)
