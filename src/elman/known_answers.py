"""Networks small enough that the answer is known, and each analysis held against it: `elman check analyses`.

They are good first networks to open: each does one thing, with weights that can be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.inspection import inspect
from elman.interpretation.credit import asked_of
from elman.interpretation.faithfulness import SHARES
from elman.interpretation.fixed_points import fixed_points
from elman.interpretation.foreign import view_of_module
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.methods import METHODS, credit_by
from elman.interpretation.stepping import stepping_of
from elman.models.rnn import RNN


@dataclass(frozen=True)
class Known:
    """A network, what an analysis must say of it, and how far off it may be."""

    network: str
    question: str
    quantity: str
    expected: float
    measure: Callable[[], float]
    within: float = 1e-6

    def holds(self, found: float) -> bool:
        """Whether a measured value is the expected one."""
        return found == self.expected or abs(found - self.expected) <= self.within


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
        _cell(network).hh.weight.copy_(turn @ torch.diag(torch.tensor([0.9, -0.5, 0.25])) @ turn.T)
        _cell(network).ih.weight.copy_(torch.eye(3))
    return network


def forgetful_lstm() -> RNN:
    """An LSTM that reads nothing, with forget gates at sigmoid(3): its memory c fades, and h follows from c."""
    network = silent("lstm", 4)
    with torch.no_grad():
        _cell(network).ih.bias[4:8] = 3.0
    return network


def one_unit(weight: float) -> RNN:
    """h' = tanh(w h): one point of rest for w below 1, three above."""
    network = silent("rnn", 1)
    with torch.no_grad():
        _cell(network).hh.weight.fill_(weight)
    return network


def three_bits() -> RNN:
    """Three units that each hold a bit, h' = tanh(2 h): eight states of rest at the corners of a cube, and others between."""
    network = silent("rnn", 3)
    with torch.no_grad():
        _cell(network).hh.weight.copy_(2 * torch.eye(3))
    return network


def parity_network() -> RNN:
    """Whether the ones read so far are odd: with p = a + b, a' = relu(p - x) and b' = relu(x - p), of which the sum is |p - x|."""
    network = silent("rnn", 2, activation="relu")
    with torch.no_grad():
        _cell(network).hh.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
        _cell(network).ih.weight.copy_(torch.tensor([[-1.0], [1.0]]))
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
            cell = _cell(self.rnn)
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
            cell = _cell(self.rnn)
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
            cell = _cell(self.rnn)
            cell.hh.weight.copy_(torch.eye(20))
            cell.ih.weight[:, 1] = 1.0
            cell.ih.weight[5] = torch.tensor([1.0, 0.0])

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.rnn(x)[0][:, -1, 5]
        return torch.stack([torch.zeros_like(total), total - x.shape[1] / 2], 1)


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


def known_answers() -> tuple[Known, ...]:
    """All of them, cheapest first."""
    noise = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).double()
    move = torch.diag(torch.ones(2), -1).double()

    def register(state: Tensor, x: Tensor) -> Tensor:
        return state @ move.T + nn.functional.pad(x, (0, 2))

    def leaky(state: Tensor, x: Tensor) -> Tensor:
        return 0.9 * state + x

    def asked(question: str, step: Any = register, **options: Any) -> Any:
        options = {"start": torch.zeros(3).double(), "readout": lambda state: state[:, 2:], **options}
        return inspect(step, noise, questions=[question], **options)[0]

    one = {"start": torch.zeros(1).double(), "readout": None}
    away = torch.full((3,), 0.5)
    weights = _cell(linear_network()).hh.weight.detach().double()
    rest = torch.linalg.solve(torch.eye(3).double() - weights, away.double())

    def spectrum(network: RNN, inputs: int) -> np.ndarray:
        given = torch.randn(1, 260, inputs, generator=torch.Generator().manual_seed(0))
        return lyapunov_spectrum(stepping_of(network), given, warmup=60)[0][0]

    def points(network: RNN, vector: Tensor, size: int) -> Any:
        starts = torch.linspace(-1, 1, 21)[:, None].expand(-1, size)
        return fixed_points(stepping_of(network), vector, starts)

    def planted() -> float:
        x = torch.rand(40, 10, 2, generator=torch.Generator().manual_seed(0))
        found = inspect(Planted(), x, (x[..., 0].sum(1) > 5).long(), questions=["interventions"])[0]
        return float(found.arrays["order"][0])

    def depth() -> float:
        from elman.interpretation.probes import probe

        x, deep = brackets()
        with torch.no_grad():
            states = Counter().rnn.trace(x)["layers.0.forward.c"].numpy()
        rows = np.repeat(np.arange(len(deep)), deep.shape[1])
        return probe(states.reshape(-1, 1), deep.ravel(), rows).score

    def counted() -> float:
        x, deep = brackets()
        with torch.no_grad():
            return float(
                (Counter().rnn.trace(x)["layers.0.forward.c"][..., 0] - torch.from_numpy(deep)).abs().max()
            )

    def source() -> Any:
        words, following, best = order_three()
        return inspect(
            register,
            words,
            following,
            start=torch.zeros(3).double(),
            readout=best,
            questions=["memory"],
            labels=("0", "1"),
        )[0]

    def parity() -> float:
        from elman.interpretation.probes import probe

        bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (60, 25)))
        with torch.no_grad():
            states = parity_network().trace(bits[..., None].float())["layers.0.forward.h"].numpy()
        return probe(
            states.reshape(-1, 2), (bits.cumsum(1) % 2).numpy().ravel(), np.repeat(np.arange(60), 25)
        ).score

    def corners() -> float:
        starts = torch.cartesian_prod(*[torch.tensor([-1.0, -0.01, 1.0])] * 3)
        return float(fixed_points(stepping_of(three_bits()), torch.zeros(1), starts).stable.sum())

    def keeps() -> float:
        (found,) = inspect(forgetful_lstm(), noise[..., None].float(), questions=["gates"])
        return float(found.arrays["time_scales"].max())

    def slope(lag: int, step: Any = register, **options: Any) -> float:
        return float(asked("connectivity", step, **options).arrays["mean"][lag])

    entropy = -SURE * math.log(SURE) - (1 - SURE) * math.log(1 - SURE)

    def arithmetic(method: str) -> float:
        x, expected = sums()
        model = Arithmetic()
        view = view_of_module(
            model, x, None, lambda inputs, _: model(inputs), lambda o, t: o.sum(1), (), None
        )
        asked = asked_of(view, x, None, torch.zeros(len(x), dtype=torch.long))
        return float((credit_by(method, asked)[0].cells.sum(2) - expected).abs().max())

    def taken_out() -> float:
        found = inspect(
            lambda state, x: state + x, noise, start=torch.zeros(1).double(), questions=["attribution"]
        )[0]
        return float(found.table[0]["comprehensiveness"])

    def lost() -> float:
        """What a sum loses without its largest terms: the mean over the first 16 rows, turned so that each sum is above 0."""
        terms = (noise * noise.sum(1, keepdim=True).sign())[:16].sort(1, descending=True).values
        return float(
            np.mean([terms[:, : math.ceil(share * terms.shape[1])].sum(1).mean() for share in SHARES])
        )

    return (
        Known("leaky unit, 0.9", "connectivity", "slope ten steps back", 0.9**10, lambda: slope(10, leaky, **one), 1e-12),
        Known("register of three", "connectivity", "slope at its tap", 1.0, lambda: slope(2), 1e-12),
        Known("register of three", "connectivity", "slope elsewhere", 0.0, lambda: max(slope(k) for k in (0, 1, 3, 9)), 0.0),
        Known("LSTM without weights", "gates", "time scale", -1 / math.log(1 / (1 + math.exp(-3))), keeps, 1e-4),
        Known("three bits", "dynamics", "stable points of rest", 8, corners),
        Known("parity (two ReLU units)", "probes", "accuracy of the bit read from h", 1.0, parity),
        Known("source of order three", "memory", "steps", 3, lambda: float(source().value)),
        Known("source of order three", "memory", "loss above its entropy (nats)", 0.0,
              lambda: float(source().arrays["loss_cut"][-1].mean() - entropy), 0.05),
        Known("counter of brackets (LSTM)", "gates", "largest gap between c and the depth", 0.0, counted, 1e-4),
        Known("one unit, w = 0.5", "dynamics", "points of rest", 1, lambda: len(points(one_unit(0.5), torch.zeros(1), 1))),
        Known("one unit, w = 1.5", "dynamics", "points of rest", 3, lambda: len(points(one_unit(1.5), torch.zeros(1), 1))),
        Known("one unit, w = 1.5", "dynamics", "stable ones", 2,
              lambda: float(points(one_unit(1.5), torch.zeros(1), 1).stable.sum())),
        Known("linear", "dynamics", "distance to (I - W)^-1 x", 0.0,
              lambda: float(np.abs(points(linear_network(), away, 3).states[0] - rest.numpy()).max())),
        Known("linear", "dynamics", "largest eigenvalue", 0.9,
              lambda: float(np.abs(points(linear_network(), away, 3).eigenvalues[0, 0]))),
        Known("linear", "dynamics", "largest exponent", math.log(0.9), lambda: float(spectrum(linear_network(), 3)[0]), 1e-4),
        Known("linear", "dynamics", "smallest exponent", math.log(0.25), lambda: float(spectrum(linear_network(), 3)[2]), 1e-4),
        Known("LSTM without weights", "dynamics", "exponent of c", math.log(1 / (1 + math.exp(-3))),
              lambda: float(spectrum(forgetful_lstm(), 1)[0])),
        Known("LSTM without weights", "dynamics", "exponent of h", -math.inf, lambda: float(spectrum(forgetful_lstm(), 1)[4])),
        Known("leaky unit, 0.9", "dynamics", "exponent", math.log(0.9), lambda: float(asked("dynamics", leaky, **one).value)),
        Known("leaky unit, 0.9", "attribution", "credit of the step before the last, as a share of the last's", 0.9,
              lambda: _ratio(noise, leaky)),
        *(
            Known("a - b (LSTM)", "attribution", f"largest gap of {METHODS[method].words} from a and -b", 0.0,
                  lambda method=method: arithmetic(method), 1e-6)  # type: ignore[misc]
            for method in METHODS if METHODS[method].signed
        ),
        Known("sum of its inputs", "attribution", "comprehensiveness", lost(), taken_out),
        Known("register of three", "memory", "steps", 3, lambda: float(asked("memory").value)),
        Known("register of three", "attribution", "share of the credit at its tap", 1.0,
              lambda: float(asked("attribution").arrays["recency"][2])),
        Known("register of three", "probes", "steps back that can be read", 2,
              lambda: float(asked("probes").value)),
        Known("counter of brackets (LSTM)", "probes", "R^2 of the depth read from c", 1.0, depth, 1e-4),
        Known("planted neuron", "interventions", "the unit that counts", 5, planted),
    )  # fmt: skip


def _ratio(noise: Tensor, step: Any) -> float:
    """Credit for inputs of 1: the weight of each step, which fades by 0.9 a step."""
    found = inspect(step, torch.ones_like(noise), start=torch.zeros(1).double(), questions=["attribution"])[0]
    recency = found.arrays["recency"]
    return float(recency[1] / recency[0])


def _cell(network: RNN) -> Any:
    layers: Any = network.layers
    return layers[0][0]
