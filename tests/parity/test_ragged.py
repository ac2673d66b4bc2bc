"""Ragged batches against torch's packed sequences: outputs, both final states and gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman.engine.kernels import library
from elman.models.rnn import RNN
from elman.models.torch_bridge import pairs


def packed(theirs, x, lengths):
    sequence = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    output, state = theirs(sequence)
    output, _ = pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])
    return output, state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("executor", ["native", "vendor", "reference"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_equals_packed_sequences(cell, executor, dtype):
    if executor == "native" and library() is None:
        pytest.skip("the kernels were not built")
    torch.manual_seed(0)
    network = RNN(cell, 7, 12, 2, bidirectional=True, executor=executor).to(dtype)
    theirs, lengths = network.to_torch(), torch.tensor([30, 3, 17, 1])
    x = torch.randn(4, 30, 7, dtype=dtype)
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5  # sums of 30 steps of gradients

    def close(a, b):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)

    results = []
    for run in (lambda value: network(value, lengths=lengths), lambda value: packed(theirs, value, lengths)):
        value = x.clone().requires_grad_(True)
        output, state = run(value)
        parts = state
        if not isinstance(state[0], torch.Tensor):
            parts = [
                torch.stack([getattr(side, name) for layer in state for side in layer])
                for name in network.state_names
            ]
        loss = output.square().sum() + sum((part * (place + 1)).sum() for place, part in enumerate(parts))
        loss.backward()
        results.append((output, *parts, value.grad))
    for mine, other in zip(*results):
        close(mine, other)
    for mine, other in pairs(network, theirs):
        close(mine.grad, other.grad)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_long_padding_leaves_the_last_cell_state_exact(scale):
    network = RNN("lstm", 8, 16)
    x = torch.randn(2, 600, 8) * scale
    _, state = network(x, lengths=torch.tensor([600, 5]))
    _, alone = network(x[1:, :5])
    torch.testing.assert_close(state[0][0].c[1], alone[0][0].c[0], rtol=1e-6, atol=1e-6)
