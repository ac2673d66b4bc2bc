"""A length of time as a number of steps."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch

from elman.core.errors import RecipeError
from elman.training import loop
from elman.training.budget import seconds, steps_within
from elman.training.device import place
from elman.training.loop import total_steps
from elman.training.optimizer import make_optimizer

from .test_loop import FEED, OPTIONS, network, objective, run, validate


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("0.5h", 1800), (" 2M ", 120)]
)
def test_budgets(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "0s", "30s10m", "-5m"])
def test_bad_budgets(text):
    with pytest.raises(RecipeError, match="expected e.g. 90s"):
        seconds(text)


class Clock:
    """A clock that moves only when something says how long it took."""

    now = 0.0

    def take(self, duration, value=None):
        self.now += duration
        return value


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return clock


def test_steps_validations_and_the_warm_up_fill_the_budget(clock):
    loss = torch.zeros(())
    steps = steps_within("100s", lambda: clock.take(0.1, loss), lambda: clock.take(2.0), 8)
    spent = clock.now + steps * 0.1 + 8 * 2.0
    assert 0.95 * 100 <= spent <= 100


def test_slow_steps_shorten_the_warm_up(clock):
    steps = steps_within("60s", lambda: clock.take(2.0, torch.zeros(())), lambda: clock.take(1.0), 4)
    assert clock.now <= 12 and clock.now + steps * 2.0 + 4 <= 60


def test_at_least_one_step(clock):
    assert steps_within("1s", lambda: clock.take(9.0, torch.zeros(())), lambda: None, 4) == 1


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_timing_leaves_no_trace(optimizer):
    options, model = replace(OPTIONS, steps=None, budget="5m", optimizer=optimizer), network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random, placed = torch.get_rng_state(), place(model, make_optimizer(model, options, 0.01), options)
    assert total_steps(placed, objective, FEED, options, validate) > 3
    assert torch.equal(random, torch.get_rng_state()) and not placed.optimizer.state
    assert all(one.grad is None for one in model.parameters())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_run_with_a_budget_repeats_with_its_steps(tmp_path, monkeypatch):
    def forty(budget, step, validation, validations):
        step(), step(), validation()
        return 40

    monkeypatch.setattr(
        loop, "steps_within", forty
    )  # a real clock would make this test depend on the machine
    options = replace(OPTIONS, steps=None, validations=None, budget="1s")
    first, history = run(tmp_path / "timed", options)
    assert (history.stopped, history.steps, len(history.rows)) == ("budget", 40, loop.BUDGET_VALIDATIONS)
    again, _ = run(tmp_path / "counted", replace(options, steps=history.steps))
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
