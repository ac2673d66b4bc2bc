"""Intervals from errors that were seen: their share of new values, and what few errors are worth."""

from __future__ import annotations

import numpy as np
import pytest

from elman.evaluation.conformal import ENOUGH, offsets


@pytest.mark.parametrize("count", [19, 20, 57, 200])
def test_the_share_is_held_and_hardly_more(count):
    rng = np.random.default_rng(count)
    held = []
    for _ in range(3000):
        low, high = offsets(rng.standard_exponential((count, 1)) - 1, 0.9)
        held.append((low[0] <= (new := rng.standard_exponential() - 1)) and new <= high[0])
    assert 0.9 - 0.02 <= np.mean(held) <= 0.9 + 2 / (count + 1) + 0.02


def test_which_errors_the_ends_are():
    errors = np.arange(99.0)[:, None]
    low, high = offsets(np.random.default_rng(0).permutation(errors), 0.9)
    assert (low[0], high[0]) == (4, 94)  # the fifth from either end
    low, high = offsets(errors[:18], 0.9)
    assert (low[0], high[0]) == (0, 17)


def test_a_far_step_with_few_errors_is_no_surer_than_a_near_one():
    errors = np.random.default_rng(0).normal(size=(ENOUGH, 4))
    errors[3:, 2] = np.nan
    errors[:, 3] = np.nan
    low, high = offsets(errors, 0.9)
    assert low[2] <= low[1] < high[1] <= high[2] and (low[3], high[3]) == (low[2], high[2])
    errors = np.random.default_rng(1).normal(size=(ENOUGH, 2)) * (5.0, 1.0)
    low, high = offsets(errors, 0.9)
    assert low[0] < low[1] and high[1] < high[0]  # of its own where there are enough
    assert np.isnan(offsets(np.full((3, 1), np.nan), 0.9)[0]).all()


def test_series_stand_beside_each_other():
    errors = np.random.default_rng(2).normal(size=(40, 3, 2))
    low, high = offsets(errors, 0.9)
    for k in range(2):
        alone = offsets(errors[..., k], 0.9)
        assert np.array_equal(alone[0], low[:, k]) and np.array_equal(alone[1], high[:, k])
