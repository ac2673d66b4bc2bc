"""Fixed and slow points: what is one point, what rests, what is too far or too fast, on maps that can be written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.interpretation import fixed_points as of_points
from elman.interpretation.fixed_points import (
    NEAR,
    TOLERANCE,
    Points,
    _distinct,
    _newton,
    _speed,
    fixed_points,
)
from elman.interpretation.stepping import Stepping


def stepping(step, size=1):
    """A map of states (n, size) under an input that it does not read."""
    return Stepping(lambda state, x: step(state), torch.zeros(size).double(), (("state", size),), 1)


def points(step, starts, size=1, **options):
    starts = torch.as_tensor(starts, dtype=torch.float64).reshape(-1, size)
    return fixed_points(stepping(step, size), torch.zeros(1), starts, **options)


def test_states_closer_than_so_far_are_one_and_the_first_stands_for_them():
    states = torch.tensor([[0.0], [0.5], [0.25], [1.0], [1.3]])
    kept, counts = _distinct(states, 0.25)
    assert kept.flatten().tolist() == [0.0, 0.5, 1.0, pytest.approx(1.3)]
    assert counts.tolist() == [2, 1, 1, 1]  # as far as it may be is still one, and the nearest takes it
    kept, counts = _distinct(states, 0.4, torch.tensor([1, 2, 3, 4, 5]))
    assert kept.flatten().tolist() == [0.0, 0.5, 1.0] and counts.tolist() == [4, 2, 9]


def test_what_rests_and_what_draws_in():
    speed = np.array([TOLERANCE, 2 * TOLERANCE, 0.0])
    values = np.array([[0.5, 0.1], [1.0, 0.2], [0.9j, -0.99]])
    found = Points(np.zeros((3, 2)), speed, values, np.ones(3))
    assert found.fixed.tolist() == [True, False, True] and found.stable.tolist() == [True, False, True]
    assert len(found) == 3


def test_the_speed_is_half_of_the_square():
    states = torch.tensor([[1.0, 2.0], [0.0, 0.0]]).double()
    found = _speed(stepping(lambda s: 3 * s, 2), states, torch.zeros(2, 1))
    assert found.tolist() == [(4 + 16) / 2, 0.0]


def test_newtons_steps_are_halved_until_they_slow_a_state_down():
    """x -> x + tanh(x): from 1.5 a whole step is too long and would run away."""
    step = stepping(lambda s: s + torch.tanh(s))
    start = torch.tensor([[1.5], [0.0]]).double()
    whole = 1.5 - np.tanh(1.5) * np.cosh(1.5) ** 2
    assert abs(np.tanh(whole)) > np.tanh(1.5)
    states, speed = _newton(step, start, torch.zeros(2, 1), 40)
    assert states.abs().max() < 1e-10 and speed.max() <= TOLERANCE * 1e-6
    once, _ = _newton(step, start, torch.zeros(2, 1), 1)
    assert once[0, 0] == pytest.approx(1.5 + (whole - 1.5) / 2) and once[1, 0] == 0.0


def test_one_step_of_newton_solves_what_is_linear():
    matrix = torch.tensor([[0.5, 0.2], [-0.3, 0.1]]).double()
    shift = torch.tensor([1.0, 2.0]).double()
    states, _ = _newton(stepping(lambda s: s @ matrix.T + shift, 2), torch.zeros(1, 2).double(), torch.zeros(1, 1), 1)  # fmt: skip
    expected = torch.linalg.solve(torch.eye(2).double() - matrix, shift)
    torch.testing.assert_close(states[0], expected)


def test_starts_are_counted_where_they_end_and_the_one_that_rests_comes_first():
    """x -> x - (x - 1)(x + 1) x / 4 rests at -1, 0 and 1; the slope is 1 - (3 x^2 - 1) / 4."""
    found = points(lambda s: s - (s - 1) * (s + 1) * s / 4, [-1.2, -0.9, -1.1, 0.01, 0.9, 1.1])
    at = found.states[:, 0]
    order = np.argsort(at)
    np.testing.assert_allclose(at[order], [-1, 0, 1], atol=1e-8)
    assert found.found_from[order].tolist() == [3, 1, 2] and found.fixed.all()
    np.testing.assert_allclose(found.eigenvalues[order, 0].real, [0.5, 1.25, 0.5], atol=1e-6)
    assert found.stable[order].tolist() == [True, False, True]


def test_eigenvalues_are_those_of_the_point_largest_first():
    matrix = torch.diag(torch.tensor([0.1, -0.9, 0.5]).double())
    found = points(lambda s: s @ matrix, np.eye(3), size=3)
    np.testing.assert_allclose(found.eigenvalues[0].real, [-0.9, 0.5, 0.1], atol=1e-12)


def test_a_point_far_from_all_that_was_visited_is_none():
    """x -> x + (x - 9)(x - 1) / 40: both rest, but states were only about 1."""
    step = lambda s: s + (s - 9) * (s - 1) / 40
    near = points(step, [0.9, 1.0, 1.1], descents=0)
    assert near.states[:, 0] == pytest.approx([1.0])
    wide = points(step, [0.9, 1.1, 8.9], descents=0)
    assert np.sort(wide.states[:, 0]) == pytest.approx([1.0, 9.0])


@pytest.mark.parametrize(("at", "kept"), [(26.1, 1), (26.3, 0), (-6.1, 1), (-6.3, 0)])
def test_how_far_a_point_may_be_is_told_by_how_far_states_were_and_how_large(at, kept):
    """Starts at 8 and 12 lie 2 from their mean, and are 10.2 large: 3 x 2 + 10.2 from 10 at most."""
    assert len(points(lambda s: at + 0.5 * (s - at), [8.0, 12.0], descents=0)) == kept


def test_what_moves_too_fast_is_passed_and_what_hardly_moves_is_slow():
    """A drift has no point of rest: it is slow where it is small beside the states, and none where it is not."""
    turned = lambda drift: lambda s: s + drift
    slow = points(turned(1e-3), [[1.0], [-1.0]], descents=5, newtons=3)
    assert len(slow) and not slow.fixed.any()
    assert slow.speed == pytest.approx(5e-7)
    assert not len(points(turned(0.1), [[1.0], [-1.0]], descents=5, newtons=3))


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_what_is_found_does_not_hang_on_the_scale_of_states(size):
    """The same map in another unit: distances and speeds are taken as shares of how large states are."""
    step = lambda s: s - (s / size - 1) * (s / size + 1) * s / 4
    found = points(step, size * np.array([-1.2, -0.9, 0.01, 0.9, 1.1]), descents=0)
    assert np.sort(found.states[:, 0]) == pytest.approx([-size, 0.0, size], abs=1e-6 * size)
    drift = points(lambda s: s + 1e-3 * size, size * np.array([1.0, -1.0]), descents=0, newtons=3)
    assert len(drift) == 2 and not (drift.speed <= 0).any()
    assert not len(points(lambda s: s + 0.1 * size, size * np.array([1.0, -1.0]), descents=0, newtons=3))


def test_states_that_are_all_nought_are_one_point():
    found = points(lambda s: 0.5 * s, [0.0, 0.0], descents=0)
    assert found.states.tolist() == [[0.0]] and found.found_from.tolist() == [2]


def test_of_many_places_so_many_are_followed(monkeypatch):
    """On a line of points every start is one of its own; the slowest are kept, fewer of a large state."""
    monkeypatch.setattr(of_points, "MANY", 5)
    monkeypatch.setattr(of_points, "FEW", 2)
    monkeypatch.setattr(of_points, "LARGE", 1)
    starts = np.linspace(-1, 1, 9)
    assert len(points(lambda s: s, starts, descents=0)) == 5
    both = np.stack([starts, starts], 1)
    assert len(points(lambda s: s, both, size=2, descents=0)) == 2
    close = np.linspace(0, 0.5 * NEAR, 4) + 1
    assert points(lambda s: s, close, descents=0).found_from.tolist() == [4]
