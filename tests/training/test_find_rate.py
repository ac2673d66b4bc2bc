"""The learning-rate range test."""

from __future__ import annotations

import pytest
import torch

from elman.core.errors import TrainingDiverged
from elman.training.find_rate import find_rate

from .test_loop import FEED, OPTIONS, network, objective


def test_it_suggests_a_rate_and_leaves_model_and_random_state_alone():
    model = network()
    before, random = {n: v.clone() for n, v in model.state_dict().items()}, torch.get_rng_state()
    found = find_rate(model, objective, FEED, OPTIONS)
    assert 1e-4 < found.suggested < 1 and len(found.rates) == len(found.losses)
    assert torch.equal(random, torch.get_rng_state())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def failing_after(steps):
    calls = []

    def failing(model, batch, state):
        calls.append(1)
        step = objective(model, batch, state)
        return step if len(calls) <= steps else step._replace(loss=step.loss * float("nan"))

    return failing


def test_a_loss_that_is_no_number_ends_the_search():
    found = find_rate(network(), failing_after(30), FEED, OPTIONS)
    assert len(found.losses) == 30 and all(loss == loss for loss in found.losses)
    with pytest.raises(TrainingDiverged, match="Look at the data"):
        find_rate(network(), failing_after(0), FEED, OPTIONS)
