"""Derivatives of the kernels that they do not make themselves: of derivatives, and many at once. Held against the plain loop.

What goes in is entangled on purpose: a state that came from the same weights, layers that share them, resets to the state that
a network starts with. A derivative by one of these must not run through another.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn.utils import parametrizations

from elman.engine.kernels import library
from elman.models.rnn import RNN

pytestmark = pytest.mark.skipif(library() is None, reason="the kernels were not built")
LENGTHS, RESET = torch.tensor([7, 3, 0]), torch.arange(21).view(3, 7) % 3 == 1


def chunks(network, x):
    first, state = network(x[:, :4])
    return torch.cat([first, network(x[:, 4:], state)[0]], 1)


def shared(cell):
    network = RNN(cell, 5, 5, 2)
    network.layers[1] = network.layers[0]
    return network


def parametrised(cell, **options):
    network = RNN(cell, 5, 6, **options)
    parametrizations.weight_norm(network.layers[0][0].hh, "weight")
    return network


def every_option(cell):
    return RNN(cell, 5, 5, 2, bidirectional=True, layer_norm=True, zoneout=0.3, residual=True, dropout=0.3)


CASES = {
    "chunks": (lambda cell: RNN(cell, 5, 6), chunks),
    "resets to a learned state": (
        lambda cell: RNN(cell, 5, 6, learned_initial_state=True),
        lambda network, x: network(x, None, LENGTHS, RESET)[0],
    ),
    "every option": (every_option, lambda network, x: network(x, None, LENGTHS, RESET)[0]),
    "shared": (shared, lambda network, x: network(x)[0]),
    "parametrised": (parametrised, lambda network, x: network(x)[0]),
    "weight drop": (lambda cell: RNN(cell, 5, 6, 2, weight_drop=0.4), lambda network, x: network(x)[0]),
    "parametrised weight drop": (
        lambda cell: parametrised(cell, weight_drop=0.4),
        lambda network, x: network(x)[0],
    ),
    "trace": (
        lambda cell: RNN(cell, 5, 6),
        lambda network, x: torch.cat(list(network.trace(x, LENGTHS).values()), -1),
    ),
    "final state": (
        lambda cell: RNN(cell, 5, 6),
        lambda network, x: torch.cat(network(x, None, LENGTHS)[1][0][0], -1),
    ),
}


def prepared(case, cell, executor):
    """The network, its input, its output, and all that a derivative is taken by."""
    make, call = CASES[case]
    torch.manual_seed(0)
    network = make(cell).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    network.executor = executor
    x = torch.randn(3, 7, 5, dtype=torch.float64).requires_grad_(True)
    torch.manual_seed(1)
    return call(network, x), [x, *network.parameters()]


def close(mine, other):
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_first_and_second_derivatives_with_a_graph(cell, case):
    found = []
    for executor in ("native", "reference"):
        y, by = prepared(case, cell, executor)
        first = torch.autograd.grad(y.square().sum(), by, create_graph=True)
        torch.manual_seed(2)
        total = sum((one * torch.randn_like(one)).sum() for one in first)
        found.append((first, torch.autograd.grad(total, by)))
    close(found[0][0], found[1][0])
    close(found[0][1], found[1][1])


@pytest.mark.parametrize(
    "case", [case for case in CASES if "parametrised" not in case]
)  # torch warns of its own
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_many_gradients_at_once_are_each_alone(cell, case):
    y, by = prepared(case, cell, "native")
    grads = torch.randn(4, *y.shape, dtype=torch.float64)
    alone = [torch.autograd.grad(y, by, one, retain_graph=True) for one in grads]
    at_once = torch.autograd.grad(y, by, grads, is_grads_batched=True, retain_graph=True)
    close(at_once, [torch.stack(parts) for parts in zip(*alone)])
    mapped = torch.func.vmap(lambda one: torch.autograd.grad(y, by, one, retain_graph=True))(grads)
    close(mapped, at_once)
