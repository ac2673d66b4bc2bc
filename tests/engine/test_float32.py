"""Executors in float32, each allowed a few times the reference's own float32 error against float64."""

from __future__ import annotations

import pytest
import torch

from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.models.rnn import RNN

PAIRS = [(cell, name) for cell in catalogue("cells") for name in catalogue("engine.executors")]


def values(network, x, lengths):
    x = x.detach().clone().to(next(network.parameters()).dtype).requires_grad_(True)
    network.zero_grad()
    output, state = network(x, lengths=lengths)
    (output.sum() + sum(part.sum() for part in state[0][0])).backward()
    return [
        output.detach().double(),
        x.grad.double(),
        *(p.grad.double().clone() for p in network.parameters()),
    ]


@pytest.mark.parametrize(("cell", "name"), PAIRS, ids=map("-".join, PAIRS))
def test_no_executor_is_less_exact_than_the_reference(cell, name):
    torch.manual_seed(0)
    network = RNN(cell, 16, 32, executor="reference")
    x, lengths = torch.randn(8, 60, 16), torch.tensor([60, 59, 40, 33, 32, 31, 2, 1])
    exact = values(network.double(), x, lengths)
    own = values(network.float(), x, lengths)
    network.executor = name
    try:
        mine = values(network, x, lengths)
    except RecipeError as refusal:
        pytest.skip(str(refusal))
    for true, reference, value in zip(exact, own, mine):
        scale = true.abs().max()
        allowed = max(4 * float((reference - true).abs().max() / scale), 1e-6)
        assert float((value - true).abs().max() / scale) <= allowed
