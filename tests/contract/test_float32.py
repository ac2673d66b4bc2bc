"""Each option in float32: an executor may be off by what the plain loop itself is off from its float64, times four.

The plain loop in float32 loses some 1e-7 to 1e-6 of the largest value here, in outputs and gradients alike; another order of sums is
as good as its own, so a small multiple of its error is allowed, and never less than 1e-6, which is 8 units in the last place.
"""

from __future__ import annotations

import copy
import itertools

import pytest
import torch

from elman.core.errors import RecipeError

from .choices import CELLS, EXECUTORS, build, call, taken

DRAWN = {"dropout", "variational_dropout", "weight_drop"}  # nothing in evaluation
SINGLE = [(cell, (one,)) for cell in CELLS for one in taken(cell) if one not in DRAWN]


def answers(network, x, given):
    dtype = next(network.parameters()).dtype
    network.zero_grad()
    value = x.to(dtype).detach().requires_grad_(True)
    if "state" in given:
        state = tuple(
            tuple(type(side)(*(part.to(dtype) for part in side)) for side in layer)
            for layer in given["state"]
        )
        given = given | {"state": state}
    output, ends = network(value, **given)
    parts = [part for layer in ends for side in layer for part in side]
    (output.sum() + sum(part.sum() for part in parts)).backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return [one.detach().double().clone() for one in (output, *parts, value.grad, *gradients)]


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(
    ("cell", "chosen"), SINGLE, ids=lambda one: "+".join(one) if isinstance(one, tuple) else one
)
def test_no_executor_is_less_exact_than_the_plain_loop(cell, chosen):
    network = build(cell, chosen, 6, 18, dtype=torch.float32).eval()
    x, given = call(network, chosen, batch=4, time=25)
    exact = copy.deepcopy(network).double()
    network.executor = exact.executor = "reference"
    true, own = answers(exact, x, given), answers(network, x, given)
    scales = [max(float(one.abs().max()), 1e-3) for one in true]
    allowed = [max(4 * float((a - b).abs().max()) / scale, 1e-6) for a, b, scale in zip(own, true, scales)]
    assert max(allowed) < 1e-3  # else the reference itself would be of no use
    for executor in itertools.chain(EXECUTORS, ["auto"]):
        network.executor = executor
        try:
            mine = answers(network, x, given)
        except RecipeError:
            continue
        for a, b, scale, tolerance in zip(mine, true, scales, allowed):
            assert float((a - b).abs().max()) / scale <= tolerance
