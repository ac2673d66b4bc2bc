"""Each analysis held against networks whose answer is known (known_networks.py): `elman check analyses`.

They are good first networks to open, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman import inspection
from elman import known_more as more
from elman.interpretation.calibration import fitted_temperature
from elman.interpretation.credit import asked_of
from elman.interpretation.faithfulness import SHARES
from elman.interpretation.fixed_points import fixed_points
from elman.interpretation.foreign import view_of_module
from elman.interpretation.lyapunov import lyapunov_spectrum
from elman.interpretation.methods import METHODS, credit_by
from elman.interpretation.stepping import stepping_of
from elman.known_networks import (
    SURE,
    Arithmetic,
    Counter,
    Planted,
    brackets,
    cell_of,
    forgetful_lstm,
    linear_network,
    one_unit,
    order_three,
    parity_network,
    sums,
    three_bits,
)
from elman.models.rnn import RNN

inspect = partial(inspection.inspect, quiet=True)  # each network is asked much, and quickly


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
    weights = cell_of(linear_network()).hh.weight.detach().double()
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
        Known("register of three", "probes", "steps that can be read", 3,
              lambda: float(asked("probes").value)),
        Known("counter of brackets (LSTM)", "probes", "R^2 of the depth read from c", 1.0, depth, 1e-4),
        Known("planted neuron", "interventions", "the unit that counts", 5, planted),
        *(
            Known("additive classifier", "attribution", f"largest gap of {METHODS[method].words} from its terms", 0.0,
                  lambda method=method: more.off_its_terms(method), 1e-6)  # type: ignore[misc]
            for method in METHODS if METHODS[method].signed and method != "decomposition"  # a step function has no layers
        ),
        Known("additive classifier", "attribution", "comprehensiveness", more.without_or_alone(False),
              lambda: float(more.additive_classifier().table[0]["comprehensiveness"])),
        Known("additive classifier", "attribution", "sufficiency", more.without_or_alone(True),
              lambda: float(more.additive_classifier().table[0]["sufficiency"])),
        Known("doubled logits", "calibration", "temperature", 2.0, lambda: fitted_temperature(*more.doubled()), 0.05),
        Known("the source of the labels itself", "calibration", "error", 0.0, more.from_its_own_labels, 0.01),
        Known("source of order three", "ngrams", "bits per token, minus one", more.ENTROPY - 1, more.beyond_counting, 0.03),
        Known("one word is heard", "behaviour", "fail where it is another", 1.0, lambda: more.failing("good")),
        Known("one word is heard", "behaviour", "fail where an unheard one is", 0.0, lambda: more.failing("film")),
        Known("planted neuron", "units", "the unit that follows the sum", 5, more.followed),
        Known("planted neuron", "interventions", "what it carries of another's answer", 1.0, lambda: more.carried(5), 1e-5),
        Known("planted neuron", "interventions", "what its neighbour carries", 0.0, lambda: more.carried(6)),
        Known("a unit for each token", "spans", "like spans that read the same", 1.0, more.alike),
        Known("LSTM without weights", "saturation", "share of gates at a bound", 1 / 3, more.wide_open),
        Known("leaky unit, 0.9", "training", "gradient ten steps back", 0.9**10, lambda: more.flows_back(10)),
        Known("linear", "dynamics", "what is left of a change after ten steps", more.POWERS, lambda: more.grown(10)),
        Known("sum of its inputs", "readout", "largest gap from the sum so far", 0.0, more.along, 1e-5),
        Known("five errors of 100, two of them sure", "errors", "share of errors that were sure", 0.4, more.surely_wrong),
        Known("product of the fourth before and the second after", "context", "steps on a side", 4, more.reaches),
        Known("two kinds of trials", "dynamics", "variance explained before the event", 0.0, lambda: more.explained(-1)),
        Known("two kinds of trials", "dynamics", "variance explained from it on", 1.0, lambda: more.explained(0)),
    )  # fmt: skip


def _ratio(noise: Tensor, step: Any) -> float:
    """Credit for inputs of 1: the weight of each step, which fades by 0.9 a step."""
    found = inspect(step, torch.ones_like(noise), start=torch.zeros(1).double(), questions=["attribution"])[0]
    recency = found.arrays["recency"]
    return float(recency[1] / recency[0])
