"""Options compose: all cells x executors x pairs of options against the NumPy transcriptions; every combination in the full run."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.core.errors import ElmanError
from elman.models.rnn import RNN

from .choices import (
    CELLS,
    KEYWORDS,
    OPTIONS,
    build,
    call,
    check_training,
    check_values,
    pairs,
    product,
    taken,
)

PAIRS = [(cell, chosen) for cell in CELLS for chosen in pairs(cell)]


def name(one):
    return "+".join(one) or "plain" if isinstance(one, tuple) else one


def test_every_option_is_under_test():
    assert set(OPTIONS) == set(KEYWORDS) - {"executor"}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_an_option_is_taken_or_refused_by_name(cell, option):
    settings, cells = OPTIONS[option]
    if cell in cells:
        RNN(cell, 5, 5, 2, **settings)
        return
    word = "initialisation" if option == "longest_memory" else option
    with pytest.raises(ElmanError, match=rf"'{cell}' takes no '{word}.*Cells that do: ") as refusal:
        RNN(cell, 5, 5, 2, **settings)
    listed = str(refusal.value).partition("Cells that do: ")[2].rstrip(".").split(", ")
    assert set(listed) == cells


@pytest.mark.parametrize(("cell", "chosen"), PAIRS, ids=name)
def test_a_pair_of_options(cell, chosen):
    network = build(cell, chosen)
    x, given = call(network, chosen)
    check_values(cell, network, x, given)
    check_training(network, x, given)


@pytest.mark.full
@pytest.mark.parametrize("cell", CELLS)
def test_every_combination_of_options(cell):
    for chosen in product(cell):
        network = build(cell, chosen, size=3, hidden=4)
        x, given = call(network, chosen, time=5)
        check_values(cell, network, x, given)
        check_training(network, x, given)


def shapes_and_options(cell, data):
    chosen = tuple(
        data.draw(st.lists(st.sampled_from(taken(cell)), unique=True, max_size=6), label="options")
    )
    size, hidden = data.draw(st.integers(1, 19), label="inputs"), data.draw(st.integers(2, 37), label="units")
    layers, batch = data.draw(st.integers(1, 3), label="layers"), data.draw(st.integers(0, 9), label="rows")
    network = build(cell, chosen, size, hidden, layers, seed=data.draw(st.integers(0, 99)))
    return network, *call(network, chosen, batch, data.draw(st.integers(1, 40), label="steps"))


@pytest.mark.parametrize("cell", CELLS)
@given(data=st.data())
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_drawn_shapes_and_options(cell, data):
    network, x, given = shapes_and_options(cell, data)
    check_values(cell, network, x, given)
    check_training(network, x, given)


@pytest.mark.full
@pytest.mark.parametrize("cell", CELLS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_many_drawn_shapes_and_options(cell, data):
    network, x, given = shapes_and_options(cell, data)
    check_values(cell, network, x, given)
    check_training(network, x, given)


@pytest.mark.parametrize(
    "chosen",
    [("weight_drop",), ("variational_dropout",), ("zoneout",), ("weight_drop", "variational_dropout")],
)
def test_single_steps_in_training_draw_masks_like_a_sequence(chosen):
    network = build("gru", chosen)
    x = torch.randn(2, 1, 5).double()
    torch.manual_seed(3)
    expected = network.train()(x)[0][:, 0]
    torch.manual_seed(3)
    assert torch.equal(network.step(x[:, 0])[0], expected)
    network.eval()
    torch.testing.assert_close(network.step(x[:, 0])[0], network(x)[0][:, 0])
