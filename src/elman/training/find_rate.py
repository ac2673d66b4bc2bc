"""The learning-rate range test: raise the rate step by step, watch the loss (Smith 2017, section 3.3)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Feed
from elman.training.loop import Objective
from elman.training.optimizer import make_optimizer


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
    """Run `steps` steps on a copy of the model with rates from `low` to `high`; the model itself is left as it is."""
    trial = copy.deepcopy(model).train()
    optimizer = make_optimizer(trial, options, low)
    rates = np.geomspace(low, high, steps).tolist()
    batches = _forever(feed, options)
    state: Any = None
    smooth, losses = 0.0, []
    for number, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = next(batches)
        step = objective(trial, batch, None if batch.start else state)
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()  # type: ignore[no-untyped-call]
        if options.clip_norm:
            nn.utils.clip_grad_norm_(trial.parameters(), options.clip_norm)
        optimizer.step()
        state = None
        smooth = 0.9 * smooth + 0.1 * step.loss.item()
        losses.append(smooth / (1 - 0.9 ** (number + 1)))
        if number > 10 and losses[-1] > 4 * min(losses):
            break
    return RateFound(rates[int(np.argmin(losses))] / 3, rates[: len(losses)], losses)


def _forever(feed: Feed, options: TrainingOptions) -> Any:
    shuffle = np.random.default_rng(options.seed)
    while True:
        yield from feed.batches(options.batch_size or 64, shuffle)
