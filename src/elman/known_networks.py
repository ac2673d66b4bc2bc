"""Networks small enough that what they do is known: each does one thing, with weights that can be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.models.rnn import RNN


def silent(cell: str, size: int, inputs: int = 1, **options: Any) -> RNN:
    """A network of one layer whose weights and biases are all 0."""
    network = RNN(cell, inputs, size, **options)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    return network


def linear_network() -> RNN:
    """h' = W h + x with eigenvalues 0.9, -0.5 and 0.25: a point of rest at (I - W)^-1 x."""
    network = silent("rnn", 3, 3, activation="identity")
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1))).Q
    with torch.no_grad():
        cell_of(network).hh.weight.copy_(turn @ torch.diag(torch.tensor([0.9, -0.5, 0.25])) @ turn.T)
        cell_of(network).ih.weight.copy_(torch.eye(3))
    return network


def forgetful_lstm() -> RNN:
    """An LSTM that reads nothing, with forget gates at sigmoid(3): its memory c fades, and h follows from c."""
    network = silent("lstm", 4)
    with torch.no_grad():
        cell_of(network).ih.bias[4:8] = 3.0
    return network


def one_unit(weight: float) -> RNN:
    """h' = tanh(w h): one point of rest for w below 1, three above."""
    network = silent("rnn", 1)
    with torch.no_grad():
        cell_of(network).hh.weight.fill_(weight)
    return network


def three_bits() -> RNN:
    """Three units that each hold a bit, h' = tanh(2 h): eight states of rest at the corners of a cube, and others between."""
    network = silent("rnn", 3)
    with torch.no_grad():
        cell_of(network).hh.weight.copy_(2 * torch.eye(3))
    return network


def parity_network() -> RNN:
    """Whether the ones read so far are odd: with p = a + b, a' = relu(p - x) and b' = relu(x - p), of which the sum is |p - x|."""
    network = silent("rnn", 2, activation="relu")
    with torch.no_grad():
        cell_of(network).hh.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
        cell_of(network).ih.weight.copy_(torch.tensor([[-1.0], [1.0]]))
    return network


SURE = 0.95  # chance of the likelier bit in the source of order three


def order_three(count: int = 400, time: int = 20) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Bits whose next one hangs on exactly the last three: words (count, time), the bits after them, and the best readout
    (batch, 3) of the last three, newest first, as log chances."""
    draw = np.random.default_rng(0)
    likely = np.array([0, 1, 1, 0, 1, 0, 0, 1])  # their parity: each of the three counts
    bits = draw.integers(0, 2, (count, time + 1))
    for step in range(3, time + 1):
        told = likely[bits[:, step - 3 : step] @ (4, 2, 1)]
        bits[:, step] = np.where(draw.random(count) < SURE, told, 1 - told)

    def readout(state: Tensor) -> Tensor:
        one = torch.from_numpy(likely)[(state.round() @ state.new_tensor([1.0, 2.0, 4.0])).long()]
        chance = torch.where(one == 1, SURE, 1 - SURE).to(state)
        return torch.stack([1 - chance, chance], 1).log()

    return torch.from_numpy(bits[:, :-1]).double(), torch.from_numpy(bits[:, -1]), readout


class Counter(nn.Module):
    """An LSTM with one unit that counts brackets: c is how many are open (after Suzgun et al. 2019).

    Inputs (batch, time, 2): 1 in the first place for an opening bracket, in the second for a closing one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rnn = silent("lstm", 1, 2)
        sure = 20.0
        with torch.no_grad():
            cell = cell_of(self.rnn)
            cell.ih.bias[0] = cell.ih.bias[1] = cell.ih.bias[3] = sure  # gates open
            cell.ih.weight[2] = torch.tensor([sure, -sure])  # the candidate is +1 or -1

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.rnn(x)[0]
        return output


class Arithmetic(nn.Module):
    """An LSTM that adds the first feature of its inputs and takes off the second: a - b (after Arras et al. 2019).

    Inputs (batch, time, 2), 0 but where a and b stand. The credit of each is known: a, and -b, and 0 for the other steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rnn = silent("lstm", 1, 2).double()
        small, sure = 1e-4, 40.0  # tanh is straight near 0; gates are open
        with torch.no_grad():
            cell = cell_of(self.rnn)
            cell.ih.bias.copy_(torch.tensor([sure, sure, 0.0, sure]))
            cell.ih.weight[2] = torch.tensor([small, -small])
        self.scale = 1 / small

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.rnn(x)[0][:, -1] * self.scale
        return total


class Planted(nn.Module):
    """Unit 5 of 20 sums the first feature, the others the second; the answer reads unit 5 alone."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = silent("rnn", 20, 2, activation="identity")
        with torch.no_grad():
            cell = cell_of(self.rnn)
            cell.hh.weight.copy_(torch.eye(20))
            cell.ih.weight[:, 1] = 1.0
            cell.ih.weight[5] = torch.tensor([1.0, 0.0])

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.rnn(x)[0][:, -1, 5]
        return torch.stack([torch.zeros_like(total), total - x.shape[1] / 2], 1)


class Leaky(nn.Module):
    """h' = keep h + x, and the answer is h."""

    def __init__(self, keep: float = 0.9) -> None:
        super().__init__()
        self.rnn = silent("rnn", 1, activation="identity").double()
        with torch.no_grad():
            cell_of(self.rnn).hh.weight.fill_(keep)
            cell_of(self.rnn).ih.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.rnn(x)[0]
        return output


class Repeater(nn.Module):
    """Five units, each of which is 1 where its token is read and 0 elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 5)
        self.rnn = silent("rnn", 5, 5, activation="identity")
        with torch.no_grad():
            self.embedding.weight.copy_(torch.eye(5))
            cell_of(self.rnn).ih.weight.copy_(torch.eye(5))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.rnn(self.embedding(x))[0]
        return output


def sums(count: int = 12, time: int = 9) -> tuple[Tensor, Tensor]:
    """Inputs for `Arithmetic` (count, time, 2), a before b, and the credit of each step (count, time)."""
    draw = torch.Generator().manual_seed(0)
    x, rows = torch.zeros(count, time, 2, dtype=torch.float64), torch.arange(count)
    first, second = (
        torch.randint(0, time // 2, (count,), generator=draw),
        torch.randint(time // 2, time, (count,), generator=draw),
    )
    x[rows, first, 0] = 0.5 + torch.rand(count, generator=draw).double()
    x[rows, second, 1] = 0.5 + torch.rand(count, generator=draw).double()
    return x, x[..., 0] - x[..., 1]


def brackets(count: int = 40, time: int = 24) -> tuple[Tensor, np.ndarray]:
    """Random bracket words (count, time, 2) that never close what is not open, and their depth (count, time)."""
    draw = np.random.default_rng(0)
    opens, depth = np.zeros((count, time)), np.zeros((count, time))
    for row in range(count):
        level = 0
        for step in range(time):
            opens[row, step] = level == 0 or draw.random() < 0.5
            level += 1 if opens[row, step] else -1
            depth[row, step] = level
    return torch.from_numpy(np.stack([opens, 1 - opens], -1)).float(), depth


def cell_of(network: RNN) -> Any:
    """The cell of its one layer."""
    layers: Any = network.layers
    return layers[0][0]
