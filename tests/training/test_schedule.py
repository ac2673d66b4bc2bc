"""Schedules against torch's own, step by step."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler as reference

from elman.training.schedule import factor

STEPS, RISE = 60, 6


def rates(make):
    """What a torch scheduler over a rate of 1 gives for STEPS steps."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    scheduler, seen = make(optimizer), []
    for _ in range(STEPS):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR calls its parts in a way torch itself deprecates
            scheduler.step()
    return seen


def after_a_rise(make):
    def both(optimizer):
        rise = reference.LinearLR(optimizer, 1 / RISE, 1.0, RISE - 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reference.SequentialLR(optimizer, [rise, make(optimizer)], [RISE])

    return both


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("constant", lambda optimizer: reference.ConstantLR(optimizer, 1.0, 1)),
        ("cosine", lambda optimizer: reference.CosineAnnealingLR(optimizer, STEPS - RISE, eta_min=0.01)),
        ("one_cycle", lambda optimizer: reference.LinearLR(optimizer, 1.0, 0.01, STEPS - RISE)),
    ],
)
def test_with_a_rise_as_torch(name, make):
    ours = [factor(name, step, STEPS, RISE / STEPS) for step in range(STEPS)]
    assert ours == pytest.approx(rates(after_a_rise(make)), rel=1e-6)


def test_cosine_without_a_rise_as_torch():
    ours = [factor("cosine", step, STEPS, 0.0) for step in range(STEPS)]
    assert ours == pytest.approx(
        rates(lambda optimizer: reference.CosineAnnealingLR(optimizer, STEPS, eta_min=0.01))
    )


def test_the_rise_is_linear_and_reaches_the_whole_rate():
    assert [factor("one_cycle", step, 100, 0.1) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1, 1])
    assert factor("one_cycle", 99, 100, 0.1) == pytest.approx(0.021)


@pytest.mark.parametrize("name", ["constant", "cosine", "one_cycle", "plateau"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_trainings_have_a_rate_at_every_step(name, steps):
    assert all(0 < factor(name, step, steps, 0.1) <= 1 for step in range(steps))
