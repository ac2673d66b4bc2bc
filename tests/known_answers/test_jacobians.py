"""What becomes of a small change: powers of a matrix, a gate's share, and the products of autograd's Jacobians."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from elman.interpretation import jacobians
from elman.interpretation.dynamics import dynamics
from elman.interpretation.jacobians import growth, lags_of, said, typical
from elman.interpretation.stepping import stepping_of, stepping_view
from elman.known_networks import forgetful_lstm, linear_network
from elman.models.rnn import RNN

from .networks import sample_of, tokens, view_of_network


def asked(network, inputs, lengths, **options):
    stepping = stepping_of(network)
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(len(lengths), max(lengths), inputs, generator=draw).double()
    return growth(stepping, vectors, stepping.states(vectors), lengths, **options), stepping, vectors


def test_a_linear_network_gives_the_norm_of_its_matrix_to_the_power():
    found, stepping, _ = asked(linear_network(), 3, [24, 30])
    matrix = stepping.jacobian(torch.zeros(1, 3).double(), torch.zeros(1, 3).double())[0].numpy()
    expected = [np.linalg.norm(np.linalg.matrix_power(matrix, k + 1)) / math.sqrt(3) for k in range(15)]
    assert found.shape == (6, 15)
    np.testing.assert_allclose(found, [expected] * 6, rtol=1e-10)


def test_what_an_lstm_without_weights_keeps_is_c_and_h_is_what_c_shows():
    """dc'/dc = sigmoid(3), dh'/dc = sigmoid(3) / 2 where c is 0; nothing comes of h."""
    found, *_ = asked(forgetful_lstm(), 1, [12])
    keep = 1 / (1 + math.exp(-3))
    expected = [keep ** (k + 1) * math.sqrt((1 + 0.25) / 2) for k in range(6)]
    np.testing.assert_allclose(found, [expected] * 3, rtol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_is_the_norm_of_the_product_of_jacobians_from_where_it_starts(cell):
    torch.manual_seed(0)
    network = RNN(cell, 2, 3, 2)
    found, stepping, vectors = asked(network, 2, [9, 5, 8, 3], settled=0.25)
    states, row = stepping.states(vectors), 0
    for sequence, places in ((0, (2, 3, 5)), (1, (1,)), (2, (2, 3, 4))):  # 3 steps are fewer than the 4 lags
        for step in places:
            state, whole = states[sequence, step - 1], torch.eye(stepping.size).double()
            for lag in range(4):
                x = vectors[sequence, step + lag]
                whole = stepping.jacobian(state[None], x[None])[0] @ whole
                state = stepping.step(state[None], x[None])[0]
                norm = float(torch.linalg.matrix_norm(whole)) / math.sqrt(stepping.size)
                assert found[row, lag] == pytest.approx(norm, rel=1e-9)
            row += 1
    assert found.shape == (row, 4)


def test_it_may_begin_at_the_very_start():
    torch.manual_seed(0)
    network = RNN("gru", 2, 3, learned_initial_state=True)
    with torch.no_grad():
        for part in network.initial:
            part.fill_(1.5)
    found, stepping, vectors = asked(network, 2, [1])
    jacobian = stepping.jacobian(stepping.start[None], vectors[:, 0])[0]
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(float(torch.linalg.matrix_norm(jacobian)) / math.sqrt(3))


def test_a_large_state_is_estimated_from_some_directions(monkeypatch):
    torch.manual_seed(0)
    network = RNN("gru", 2, 50)
    exact, *_ = asked(network, 2, [12] * 8)
    monkeypatch.setattr(jacobians, "EXACT", 49)
    drawn, *_ = asked(network, 2, [12] * 8)
    assert not np.array_equal(exact, drawn)
    np.testing.assert_allclose(typical(drawn), typical(exact), rtol=0.1)


def test_in_words_and_in_the_finding():
    assert lags_of([7, 3]) == 3 and lags_of([1]) == 1 and lags_of([500]) == 50
    assert typical(np.array([[4.0, 1.0], [1.0, 0.0]])).tolist() == [2.0, 0.0]
    assert said(np.array([[0.5, 0.25]])).endswith("has 0.5 of its size after a step, 0.25 after 2.")
    assert "largest after 2, 3" in said(np.array([[2.0, 3.0, 1.0]]))
    for flat in ([[0.5, 0.6, 0.1]], [[2.0, 1.0]], [[1.0, 2.0]], [[0.5]]):
        assert "largest" not in said(np.array(flat))
    view = view_of_network("gru")
    view = replace(view, stepping=stepping_view(view.model.rnn, view.model.embed))
    found = dynamics(view, sample_of(tokens(12, 20)))
    assert found.arrays["growth"].shape == (8 * 3, 10) and "A small change" in found.sentence
