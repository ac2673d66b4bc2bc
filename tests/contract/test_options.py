"""Options of cells and networks, each held against an independent answer. Cells are discovered, never listed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.references.rnn import ACTIVATIONS as TRANSCRIBED

from elman.cells.rnn import ACTIVATIONS
from elman.core.catalogue import catalogue
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))


def make(cell, **options):
    torch.manual_seed(1)
    network = RNN(cell, 3, 5, **options).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def same(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def by_numpy(network, x, transcription, **options):
    """x (time, input) through a transcription with the first cell's weights: outputs and readings by name."""
    weights = {name: value.detach().numpy() for name, value in network.layers[0][0].named_parameters()}
    state, outputs, readings = tuple(np.zeros(5) for _ in network.state_names), [], []
    readout = getattr(transcription, "readout", lambda weights, x, state: state[0])
    for row in x:
        state, seen = transcription.step(weights, row, state, **options)
        outputs.append(readout(weights, row, state))
        readings.append(seen)
    return np.array(outputs), {name: np.array([seen[name] for seen in readings]) for name in readings[0]}


@pytest.mark.parametrize("cell", CELLS)
def test_layer_norm_equals_the_transcription(cell):
    network = make(cell, layer_norm=True)
    x = np.random.default_rng(0).normal(size=(6, 3))
    expected, readings = by_numpy(network, x, importlib.import_module(f"tests.references.{cell}"))
    with torch.no_grad():
        same(network(torch.from_numpy(x)[None])[0][0], torch.from_numpy(expected))
        trace = network.trace(torch.from_numpy(x)[None])
    for name, value in readings.items():
        same(trace[f"layers.0.forward.{name}"][0], torch.from_numpy(value))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_equal_the_transcription(activation):
    network = make("rnn", activation=activation)
    x = np.random.default_rng(0).normal(size=(6, 3))
    transcribed = importlib.import_module("tests.references.rnn")
    expected, _ = by_numpy(network, x, transcribed, activation=activation)
    with torch.no_grad():
        same(network(torch.from_numpy(x)[None])[0][0], torch.from_numpy(expected))


def test_an_activation_may_be_a_function():
    mine, named = make("rnn", activation=torch.nn.functional.softsign), make("rnn", activation="softsign")
    x = torch.randn(2, 6, 3).double()
    same(mine(x)[0], named(x)[0])
    assert "vendor refused: activation" in str(mine.plan(x))


def test_every_activation_is_transcribed():
    assert set(ACTIVATIONS) == set(TRANSCRIBED)


@given(data=st.data(), cut=st.integers(1, 7), learned=st.booleans(), residual=st.booleans())
@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("cell", CELLS)
def test_a_reset_parts_both_directions(cell, data, cut, learned, residual):
    """What is on one side of a border must not reach the other: equal to running the two sides alone."""
    network = make(cell, num_layers=2, bidirectional=True, learned_initial_state=learned, residual=residual)
    length = data.draw(st.integers(cut + 1, 9))
    x = torch.randn(2, 9, 3).double()
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[:, cut] = True
    reset[1, length:] = True  # in the padding a reset parts nothing
    with torch.no_grad():
        output, _ = network(x, lengths=torch.tensor([9, length]), reset=reset)
        for row, end in enumerate((9, length)):
            sides = [network(x[row : row + 1, a:b])[0][0] for a, b in ((0, cut), (cut, end))]
            same(output[row, :end], torch.cat(sides))


@pytest.mark.parametrize("cell", CELLS)
def test_a_reset_in_the_padding_leaves_a_carried_state_alone(cell):
    network = make(cell, bidirectional=True)
    x, lengths = torch.randn(2, 9, 3).double(), torch.tensor([9, 5])
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[1, 5:] = True
    with torch.no_grad():
        _, carried = network(torch.randn(2, 4, 3).double())
        same(network(x, carried, lengths, reset)[0], network(x, carried, lengths)[0])


@pytest.mark.parametrize("cell", CELLS)
def test_the_trace_is_the_fast_run(cell):
    network = make(cell, num_layers=2, bidirectional=True)
    x, lengths = torch.randn(3, 9, 3).double(), torch.tensor([9, 4, 1])
    with torch.no_grad():
        output, state = network(x, lengths=lengths)
        trace = network.trace(x, lengths=lengths)
    same(torch.cat([trace["layers.1.forward.h"], trace["layers.1.backward.h"]], -1), output)
    for name in network.state_names:
        last = trace[f"layers.0.forward.{name}"][torch.arange(3), lengths - 1]
        same(last, getattr(state[0][0], name))
    assert set(trace) == {
        f"layers.{depth}.{side}.{name}"
        for depth in (0, 1)
        for side in ("forward", "backward")
        for name in network.traced
    }


def test_readings_are_taken_before_hold():
    network, plain = make("gru", zoneout=0.5).eval(), make("gru")
    x = torch.randn(1, 1, 3).double()
    same(network.trace(x)["layers.0.forward.h"], plain(x)[0])
    same(network(x)[0], plain(x)[0] / 2)


def test_variational_dropout_draws_one_mask_for_a_sequence():
    network = RNN("gru", 3, 6, 2, dropout=0.5, variational_dropout=True)
    seen = []
    network.layers[1][0].ih.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.executor = "reference"  # the kernel would take the weights past the hook
    network(torch.randn(4, 8, 3))
    zero = seen[0] == 0
    assert (zero == zero[:1]).all() and zero[0].any() and not zero[0].all()
    assert not (zero[0] == zero[0, :1]).all()  # each sequence has its own
    network.eval()(torch.randn(4, 8, 3))
    assert (seen[1] != 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives_reach_weights_and_states_through_every_option(cell):
    network = make(
        cell, executor="reference", layer_norm=True, learned_initial_state=True, zoneout=0.3
    ).eval()
    names = [name for name, _ in network.named_parameters()]
    x = torch.randn(2, 3, 3).double().requires_grad_(True)
    reset = torch.tensor([[False, True, False], [False, False, False]])

    def run(x, *values):
        inputs = (x, None, torch.tensor([3, 2]), reset)
        output, state = torch.func.functional_call(network, dict(zip(names, values)), inputs)
        return output, *state[0][0]

    values = [parameter.detach().clone().requires_grad_(True) for parameter in network.parameters()]
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
def test_what_has_no_steps_keeps_its_state(cell):
    network = make(cell)
    before = tuple(
        (type(side)(*(torch.randn_like(part) for part in side)),) for (side,) in network.initial_state(2)
    )
    output, after = network(torch.randn(2, 4, 3).double(), before, lengths=torch.tensor([4, 0]))
    assert (output[1] == 0).all()
    for a, b in zip(after[0][0], before[0][0]):
        same(a[1], b[1])


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_of_none_is_served(cell):
    assert make(cell)(torch.zeros(0, 4, 3).double())[0].shape == (0, 4, 5)


@pytest.mark.parametrize("cell", CELLS)
def test_residual_adds_a_layers_input_where_sizes_agree(cell):
    network = make(cell, num_layers=2, residual=True)
    first, second = (RNN(lambda a, b, layer=layer: layer[0], 3, 5) for layer in network.layers)
    second.input_size = 5
    x = torch.randn(2, 4, 3).double()
    middle = first(x)[0]  # 3 to 5: nothing to add
    same(network(x)[0], second(middle)[0] + middle)


@pytest.mark.parametrize("executor", ["reference", "scan"])
def test_a_reset_with_no_state_to_go_back_to_starts_from_zeros(executor):
    from elman.engine.contract import Call
    from elman.engine.plan import executors

    network = make("mingru")
    cell, reset = network.layers[0][0], torch.zeros(4, 2, dtype=torch.bool)
    reset[2] = True
    x, start = torch.randn(4, 2, 3).double(), cell.State(torch.randn(2, 5).double())
    with torch.no_grad():
        output = executors()[executor].run(Call(cell, x, start, reset=reset)).output
        alone = executors()[executor].run(Call(cell, x[2:], cell.initial_state(2))).output
    same(output[2:], alone)
