"""Gates whose openness is set by hand, and which gate keeps, measured on every cell there is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

from elman.core.catalogue import catalogue
from elman.interpretation.gates import find_keepers, gates, keeper, spoken
from elman.models.rnn import RNN

EXPECTED = {"lstm": ("forget_gate", False), "gru": ("update_gate", False), "mingru": ("update_gate", True)}


def cell_of(name):
    torch.manual_seed(0)
    return RNN(name, input_size=3, hidden_size=5).layers[0][0]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_keeping_gate_is_measured(name):
    found = keeper(cell_of(name))
    assert (found.gate, found.inverted) == EXPECTED[name] and found.residual < 1e-5


@pytest.mark.parametrize("name", list(catalogue("cells")))
def test_what_is_found_holds_on_the_cell_and_nothing_is_found_without_gates(name):
    cell = cell_of(name)
    found = keeper(cell)
    if not any(reading.endswith("gate") for reading in cell.readings):
        assert found is None
    elif found is not None:
        assert found.residual < 1e-3 and found.gate in cell.readings


def test_a_cell_with_swapped_names_is_seen_through():
    """A published sLSTM had its input and forget gate swapped for a year; a name is not a proof."""
    cell = cell_of("lstm")
    cell.readings = ("forget_gate", "input_gate", "candidate", "output_gate")
    assert keeper(cell).gate == "input_gate"


def test_an_lstm_with_zero_weights_keeps_by_its_bias_alone():
    view = view_of_network("lstm")
    cell = view.model.rnn.layers[0][0]
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.ih.bias[6:12] = 3.0
    finding = gates(view, sample_of(tokens()))
    expected = -1 / math.log(1 / (1 + math.exp(-3)))
    np.testing.assert_allclose(finding.arrays["time_scales"], expected, rtol=1e-5)
    row = next(row for row in finding.table if row["name"].endswith("forget_gate"))
    assert (
        row["open"] == 1.0
        and row["closed"] == 0.0
        and row["median time scale (steps)"] == pytest.approx(expected)
    )


def test_the_update_gate_of_a_mingru_keeps_when_closed():
    view = view_of_network("mingru")
    affine = view.model.rnn.layers[0][0].ih
    with torch.no_grad():
        affine.weight.zero_()
        affine.bias[:6] = -4.0  # z = sigmoid(-4): 1 - z of the state is kept
        affine.bias[6:] = 1.0
    finding = gates(view, sample_of(tokens()))
    np.testing.assert_allclose(
        finding.arrays["time_scales"], -1 / math.log(1 - 1 / (1 + math.exp(4))), rtol=1e-4
    )
    assert "closed update gate" in finding.sentence


def test_elsewhere_the_names_are_taken_as_in_torch_without_a_residual():
    found = find_keepers(torch.nn.Linear(1, 1), ["layers.0.forward.update_gate"])
    assert found["layers.0.forward"].residual is None and not found["layers.0.forward"].inverted


def test_every_layer_and_direction_has_its_time_scales():
    view = view_of_network("gru", num_layers=2, bidirectional=True)
    arrays = gates(view, sample_of(tokens())).arrays
    assert {f"time_scales.layers.{k}.{way}" for k in (0, 1) for way in ("forward", "backward")} <= set(arrays)


def test_padding_does_not_change_the_statistics():
    view, inputs = view_of_network("gru"), tokens(6, 5)
    padded = torch.nn.functional.pad(inputs, (0, 7))
    alone = gates(view, sample_of(inputs, lengths=torch.full((6,), 5)))
    beside = gates(view, sample_of(torch.cat([padded, tokens(1, 12)]), lengths=torch.tensor([5] * 6 + [12])))
    one = gates(view, sample_of(tokens(1, 12)))
    for row, other, last in zip(alone.table, beside.table, one.table):
        assert other["mean"] == pytest.approx((row["mean"] * 30 + last["mean"] * 12) / 42, abs=1e-5)


def test_the_sample_may_be_larger_than_a_part():
    trace = lambda inputs, lengths: {"layers.0.forward.input_gate": inputs[..., None] / 10}
    finding = gates(view_of(trace=trace), sample_of(tokens(200, 7).float()))
    assert finding.table[0]["mean"] == pytest.approx(float(tokens(200, 7).float().mean()) / 10)


def test_states_that_are_not_bounded_are_not_called_stuck():
    trace = lambda inputs, lengths: {"layers.0.forward.h": 10 * torch.ones(len(inputs), 5, 2)}
    finding = gates(view_of(trace=trace), sample_of(tokens()))
    assert finding.value == 0.0 and "not bounded" in finding.sentence


def test_a_network_that_shows_nothing_says_so():
    assert "no gates" in gates(view_of(), sample_of(tokens())).sentence


def test_names_are_said_in_words():
    assert spoken("layers.0.forward.forget_gate") == "layer 1 forget gate"
    assert spoken("layers.1.backward.h") == "layer 2 backward state h"
    assert spoken("encoder.gate") == "encoder.gate"
