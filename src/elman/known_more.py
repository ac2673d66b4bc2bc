"""More known answers: trust, errors and behaviour, units, what becomes of changes; see known_answers.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman import inspection
from elman.core.results import Finding, Predictions
from elman.interpretation.behaviour import behaviour
from elman.interpretation.calibration import calibration_error
from elman.interpretation.context import context
from elman.interpretation.errors import errors
from elman.interpretation.faithfulness import SHARES
from elman.interpretation.foreign import view_of_module
from elman.interpretation.gradient_flow import gradient_flow
from elman.interpretation.jacobians import growth, typical
from elman.interpretation.ngrams import ngrams
from elman.interpretation.patching import patching
from elman.interpretation.readout import readout
from elman.interpretation.stepping import stepping_of
from elman.interpretation.suite import Behaviour
from elman.interpretation.trials import trials
from elman.interpretation.units import units
from elman.interpretation.view import Sample, View
from elman.known_networks import (
    SURE,
    Leaky,
    Planted,
    Repeater,
    forgetful_lstm,
    linear_network,
    order_three,
)

inspect = partial(inspection.inspect, quiet=True)  # each network is asked much, and quickly
NOISE = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).double()


def _view(model: nn.Module, x: Tensor) -> View:
    loss = lambda outputs, targets: outputs.sum(1)
    return view_of_module(model, x, None, lambda inputs, _: model(inputs), loss, (), None)


def additive_classifier(method: str = "integrated_gradients", steps: int = 30) -> Finding:
    """Two classes whose logits are -s/2 and s/2, with s the sum of the inputs: each input adds to s by itself."""
    x = NOISE[:, :steps]
    return inspect(
        lambda state, x: state + x, x, (x.sum(1) > 0).long(), start=torch.zeros(1).double(),
        readout=lambda state: torch.cat([-state / 2, state / 2], 1), labels=("no", "yes"), questions=["attribution"],
        method=method,
    )[0]  # fmt: skip


def off_its_terms(method: str, steps: int = 16) -> float:
    """The largest gap of the additive classifier's credit from its terms: half of each input, for the class that wins."""
    x = NOISE[:, :steps]  # as many as Shapley values take one by one
    terms = x * x.sum(1, keepdim=True).sign() / 2
    return float(np.abs(additive_classifier(method, steps).arrays["credit"] - terms.numpy()).max())


def without_or_alone(alone: bool) -> float:
    """p(x) minus p without the largest terms, or with them alone, of the additive classifier: the mean over ERASER's shares."""
    terms = (NOISE * NOISE.sum(1, keepdim=True).sign())[:16].sort(1, descending=True).values
    whole, found = terms.sum(1), []
    for share in SHARES:
        most = terms[:, : math.ceil(share * terms.shape[1])].sum(1)
        found.append((whole.sigmoid() - (most if alone else whole - most).sigmoid()).mean())
    return float(torch.stack(found).mean())


def doubled(count: int = 100_000) -> tuple[Tensor, Tensor]:
    """Logits twice as large as those that the labels were drawn by."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, generator=draw).double()
    return 2 * logits, torch.multinomial(logits.softmax(1), 1, generator=draw)[:, 0]


def from_its_own_labels() -> float:
    """The calibration error of the source itself."""
    logits, labels = doubled()
    shares = (logits / 2).softmax(1)
    return calibration_error(shares.max(1).values.numpy(), (shares.argmax(1) == labels).numpy())


def beyond_counting() -> float:
    """Bits per token of the source of order three, told exactly, minus the one bit of knowing nothing."""
    words, following, best = order_three(4000)
    last = words[:, [-1, -2, -3]]
    nats = -best(last).gather(1, following[:, None])[:, 0].numpy()
    tokens = [str(int(bit)) for bit in following]
    return float(ngrams(nats, np.full(len(nats), math.log(2)), tokens, np.full(len(nats), 9)).value or 0.0)


def good_or_not(texts: Sequence[Any]) -> np.ndarray:
    """A classifier that hears one word."""
    good = np.array([0.9 if "good" in text else 0.1 for text in texts])
    return np.stack([1 - good, good], 1)


def failing(word: str) -> float:
    """The share of texts whose answer changes where a word is another."""
    texts = ["a good film", "a bad film", "good film, good cast"]
    found = behaviour(
        good_or_not, texts, [Behaviour("other", "invariance", replace={word: "other"})], ("no", "yes")
    )
    return -1.0 if found is None or found.value is None else found.value


def followed() -> float:
    """The unit of the planted network that follows the sum of the first feature."""
    x = torch.rand(40, 10, 2, generator=torch.Generator().manual_seed(0))
    sample = Sample(x, None, torch.zeros(40), np.arange(40))
    found = units(_view(Planted(), x), sample, {"the sum": x[..., 0].cumsum(1).numpy()})
    assert found is not None
    return float(found.arrays["share"][:, 0].argmax())


def carried(unit: int) -> float:
    """The share of the answer that a unit of the planted network carries at the last step."""
    draw = torch.Generator().manual_seed(0)
    x, donors = torch.rand(6, 10, 2, generator=draw), torch.rand(6, 10, 2, generator=draw)
    return patching(_view(Planted(), x), x, donors, [("layers.0.forward", unit)], [9]).value


def alike() -> float:
    """How often spans in which the same units are on read the same token."""
    draw = np.random.default_rng(0)
    x = torch.from_numpy(draw.integers(0, 5, (30, 6)).repeat(8, 1))
    return float(inspect(Repeater(), x, questions=["spans"])[0].value or 0.0)


def wide_open() -> float:
    """The share of gates at a bound: the forget gates of the three kinds."""
    return float(
        inspect(forgetful_lstm(), NOISE[..., None].float(), questions=["saturation"])[0].value or 0.0
    )


def flows_back(lag: int) -> float:
    """The gradient of the last answer with respect to the state so many steps before."""
    x = NOISE[..., None]
    flow = gradient_flow(_view(Leaky(), x), Sample(x, None, torch.zeros(40), np.arange(40)))
    return -1.0 if flow is None else float(flow.by_lag[lag])


def grown(lag: int) -> float:
    """What is left of a small change of the linear network after so many steps."""
    stepping = stepping_of(linear_network())
    vectors = torch.zeros(1, 40, 3).double()
    return float(typical(growth(stepping, vectors, stepping.states(vectors), [40]))[lag - 1])


def explained(step: int) -> float:
    """The share of a state's variance between two kinds of trials, of which one is 1 from the event on and the other -1."""
    kinds, states = np.array(["a", "b"] * 10), np.zeros((20, 12, 1))
    states[:, 5:, 0] = np.where(kinds == "a", 1.0, -1.0)[:, None]
    found = trials("kind", kinds, states, [12] * 20, np.full(20, 5))
    return -1.0 if found is None else float(found.share[found.steps == step][0])


def along() -> float:
    """How far what a sum would answer after each step is from the sum so far."""
    x, model = NOISE[..., None], Leaky(1.0)
    names = lambda row: [f"{float(value):.1f}" for value in row[:, 0]]
    view = replace(_view(model, x), read_steps=lambda vectors, _: model(vectors), step_names=names)
    found = readout(view, Sample(x, None, torch.zeros(40), np.arange(40)))
    assert found is not None
    gaps = [np.abs(found.arrays[f"answer.{row}"] - NOISE[row].cumsum(0).numpy()).max() for row in range(40)]
    return float(max(gaps))


def surely_wrong() -> float:
    """The share of errors told with confidence, of 100 answers: two of five were."""
    outputs, targets = np.tile([0.97, 0.03], (100, 1)), np.zeros(100, int)
    outputs[:5], targets[:2] = [0.4, 0.6], 1  # two of these are right
    targets[50:52] = 1
    found = errors(Predictions("classes", outputs, targets, ("no", "yes")), np.zeros(100), str)
    return float(found.value or 0.0)


def reaches() -> float:
    """How many steps the answer about the middle one needs: the sign of the values four before and two after it, multiplied."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(0, 2, (200, 15, 1), generator=draw).double() * 2 - 1
    model = Leaky(0.0)  # says what it reads

    def heard(values: Tensor) -> Tensor:
        said = model(values)[..., 0]
        return said[:, 3] * said[:, 9]  # 7 is the middle

    view = replace(
        _view(model, x), read=lambda vectors, _: 4 * torch.stack([-heard(vectors), heard(vectors)], 1), labels=("-", "+"),
        loss=lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none"),
        asked=lambda lengths: lengths // 2, baseline=torch.zeros(1).double(),
    )  # fmt: skip
    found = context(view, Sample(x, None, (heard(x) > 0).long(), np.arange(200)))
    return -1.0 if found is None else float(found.value or 0.0)


ENTROPY = -(SURE * math.log2(SURE) + (1 - SURE) * math.log2(1 - SURE))
POWERS = math.sqrt((0.9**20 + 0.5**20 + 0.25**20) / 3)
