"""How cells start: orthogonal recurrence, open forget gates, or torch's uniform on request."""

from __future__ import annotations

import pytest
import torch

from elman.core.catalogue import catalogue
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell):
    network = RNN(cell, 6, 8)
    for name, weight in network.named_parameters():
        if name.endswith("hh.weight"):
            for block in weight.detach().split(8):
                torch.testing.assert_close(block @ block.T, torch.eye(8), rtol=1e-5, atol=1e-5)


def test_the_forget_gate_starts_open():
    cell = RNN("lstm", 6, 8).layers[0][0]
    both = (cell.ih.bias + cell.hh.bias).detach().view(4, 8)
    assert both[1].eq(1).all() and both[[0, 2, 3]].eq(0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_uniform_is_torchs(cell):
    network = RNN(cell, 6, 16, 2, initialisation="uniform", layer_norm=True)
    for name, value in network.named_parameters():
        if ".norm." not in name:
            assert value.abs().max() <= 0.25 and value.std() > 0.1, name
        else:
            assert value.unique().numel() == 1, name


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_fixes_the_start(cell):
    first, second = (torch.manual_seed(3) and RNN(cell, 6, 8).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
