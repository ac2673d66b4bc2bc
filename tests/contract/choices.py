"""Options of recurrent layers with the values under test, which cells take them, and one run of any combination."""

from __future__ import annotations

import importlib
import inspect
import itertools

import numpy as np
import torch
from tests.references import network as by_numpy

from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))
EXECUTORS = sorted(catalogue("engine.executors"))
EVERY = set(CELLS)
RECURRENT = {"rnn", "gru", "gru_before", "lstm", "lstm_peephole", "mgu", "leaky_rnn"}
FORGETTING = EVERY - {"rnn", "indrnn", "lru"}

# option -> (settings, cells that take it); where it names no cell, the layers serve it for all of them
OPTIONS = {
    "bidirectional": ({"bidirectional": True}, EVERY),
    "activation": ({"activation": "softsign"}, {"rnn"}),
    "layer_norm": ({"layer_norm": True}, EVERY),
    "projection_size": ({"projection_size": 3}, {"lstm", "lstm_peephole"}),
    "zoneout": ({"zoneout": 0.3}, EVERY),
    "dropout": ({"dropout": 0.4}, EVERY),
    "variational_dropout": ({"dropout": 0.4, "variational_dropout": True}, EVERY),
    "weight_drop": ({"weight_drop": 0.4}, RECURRENT),
    "residual": ({"residual": True}, EVERY),
    "learned_initial_state": ({"learned_initial_state": True}, EVERY),
    "initialisation": ({"initialisation": "orthogonal"}, RECURRENT),
    "forget_bias": ({"forget_bias": 2.0}, FORGETTING),
    "longest_memory": ({"longest_memory": 9.0, "initialisation": "chrono"}, FORGETTING),
}
STARTS = {"initialisation", "forget_bias", "longest_memory"}  # of no effect on what is computed
CALLS = ("lengths", "reset", "state")  # what a call may bring along
KEYWORDS = [
    name for name, one in inspect.signature(RNN.__init__).parameters.items() if one.kind is one.KEYWORD_ONLY
]


def taken(cell: str) -> list[str]:
    """The options that change what this cell computes, those of a call included."""
    return [name for name, (_, cells) in OPTIONS.items() if cell in cells and name not in STARTS] + [*CALLS]


def pairs(cell: str) -> list[tuple[str, ...]]:
    """No option, each alone, and every two."""
    names = taken(cell)
    return [(), *((one,) for one in names), *itertools.combinations(names, 2)]


def product(cell: str) -> list[tuple[str, ...]]:
    """Every combination."""
    names = taken(cell)
    return [chosen for size in range(len(names) + 1) for chosen in itertools.combinations(names, size)]


def build(cell, chosen, size=5, hidden=5, layers=2, dtype=torch.float64, seed=1, device="cpu"):
    """A network with the chosen options and random weights, none of them 0."""
    settings = {}
    for name in chosen:
        settings |= OPTIONS[name][0] if name in OPTIONS else {}
    if hidden < 4 and "projection_size" in settings:
        settings["projection_size"] = 1
    torch.manual_seed(seed)
    network = RNN(cell, size, hidden, layers, **settings)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network.to(device, dtype)


def call(network, chosen, batch=3, time=7, seed=2):
    """x and what the chosen options bring along, where the network is: NaN in the padding, a carried state that is not zero."""
    draw = torch.Generator().manual_seed(seed)
    where = next(network.parameters())
    x = torch.randn(batch, time, network.input_size, generator=draw, dtype=torch.float64).to(where)
    given = {}
    if "lengths" in chosen:
        lengths = torch.randint(0, time + 1, (batch,), generator=draw)
        if batch > 1:
            lengths[0], lengths[1] = time, 0
        for row, length in enumerate(lengths.tolist()):
            x[row, length:] = torch.nan
        given["lengths"] = lengths.to(x.device)
    if "reset" in chosen:
        given["reset"] = (torch.rand(batch, time, generator=draw) < 0.3).to(x.device)
    if "state" in chosen:
        given["state"] = tuple(
            tuple(
                type(side)(*(torch.randn(part.shape, generator=draw).to(where) for part in side))
                for side in layer
            )
            for layer in network.initial_state(batch)
        )
    return x, given


def expected(cell, network, x, given):
    """What the transcriptions say: output, last states [layer][direction][part], readings by name; batch first."""
    transcribed = importlib.import_module(f"tests.references.{cell}")
    options = (
        {"activation": "softsign"} if getattr(network.layers[0][0], "activation", "") == "softsign" else {}
    )
    layers = [
        [{name: value.detach().cpu().numpy() for name, value in side.named_parameters()} for side in layer]
        for layer in network.layers
    ]
    fresh = parts_of(network, network.initial_state(1), 0)
    rows = []
    for row in range(len(x)):
        start = parts_of(network, given["state"], row) if "state" in given else fresh
        length = int(given["lengths"][row]) if "lengths" in given else x.shape[1]
        reset = given["reset"][row].cpu().numpy() if "reset" in given else np.zeros(x.shape[1], dtype=bool)
        rows.append(
            by_numpy.run(
                lambda *values: transcribed.step(*values, **options), layers, x[row].detach().cpu().numpy(),
                parts=network.state_names, hidden=network.hidden_size, start=start, fresh=fresh, length=length,
                reset=reset, zoneout=network.zoneout, residual=network.residual,
                projection=network.layers[0][0].projection_size, readout=getattr(transcribed, "readout", None),
            )
        )  # fmt: skip
    return rows


def parts_of(network, state, row):
    return [[tuple(part[row].detach().cpu().numpy() for part in side) for side in layer] for layer in state]


def check_values(cell, network, x, given, tolerance=1e-10):
    """Every executor that serves it gives what the transcriptions say; returns those that did."""
    network.eval()
    rows, served = expected(cell, network, x, given), []
    for executor in EXECUTORS:
        network.executor = executor
        try:
            with torch.no_grad():
                output, state = network(x, **given)
        except RecipeError:
            continue
        served.append(executor)
        for row, (y, ends, _) in enumerate(rows):
            near(output[row], y, tolerance)
            for layer, others in zip(state, ends):
                for side, other in zip(layer, others):
                    for part, value in zip(side, other):
                        near(part[row], value, tolerance)
    network.executor = "auto"
    assert "reference" in served
    if "reset" not in given:
        with torch.no_grad():
            trace = network.trace(x, given.get("lengths"), given.get("state"))
        for row, (_, _, readings) in enumerate(rows):
            for name, value in readings.items():
                near(trace[name][row], value, tolerance)
    return served


def check_training(network, x, given, tolerance=1e-9):
    """Under one seed every executor draws the same masks, and has the reference's values and gradients."""
    network.train()
    found = {}
    for executor in ("reference", *EXECUTORS, "auto"):
        network.executor = executor
        network.zero_grad()
        value = x.clone().requires_grad_(True)
        torch.manual_seed(5)
        try:
            output, state = network(value, **given)
        except RecipeError:
            continue
        ends = [part for layer in state for side in layer for part in side]
        weight = torch.linspace(-1, 1, output.numel(), dtype=x.dtype, device=x.device).reshape(output.shape)
        (output * weight).sum().add(sum((part.square()).sum() for part in ends)).backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        found[executor] = [output.detach(), *(part.detach() for part in ends), value.grad, *gradients]
    network.executor = "auto"
    for values in found.values():
        for mine, other in zip(values, found["reference"]):
            if mine is None or other is None:
                assert mine is None and other is None
            else:
                assert mine.isfinite().all()
                near(mine, other, tolerance)


def near(mine, other, tolerance):
    mine, other = (np.asarray(torch.as_tensor(one).detach().cpu()) for one in (mine, other))
    assert mine.shape == other.shape
    if other.size:
        off = np.abs(mine - other).max()
        assert off <= tolerance * max(1.0, float(np.abs(other).max())), off
