"""What the tests on a GPU share. `ELMAN_TEST_DEVICE=cpu` runs them, to test them, without one."""

from __future__ import annotations

import copy
import os

import pytest
import torch
from tests.contract.choices import EXECUTORS

from elman.core.errors import RecipeError

DEVICE = torch.device(os.environ.get("ELMAN_TEST_DEVICE", "cuda"))
MARKS = [
    pytest.mark.skipif(DEVICE.type == "cuda" and not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("ignore:LSTM with projections", "ignore:RNN module weights"),
]
TORCH = ("gru", "lstm", "rnn")


def serving(network, x):
    """Every executor that takes this network, one after another."""
    for executor in (*EXECUTORS, "auto"):
        network.executor = executor
        try:
            network.plan(x)
        except RecipeError:
            continue
        yield executor
    network.executor = "auto"


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value
    return [tensor for one in values for tensor in tensors(one)]


def moved(network):
    """The same network on the CPU, run by the plain loop."""
    other = copy.deepcopy(network).cpu()
    other.executor = "reference"
    return other
