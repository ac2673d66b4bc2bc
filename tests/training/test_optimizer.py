"""Which parameters decay, and the average of weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from elman.training.average import Average
from elman.training.optimizer import make_optimizer, set_rate

from .test_loop import OPTIONS


class Everything(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.bag, self.norm = nn.Embedding(3, 2), nn.EmbeddingBag(3, 2), nn.LayerNorm(2)
        self.linear, self.rnn, self.frozen = nn.Linear(2, 2), nn.LSTM(2, 2), nn.Linear(2, 2)
        self.frozen.requires_grad_(False)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop"])
def test_weights_decay_and_nothing_else(name):
    model = Everything()
    optimizer = make_optimizer(model, replace(OPTIONS, optimizer=name, weight_decay=0.1), 0.5)
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    decay = {
        names[id(one)]: group["weight_decay"] for group in optimizer.param_groups for one in group["params"]
    }
    assert {key for key, value in decay.items() if value} == {
        "linear.weight",
        "rnn.weight_ih_l0",
        "rnn.weight_hh_l0",
    }
    assert not any(key.startswith("frozen") for key in decay) and len(decay) == 10
    set_rate(optimizer, 0.25)
    assert all(group["lr"] == 0.25 for group in optimizer.param_groups)


def test_the_average_follows_its_formula_and_gives_the_weights_back():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    model[0].weight.data.fill_(0.0)
    average, expected = Average(model, 0.9), 0.0
    for number in range(1, 30):
        model[0].weight.data.fill_(float(number))
        model[1].num_batches_tracked.fill_(number)
        average.update()
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * number
    assert average.tensors["0.weight"].item() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ZeroDivisionError), average.in_place():
        assert model[0].weight.item() == pytest.approx(expected, rel=1e-5)
        assert model[1].num_batches_tracked.item() == 29
        1 / 0  # noqa: B018
    assert model[0].weight.item() == 29.0


def test_the_average_does_not_turn_with_torch():
    assert torch.is_grad_enabled()
    Average(nn.Linear(1, 1), 0.5).update()
    assert torch.is_grad_enabled()
