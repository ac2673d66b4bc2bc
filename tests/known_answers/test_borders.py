"""Borders of attribution, dynamics, interventions and ridges that whole networks seldom meet, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

import elman
from elman.inspection import looked_into
from elman.interpretation import dynamics as of_dynamics
from elman.interpretation import interventions as of_interventions
from elman.interpretation.attribution import _likeness, attribution
from elman.interpretation.dynamics import SEQUENCES, dynamics
from elman.interpretation.interventions import DRAWS, _means, _without, interventions, taken_out, units_of
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.ridge import STRENGTHS, Ridge
from elman.interpretation.stepping import stepping_view
from elman.interpretation.view import NO_WEIGHTS, shuffled, untouched
from elman.models.rnn import RNN

from .networks import sample_of, tokens, view_of, view_of_network


def test_attribution_has_no_answer_where_several_tokens_are_one_vector():
    pairs = view_of(
        lambda vectors, lengths: vectors[:, -1, :2],
        embed=lambda inputs: inputs.float().unflatten(1, (-1, 2)),
    )
    assert attribution(pairs, sample_of(tokens())) is None


def test_two_maps_are_alike_where_there_is_something_to_compare():
    sample = sample_of(tokens(3, 4), lengths=torch.tensor([4, 3, 2]))
    one = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 9.0, 9.0]])
    other = np.array([[2.0, 4.0, 6.0, 8.0], [3.0, 2.0, 1.0, 0.0], [5.0, 1.0, 0.0, 0.0]])
    # Two steps are always alike or opposite; padding has no part.
    assert _likeness(one, other, sample) == pytest.approx(0.0)
    assert _likeness(one, other, sample_of(tokens(1, 3))) == pytest.approx(1.0)
    assert _likeness(one[2:], other[2:], sample_of(tokens(1, 2))) == 0.0  # nothing to compare
    small = 1e-9 * one[:1]
    assert _likeness(small, other[:1], sample_of(tokens(1, 4))) == pytest.approx(1.0)  # at any scale


def series(count=20, time=12, size=3):
    return torch.randn(count, time, size, generator=torch.Generator().manual_seed(0)).double()


def linear(matrix):
    """h' = matrix h + x."""
    size = len(matrix)
    network = RNN("rnn", size, size, activation="identity").double()
    cell = network.layers[0][0]
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        cell.hh.weight.copy_(torch.as_tensor(matrix))
        cell.ih.weight.copy_(torch.eye(size))
    return network


def view_of_linear(matrix):
    network = linear(matrix)
    return replace(
        view_of(), model=network, labels=(), stepping=stepping_view(network, lambda inputs: inputs)
    )


def test_the_mean_way_of_a_condition_is_the_mean_of_its_trajectories():
    side = np.arange(20) % 2
    found = dynamics(
        view_of_linear(np.diag([0.9, 0.5, 0.1])), sample_of(series() + 1.0, torch.zeros(20)), conditions={"side": side}
    )  # fmt: skip
    ways, drawn = found.arrays["ways side"], found.arrays["trajectories"]
    np.testing.assert_array_equal(found.arrays["steps side"], np.arange(12))
    for level in range(2):
        np.testing.assert_allclose(ways[level], drawn[side == level].mean(0), atol=1e-12)


def test_the_control_of_the_exponents_is_that_of_the_shuffled_network():
    view, x = view_of_linear([[0.9, 0.3, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, 0.1]]), series(count=8)
    found = dynamics(view, sample_of(x, torch.zeros(8)), seed=3)
    with torch.no_grad(), shuffled(view, 3):
        stepping, read = view.stepping()
        exponents, _ = lyapunov_spectrum(stepping, read(x), exponents=3, warmup=2)
    assert found.control == pytest.approx(exponents[:, 0].mean()) != pytest.approx(found.value)


@pytest.mark.parametrize(("time", "warmup"), [(9, 0), (10, 2), (24, 4)])
def test_a_fifth_of_the_steps_brings_directions_into_place_where_there_are_ten(monkeypatch, time, warmup):
    seen = []

    def spectrum(stepping, vectors, **options):
        seen.append((len(vectors), options["warmup"]))
        return lyapunov_spectrum(stepping, vectors, **options)

    monkeypatch.setattr(of_dynamics, "lyapunov_spectrum", spectrum)
    view = view_of_linear(np.diag([0.9, 0.5, 0.1]))
    found = dynamics(view, sample_of(series(SEQUENCES + 3, time), torch.zeros(SEQUENCES + 3)))
    assert set(seen) == {(SEQUENCES, warmup)} and found.arrays["exponents"].shape == (SEQUENCES, 3)


def test_exponents_are_taken_along_steps_that_all_of_the_longest_have(monkeypatch):
    seen = []
    monkeypatch.setattr(
        of_dynamics, "lyapunov_spectrum", lambda stepping, vectors, **options: (seen.append(vectors), (np.zeros((8, 1)), 0.0))[1]
    )  # fmt: skip
    view, x = view_of_linear(np.diag([0.9, 0.5, 0.1])), series(SEQUENCES + 2, 12)
    lengths = torch.tensor([3, *[12] * (SEQUENCES - 1), 9, 5])
    dynamics(view, sample_of(x, torch.zeros(SEQUENCES + 2), lengths))
    for vectors in seen:
        assert vectors.shape[:2] == (SEQUENCES, 9)
        assert {float(row[0, 0]) for row in vectors} == {float(row[0, 0]) for row in x[1:-1]}


def test_states_that_never_change_fill_no_more_than_a_point():
    found = dynamics(view_of_linear(np.zeros((3, 3))), sample_of(0 * series(), torch.zeros(20)))
    assert not found.arrays["variance"].any() and "in about 1 dimension." in found.sentence
    assert NO_WEIGHTS not in found.sentence
    step = {"start": torch.zeros(1).double(), "questions": ["dynamics"]}
    (bare,) = elman.inspect(lambda state, x: 0.5 * state + x, series(size=1)[..., 0], **step)
    assert NO_WEIGHTS in bare.sentence and bare.control is None


def test_one_sequence_is_chosen_by_and_measured_on_and_of_two_each_has_its_part():
    view = view_of_network("gru")
    for count, said in ((1, (1, 1)), (2, (1, 1)), (3, (1, 2))):
        found = interventions(view, sample_of(tokens(count)))
        assert found.sample == f"{said[0]} sequences to choose by, {said[1]} to measure on"
        assert found.arrays["loss"].shape[1] == said[1]


@pytest.mark.parametrize(("best", "said"), [(2.0, "more than in any of"), (0.6, "At least one of")])
def test_whether_a_random_draw_did_as_much_is_asked_of_the_best_draw(monkeypatch, best, said):
    view, sample = view_of_network("gru"), sample_of(tokens())
    whole = interventions(view, sample).arrays["loss_whole"]

    def without(view, sample, means, sets):
        gains = np.array([best, *np.linspace(0.1, 1.0, DRAWS)])[: len(sets)]
        return whole + gains[:, None]

    monkeypatch.setattr(of_interventions, "_without", without)
    found = interventions(view, sample)
    assert said in found.sentence and found.value == pytest.approx(best)


class Projected(nn.Module):
    """An LSTM of two layers whose h is smaller than its c, and two numbers at the end."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, num_layers=2, proj_size=2, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says that oneDNN has none
def test_units_of_a_projected_layer_are_those_of_its_memory_and_of_one_layer_alone():
    torch.manual_seed(0)
    x = series().float()
    targets = torch.randn(20, 2)
    model = Projected()
    (found,) = elman.inspect(model, x, targets, questions=["interventions"])
    assert len(found.arrays["units"]) == 10
    view, sample = looked_into(model, x, targets)
    units = units_of(view)
    last = [units[9]]  # beyond the two numbers of h: only its c is held
    gone = taken_out(view, sample, last)
    np.testing.assert_allclose(gone.whole, (model(x) - targets).square().mean(1).detach(), rtol=1e-5)
    assert not np.allclose(gone.loss, gone.whole)
    # Of two layers the other is left as it is.
    with untouched(view), torch.no_grad():
        alone = _without(view, sample, _means(view, sample), [last])
    np.testing.assert_allclose(alone[0], gone.loss, rtol=1e-5)


def test_a_ridge_does_not_hang_on_the_scale_of_a_column():
    draw = np.random.default_rng(0)
    states, values = draw.normal(size=(80, 4)), draw.normal(size=(80, 1))
    scales = np.array([1e-20, 1.0, 1e6, 1.0])
    plain = Ridge(states[:60]).read(values[:60], states[60:])
    np.testing.assert_allclose(
        Ridge(states[:60] * scales).read(values[:60], states[60:] * scales), plain, rtol=1e-9
    )


def test_a_ridge_reads_from_directions_of_little_variance():
    """Two columns that differ by a hundredth of what they have in common, and the difference is what is asked."""
    draw = np.random.default_rng(0)
    common, small = draw.normal(size=(2, 120))
    states = np.stack([common + 0.01 * small, common - 0.01 * small], 1)
    known = (states - states[:80].mean(0)) / states[:80].std(0)
    values = small[:, None]
    expected = RidgeCV(STRENGTHS).fit(known[:80], values[:80]).predict(known[80:])
    said = Ridge(states[:80]).read(values[:80], states[80:])
    np.testing.assert_allclose(said[:, 0], expected.reshape(-1), rtol=1e-6)
    assert np.corrcoef(said[:, 0], small[80:])[0, 1] > 0.9
