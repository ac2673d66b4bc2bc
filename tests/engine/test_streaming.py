"""Single steps: fused where torch has one, else the cell's own; the same numbers as the sequence."""

from __future__ import annotations

import pytest
import torch

from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.models.rnn import RNN

OPTIONS = (
    {},
    {"num_layers": 3, "residual": True},
    {"layer_norm": True},
    {"zoneout": 0.3},
    {"learned_initial_state": True},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", sorted(catalogue("cells")))
def test_steps_are_the_sequence_with_every_option(cell, options):
    torch.manual_seed(0)
    network = RNN(cell, 5, 5, **options).double().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, state = torch.randn(2, 6, 5).double(), None
    with torch.no_grad():
        whole, end = network(x)
        for t in range(6):
            output, state = network.step(x[:, t], state)
            torch.testing.assert_close(output, whole[:, t], rtol=1e-12, atol=1e-12)
    for layer, other in zip(state, end):
        assert type(layer[0]) is type(other[0])
        torch.testing.assert_close(tuple(layer[0]), tuple(other[0]), rtol=1e-12, atol=1e-12)


def test_steps_have_gradients_and_vectorise():
    network = RNN("gru", 3, 5).double()
    x = torch.randn(4, 3).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda value: network.step(value)[0], x)
    each = torch.func.vmap(lambda row: network.step(row[None])[0][0])(x)
    torch.testing.assert_close(each, network.step(x)[0])


def test_wrong_steps_are_told():
    with pytest.raises(RecipeError, match="bidirectional"):
        RNN("gru", 3, 5, bidirectional=True).step(torch.zeros(1, 3))
    with pytest.raises(RecipeError, match=r"expected \(batch, 3\)"):
        RNN("gru", 3, 5).step(torch.zeros(1, 1, 3))
    with pytest.raises(RecipeError, match="no kernel for MinGRU"):
        RNN("mingru", 3, 5, executor="vendor").step(torch.zeros(1, 3))
    with pytest.raises(RecipeError, match=r"initial_state\(1\)"):
        network = RNN("gru", 3, 5)
        network.step(torch.zeros(1, 3), network.initial_state(2))
