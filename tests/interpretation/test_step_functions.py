"""A bare step function and its state: what is known of it is found."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of
from torch import nn

import elman
from elman.core.errors import RecipeError
from elman.interpretation.foreign import view_of_step
from elman.interpretation.probes import probes
from elman.interpretation.walk import credit

from .test_inspect import loss


def test_a_bare_step_function_whose_memory_is_known():
    # A shift register of three places: what was read four steps ago is gone.
    move = torch.diag(torch.ones(2), -1).double()

    def step(state, x):
        return state @ move.T + torch.nn.functional.pad(x, (0, 2))

    x = torch.randn(30, 12).double()
    found = elman.inspect(step, x, start=torch.zeros(3).double(), readout=lambda state: state[:, 2:])
    by_name = {finding.question: finding for finding in found}
    assert by_name["memory"].value == 3
    credit = by_name["attribution"].arrays["recency"]
    assert credit[2] == pytest.approx(1.0, abs=1e-6) and np.delete(credit, 2).max() < 1e-6
    assert by_name["dynamics"].value == -np.inf


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.RNNCell, "by hand"])
def test_dynamics_of_a_step_function_with_weights_in_float32_are_exact(kind):
    """Those of the same weights in float64, to 1e-9: a point of rest of float32 would be called slow."""
    torch.manual_seed(0)
    if kind == "by hand":
        weights, inner = torch.randn(4, 4) * 0.4, torch.randn(4, 2)
        small = lambda state, x: torch.tanh(state @ weights.T + nn.functional.linear(x, inner))
        large = lambda state, x: torch.tanh(state @ weights.double().T + x @ inner.double().T)
    else:
        cell = kind(2, 4)
        twin = copy.deepcopy(cell).double()
        small, large = (lambda state, x: cell(x, state)), (lambda state, x: twin(x, state))
    x, asked = torch.randn(12, 20, 2), {"questions": ["dynamics"]}
    (found,) = elman.inspect(small, x, start=torch.zeros(4), **asked)
    (expected,) = elman.inspect(large, x.double(), start=torch.zeros(4).double(), **asked)
    np.testing.assert_allclose(found.arrays["exponents"], expected.arrays["exponents"], atol=1e-9)
    assert "1 fixed point, which is stable" in found.sentence and found.sentence == expected.sentence


def test_what_is_known_of_a_leaky_step_function():
    start = torch.zeros(1).double()
    found = elman.inspect(
        lambda s, x: 0.9 * s + x, torch.randn(8, 60).double(), start=start, questions=["dynamics"]
    )[0]
    assert found.value == pytest.approx(np.log(0.9), rel=1e-9)
    view = view_of_step(lambda s, x: 0.9 * s + x, start, None, loss, (), None, 1)
    x = torch.ones(1, 5, 1).double().requires_grad_()
    view.read(x, None).sum().backward()
    np.testing.assert_allclose(x.grad.flatten(), 0.9 ** np.arange(4, -1, -1))


def test_what_has_no_weights_has_no_shuffled_control_and_says_so():
    x = torch.randn(24, 12, generator=torch.Generator().manual_seed(0))
    step = lambda state, value: torch.tanh(0.9 * state + value)
    found = {finding.question: finding for finding in elman.inspect(step, x, start=torch.zeros(1))}
    for question in ("connectivity", "attribution", "dynamics", "probes", "saturation"):
        assert "no weights that could be shuffled" in found[question].sentence, question
        assert not [name for name in found[question].arrays if "shuffled" in name]
    for question in ("connectivity", "attribution", "dynamics", "probes", "saturation"):
        assert found[question].control is None
    assert "with shuffled weights" not in found["probes"].sentence
    named = probes(
        view_of_step(step, torch.zeros(1), None, lambda o, t: o.sum(1), (), None, 1),
        sample_of(x[..., None], x[:, -1]),
        {"the sign": (x > 0).numpy().astype(int)},
    )
    assert "no weights" in named.sentence and "with weights shuffled" not in named.table[0]
    with pytest.raises(RecipeError, match="no weights"):
        credit(
            view_of_step(step, torch.zeros(1), None, lambda o, t: o.sum(1), (), None, 1),
            x[:1, :, None],
            control=True,
        )
