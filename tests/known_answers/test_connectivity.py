"""Slopes of the answer by lag, in networks where they are known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

import elman
from elman.interpretation.connectivity import ALL, by_lag, connectivity, half, slopes
from elman.interpretation.view import NO_WEIGHTS
from elman.models.rnn import RNN


def draws(count=6, time=20, size=1, seed=0):
    return torch.randn(count, time, size, generator=torch.Generator().manual_seed(seed)).double()


def asked(step, size=1, readout=None, x=None):
    found = elman.inspect(
        step,
        draws() if x is None else x,
        start=torch.zeros(size).double(),
        readout=readout,
        questions=["connectivity"],
    )
    return found[0]


@pytest.mark.parametrize("kept", [0.9, 0.5, -0.7])
def test_a_leaky_unit_fades_by_its_share_a_step(kept):
    found = asked(lambda state, x: kept * state + x)
    expected = np.abs(kept) ** np.arange(20)
    np.testing.assert_allclose(found.arrays["mean"], expected, rtol=1e-12)
    assert found.value == np.searchsorted(expected.cumsum(), expected.sum() / 2) + 1
    assert found.interval == (found.value, found.value)


@pytest.mark.parametrize("tap", [0, 2, 5])
def test_a_shift_register_hangs_on_its_tap_alone(tap):
    move = torch.diag(torch.ones(tap), -1).double()

    def register(state, x):
        return state @ move.T + torch.nn.functional.pad(x, (0, tap))

    found = asked(register, tap + 1, lambda state: state[:, tap:])
    np.testing.assert_array_equal(found.arrays["mean"], np.arange(20) == tap)
    assert found.value == tap + 1 and f"strongest lag is {tap}" in found.sentence


def test_a_matrix_network_has_the_frobenius_norm_of_its_powers():
    draw = np.random.default_rng(0)
    inner, read, write = (
        torch.from_numpy(draw.standard_normal(shape) * 0.4) for shape in ((4, 4), (3, 4), (4, 2))
    )
    found = asked(lambda s, x: s @ inner.T + x @ write.T, 4, lambda s: s @ read.T, draws(size=2))
    expected = [float((read @ torch.linalg.matrix_power(inner, k) @ write).norm()) for k in range(20)]
    np.testing.assert_allclose(found.arrays["connectivity"], [expected] * 6, rtol=1e-10)


def test_many_outputs_are_estimated_from_random_directions():
    weights = torch.randn(300, 5, generator=torch.Generator().manual_seed(1)).double()
    view = view_of(lambda e, n: e[:, -1] @ weights.T, embed=lambda x: x, labels=tuple(map(str, range(300))))
    sample = sample_of(draws(200, 4, 5))
    found = connectivity(view, sample)
    exact = float(weights.norm())
    assert len(view.labels) > ALL and "random directions" in found.sample
    assert found.arrays["mean"][0] == pytest.approx(exact, rel=0.05) and (found.arrays["mean"][1:] == 0).all()
    assert found.arrays["connectivity"][:, 0].std() > 0
    again = connectivity(view, sample)
    np.testing.assert_array_equal(found.arrays["connectivity"], again.arrays["connectivity"])


def test_ragged_sequences_are_counted_from_their_own_end():
    torch.manual_seed(0)
    view = view_of_network("gru")
    lengths = torch.tensor([10, 3, 7])
    view.model.eval()
    found = slopes(view, sample_of(tokens(3), lengths=lengths))
    assert np.isfinite(found).sum(1).tolist() == [10, 3, 7]
    alone = slopes(view, sample_of(tokens(3)[1:2, :3]))
    np.testing.assert_allclose(found[1, :3], alone[0], rtol=1e-4)
    np.testing.assert_allclose(by_lag(found)[8:], found[0, 8:])
    np.testing.assert_allclose(by_lag(found)[3:7], found[[0, 2], 3:7].mean(0))


def test_slopes_are_those_of_finite_differences():
    torch.manual_seed(0)
    network = RNN("lstm", 2, 4).double().eval()
    view = view_of(lambda e, n: network(e)[0][:, -1], embed=lambda x: x, labels=("a",) * 4)
    x = draws(2, 6, 2)
    found = slopes(replace(view, model=network), sample_of(x))
    tiny = 1e-6
    for lag in range(6):
        squared = 0.0
        for feature in range(2):
            moved = [x.clone(), x.clone()]
            for sign, each in zip((1, -1), moved):
                each[:, 5 - lag, feature] += sign * tiny
            with torch.no_grad():
                squared = squared + (
                    (network(moved[0])[0] - network(moved[1])[0])[:, -1] / (2 * tiny)
                ).square().sum(1)
        np.testing.assert_allclose(found[:, lag], squared.sqrt(), rtol=1e-6)


def test_the_network_is_left_alone_and_the_control_is_another():
    view = view_of_network("lstm")
    found = connectivity(view, sample_of(tokens(40)))
    assert found.chart and not np.allclose(found.arrays["mean"], found.arrays["mean_shuffled"])
    assert found.control == half(found.arrays["mean_shuffled"])
    assert found.interval[0] <= found.value <= found.interval[1]
    assert all(weight.grad is None and weight.requires_grad for weight in view.model.parameters())


def test_an_answer_that_hangs_on_nothing_says_so():
    found = connectivity(
        view_of(lambda e, n: 0 * e.sum((1, 2))[:, None], embed=lambda x: x), sample_of(draws())
    )
    assert "0 everywhere" in found.sentence and found.value is None


def test_not_asked_of_a_step_in_the_middle():
    assert connectivity(replace(view_of(), asked=lambda lengths: lengths // 2), sample_of(tokens())) is None


def test_half_of_the_sum():
    assert (
        half(np.array([1.0, 1.0, 1.0])) == 2
        and half(np.array([3.0, 1.0])) == 1
        and half(np.array([0.0, 0.0, 1.0])) == 3
    )


def test_the_numbers_said_are_those_of_the_curve():
    """A register whose slope is 1 at its tap, and a leaky unit of which 0.5^5 is left at the farthest of six steps."""
    leaky = lambda e, n: sum(0.5 ** (e.shape[1] - 1 - k) * e[:, k] for k in range(e.shape[1]))
    found = connectivity(view_of(leaky, embed=lambda x: x, labels=()), sample_of(draws(20, 6)))
    assert (
        "The strongest lag is 0; of its slope, a share of 0.031 is left at the farthest, 5 steps back"
        in found.sentence
    )
    assert "With shuffled weights it lies in the last" in found.sentence and found.control == found.value == 1
    bare = replace(view_of(leaky, embed=lambda x: x, labels=()), model=torch.nn.Module())
    assert NO_WEIGHTS in connectivity(bare, sample_of(draws(20, 6))).sentence


def test_norms_of_many_outputs_are_said_to_be_drawn():
    def said(names):
        view = view_of(lambda e, n: e[:, -1].repeat(1, len(names)), embed=lambda x: x, labels=tuple(names))
        return connectivity(view, sample_of(draws(6, 4))).sample

    assert "random directions" not in said("abcdefgh") and "random directions" in said("abcdefghi")


def test_a_view_within_no_grad_is_sloped_all_the_same():
    with torch.no_grad():
        found = slopes(
            view_of(lambda e, n: 2 * e[:, -1], embed=lambda x: x, labels=()), sample_of(draws(3, 4))
        )
    np.testing.assert_allclose(found, [[2.0, 0.0, 0.0, 0.0]] * 3)
