"""Patching where it is known which unit carries what: a planted neuron, and whole states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.foreign import view_of_module
from elman.interpretation.interventions import units_of
from elman.interpretation.patching import Patched, patching
from elman.known_networks import Planted

from .networks import tokens, view_of_network


def planted():
    model, draw = Planted(), torch.Generator().manual_seed(0)
    x, donors = torch.rand(6, 10, 2, generator=draw), torch.rand(6, 10, 2, generator=draw)
    view = view_of_module(model, x, None, lambda inputs, _: model(inputs), lambda o, t: o.sum(1), (), None)
    return view, x, donors


def test_the_planted_neuron_carries_what_it_has_summed_and_others_nothing():
    view, x, donors = planted()
    found = patching(view, x, donors, [("layers.0.forward", 5)], [9])
    np.testing.assert_allclose(found.share, 1.0, rtol=1e-5)
    assert found.control.shape == (8, 6) and not found.control.any() and found.beyond
    assert (found.value, found.chance) == (pytest.approx(1.0), 0.0)
    early = patching(view, x, donors, [("layers.0.forward", 5)], [3])
    mine, theirs = x[..., 0].double(), donors[..., 0].double()
    expected = (theirs[:, :4].sum(1) - mine[:, :4].sum(1)) / (theirs.sum(1) - mine.sum(1))
    np.testing.assert_allclose(early.share, expected, rtol=1e-4)
    last = patching(view, x, donors, [("layers.0.forward", 5)], [3, 9])
    np.testing.assert_allclose(last.share, 1.0, rtol=1e-5)
    other = patching(view, x, donors, [("layers.0.forward", 4)], [9], draws=200)
    assert not other.share.any() and not other.beyond
    # One in 19 of the random sets is the planted neuron: never the unit itself.
    assert 0 < other.chance < 0.15 and set(other.control.round(4).flatten()) == {0.0, 1.0}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_whole_state_is_the_whole_answer(kind):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = kind(3, 4, 2, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    torch.manual_seed(0)
    model, x, donors = Model(), torch.randn(5, 6, 3), torch.randn(5, 6, 3)
    view = view_of_module(model, x, None, lambda inputs, _: model(inputs), lambda o, t: o.sum(1), (), None)
    every = units_of(view)
    found = patching(view, x, donors, every, [5])
    np.testing.assert_allclose(found.share, 1.0, rtol=1e-4)
    assert found.control.shape == (0, 5) and np.isnan(found.chance) and not found.beyond
    # From a step on that both sequences share, the donor's state is all there is of it: h and c of every layer.
    donors[:, 3:] = x[:, 3:]
    np.testing.assert_allclose(patching(view, x, donors, every, [2]).share, 1.0, rtol=1e-3)
    first = [unit for unit in every if unit[0] == "layers.0.forward"]
    assert abs(patching(view, x, donors, first, [2]).share - 1.0).min() > 1e-3


def test_random_sets_are_as_large_and_of_other_units():
    view = view_of_network("lstm")
    before = {name: value.clone() for name, value in view.model.state_dict().items()}
    chosen = units_of(view)[:3]
    found = patching(view, tokens(4), tokens(4, seed=1), chosen, [2, 5], draws=3)
    assert found.control.shape == (3, 4)
    again = patching(view, tokens(4), tokens(4, seed=1), chosen, [2, 5], draws=3)
    np.testing.assert_array_equal(found.control, again.control)
    rest = [patching(view, tokens(4), tokens(4, seed=1), units_of(view)[k:], [2, 5], draws=1) for k in (3, 2)]
    # Of six units three are left for three, and they are the only such set; two are too few for four.
    np.testing.assert_allclose(rest[0].control[0], found.share, rtol=1e-6)
    np.testing.assert_allclose(found.control[0], rest[0].share, rtol=1e-6)
    assert rest[1].control.shape == (0, 4)
    assert all(torch.equal(view.model.state_dict()[name], value) for name, value in before.items())


def test_pairs_with_one_answer_say_nothing():
    view, x, donors = planted()
    donors[0] = x[0]
    found = patching(view, x, donors, [("layers.0.forward", 5)], [9])
    assert np.isnan(found.share[0]) and found.value == pytest.approx(1.0, rel=1e-5)
    assert not Patched(np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.0, 0.0]])).beyond


def test_what_does_not_fit_is_said():
    view, x, donors = planted()
    unit = ("layers.0.forward", 5)
    for steps in ([10], [-1], []):
        with pytest.raises(RecipeError, match="steps 0 to 9"):
            patching(view, x, donors, [unit], steps)
    with pytest.raises(RecipeError, match="one donor for each"):
        patching(view, x, donors[:5], [unit], [9])
    with pytest.raises(UnknownName, match="layers.0.forward.2"):
        patching(view, x, donors, [("layers.0.forward", 20)], [9])
    with pytest.raises(RecipeError, match="no unit is named"):
        patching(view, x, donors, [], [9])
