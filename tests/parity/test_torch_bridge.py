"""Weights across the bridge to torch.nn and back: sizes, directions, projections, step cells, and what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elman.core.errors import RecipeError
from elman.models.rnn import RNN

# torch says once that it has no faster kernel for these
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(list(LAYERS)),
    sizes=st.tuples(st.integers(1, 4), st.integers(2, 5), st.integers(1, 3)),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    projected=st.booleans(),
    relu=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    seed=st.integers(0, 1000),
)
def test_from_torch_gives_the_same_output_and_to_torch_the_same_weights(
    kind, sizes, bidirectional, batch_first, projected, relu, dtype, seed
):
    torch.manual_seed(seed)
    options = {"proj_size": 1} if projected and kind == "lstm" else {}
    options |= {"nonlinearity": "relu"} if relu and kind == "rnn" else {}
    theirs = LAYERS[kind](
        *sizes, bidirectional=bidirectional, batch_first=batch_first, dtype=dtype, **options
    )
    theirs.eval()
    ours = RNN.from_torch(theirs)
    x = torch.randn(3, 6, sizes[0], dtype=dtype)
    expected = theirs(x)[0] if batch_first else theirs(x.transpose(0, 1))[0].transpose(0, 1)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(ours(x)[0], expected, rtol=tolerance, atol=tolerance)
    assert not ours.training
    again = ours.to_torch()
    assert type(again) is type(theirs) and again.batch_first and not again.training
    for name, value in theirs.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_cell_becomes_one_layer(kind):
    torch.manual_seed(0)
    theirs = STEPS[kind](3, 5, dtype=torch.float64)
    ours, x, state = RNN.from_torch(theirs), torch.randn(4, 6, 3, dtype=torch.float64), None
    steps = []
    for t in range(6):
        state = theirs(x[:, t], state)
        steps.append(state[0] if kind == "lstm" else state)
    torch.testing.assert_close(ours(x)[0], torch.stack(steps, 1), rtol=1e-12, atol=1e-12)


def test_weights_are_copies_and_frozen_ones_stay_frozen():
    theirs = nn.GRU(3, 5)
    theirs.weight_hh_l0.requires_grad_(False)
    ours = RNN.from_torch(theirs)
    cell = ours.layers[0][0]
    assert not cell.hh.weight.requires_grad and cell.ih.weight.requires_grad
    assert not ours.to_torch().weight_hh_l0.requires_grad
    before = theirs.weight_ih_l0.detach().clone()
    with torch.no_grad():
        cell.ih.weight.zero_()
    assert torch.equal(theirs.weight_ih_l0, before)


class Other(nn.LSTM):
    """A subclass may have another forward."""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.GRU(3, 5, bias=False), "bias=False"),
        (nn.LSTMCell(3, 5, bias=False), "bias=False"),
        (nn.Linear(3, 5), "got a Linear; expected torch.nn.LSTM"),
        (Other(3, 5), "got a Other"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(module, words):
    with pytest.raises(RecipeError, match=words):
        RNN.from_torch(module)
