"""A projected LSTM against torch's proj_size, both ways, in value, both final states and gradient.

float32: what the plain loop loses against its own float64 on the same input is measured here; four times that is allowed.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman.core.errors import RecipeError
from elman.models.rnn import RNN


def answers(run, x):
    value = x.clone().requires_grad_(True)
    output, h, c = run(value)
    (output.square().sum() + h.sum() + 2 * c.sum()).backward()
    return [output.detach(), h.detach(), c.detach(), value.grad]


def ours(network, lengths):
    def run(value):
        output, state = network(value, lengths=lengths)
        sides = [side for layer in state for side in layer]
        return output, torch.stack([side.h for side in sides]), torch.stack([side.c for side in sides])

    return run


def torchs(layer, lengths):
    def run(value):
        packed = pack_padded_sequence(value, lengths, batch_first=True, enforce_sorted=False)
        output, (h, c) = layer(packed)
        return pad_packed_sequence(output, batch_first=True, total_length=value.shape[1])[0], h, c

    return run


@pytest.mark.parametrize("executor", ["vendor", "reference"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("lengths", [[9, 9, 9, 9], [9, 2, 5, 1]], ids=["dense", "ragged"])
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_equals_torch(executor, dtype, lengths):
    torch.manual_seed(0)
    theirs = nn.LSTM(6, 11, 2, batch_first=True, bidirectional=True, proj_size=4).to(dtype)
    network = RNN.from_torch(theirs)
    network.executor = executor
    x, lengths = torch.randn(4, 9, 6, dtype=dtype), torch.tensor(lengths)
    mine, other = answers(ours(network, lengths), x), answers(torchs(theirs, lengths), x)
    allowed = [1e-12] * 4
    if dtype == torch.float32:
        exact = RNN.from_torch(theirs).double()
        single = RNN.from_torch(theirs)
        exact.executor = single.executor = "reference"
        true, rounded = answers(ours(exact, lengths), x.double()), answers(ours(single, lengths), x)
        allowed = [max(4 * float((a - b).abs().max()), 1e-6) for a, b in zip(true, rounded)]
        assert max(allowed) < 1e-4
    for a, b, tolerance in zip(mine, other, allowed):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=0, atol=tolerance)
    back = network.to_torch()
    assert back.proj_size == 4
    for name, value in theirs.state_dict().items():
        assert torch.equal(value, back.state_dict()[name])


def test_a_single_step_of_a_projected_lstm_is_the_cells_own():
    network = RNN("lstm", 3, 8, projection_size=2)
    assert network.step(torch.zeros(2, 3))[0].shape == (2, 2)
    network.executor = "vendor"
    with pytest.raises(RecipeError, match="projection_size"):
        network.step(torch.zeros(2, 3))
