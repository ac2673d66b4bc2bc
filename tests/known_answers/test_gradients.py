"""Gradients, gradient x input and integrated gradients: closed forms, and Captum as the oracle."""

from __future__ import annotations

import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network
from torch import nn

from elman.interpretation.credit import ask, asked_of
from elman.interpretation.gradients import gradient, gradient_times_input, integrated_gradients
from elman.interpretation.methods import credit_by
from elman.interpretation.view import untouched

FIRST = torch.zeros(12, dtype=torch.long)
LENGTHS = torch.tensor([10, 4] * 6)


@pytest.fixture(params=["rnn", "lstm", "gru", "mingru"])
def asked(request):
    view = view_of_network(request.param, pooling="mean_max")
    with untouched(view):
        embedded = view.embed(tokens()).detach() * 3
        yield asked_of(view, embedded, None, torch.tensor([0, 1, 2] * 4), view.baseline)


def test_equal_to_captum(asked):
    from captum.attr import InputXGradient, IntegratedGradients, Saliency

    asked.vectors.requires_grad_(True)  # Captum warns where it has to
    forward = lambda embedded: asked.view.read(embedded, None)
    near = {"rtol": 1e-3, "atol": 1e-5}
    expected = Saliency(forward).attribute(asked.vectors, target=asked.output)
    torch.testing.assert_close(gradient(asked).cells, expected, **near)
    slope = Saliency(forward).attribute(asked.vectors, target=asked.output, abs=False)
    times = gradient_times_input(asked).cells
    torch.testing.assert_close(times, slope * (asked.vectors - asked.baseline), **near)
    from_nothing = asked_of(asked.view, asked.vectors, None, asked.output)
    expected = InputXGradient(forward).attribute(asked.vectors, target=asked.output)
    torch.testing.assert_close(gradient_times_input(from_nothing).cells, expected, **near)
    expected, delta = IntegratedGradients(forward).attribute(
        asked.vectors, baselines=asked.baseline, target=asked.output, n_steps=40, method="gausslegendre",
        return_convergence_delta=True,
    )  # fmt: skip
    credit, missing = credit_by("integrated_gradients", asked, 40)
    torch.testing.assert_close(credit.cells, expected.float(), **near)
    torch.testing.assert_close(missing, -delta.float(), rtol=1e-2, atol=1e-5)


def test_points_taken_together_are_those_taken_one_by_one(asked, monkeypatch):
    together = integrated_gradients(asked, 7).cells
    monkeypatch.setattr("elman.interpretation.credit.STEPS_AT_ONCE", 1)
    torch.testing.assert_close(integrated_gradients(asked, 7).cells, together, rtol=1e-4, atol=1e-6)


def test_a_linear_network_gets_weight_times_input_by_all():
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]])
    x = torch.randn(12, 3, 2, generator=torch.Generator().manual_seed(0))
    asked = asked_of(
        view_of(lambda e, n: (e * weight).sum((1, 2))[:, None]), x, None, FIRST, torch.tensor([0.5, 1.0])
    )
    torch.testing.assert_close(gradient(asked).cells, weight.abs().expand(12, -1, -1))
    expected = weight * (x - torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(gradient_times_input(asked).cells, expected)
    torch.testing.assert_close(integrated_gradients(asked, 1).cells, expected)


def test_a_product_is_shared_equally():
    """F = x1 x2 from 0: the path integral gives each factor half of the product, in any number of points."""
    x = torch.randn(12, 2, 1, generator=torch.Generator().manual_seed(0))
    asked = asked_of(view_of(lambda e, n: e[:, 0] * e[:, 1]), x, None, FIRST)
    credit, missing = credit_by("integrated_gradients", asked, 1)
    torch.testing.assert_close(credit.cells[:, 0], x[:, 0] * x[:, 1] / 2)
    torch.testing.assert_close(credit.cells[:, 1], credit.cells[:, 0])
    assert missing.abs().max() < 1e-6
    torch.testing.assert_close(gradient_times_input(asked).cells[:, 0], x[:, 0] * x[:, 1])


def test_quadrature_is_exact_up_to_its_degree():
    """n points of Gauss and Legendre integrate the gradient of x^(2n) exactly, and that of x^(2n + 1) not."""
    x = torch.full((12, 1, 1), 1.5, dtype=torch.float64)
    missing = lambda k: credit_by(
        "integrated_gradients", asked_of(view_of(lambda e, n: e[:, 0] ** k), x, None, FIRST), 3
    )[1]
    assert missing(6).abs().max() < 1e-12
    assert missing(7).abs().max() > 1e-4


def test_completeness_improves_with_points():
    view = view_of_network("gru")
    with untouched(view):
        asked = asked_of(view, view.embed(tokens()) * 5, LENGTHS, FIRST)
        rough, fine = (credit_by("integrated_gradients", asked, points)[1].abs().max() for points in (1, 64))
    assert fine < 1e-3 < rough


@pytest.mark.parametrize(
    "method", [gradient, gradient_times_input, lambda asked: integrated_gradients(asked, 1)]
)
def test_padding_gets_nothing_even_where_the_network_reads_it(method):
    """A readout that forgets the lengths and sums all steps: padding is its own baseline, so no credit is there."""
    leaky = view_of(lambda e, n: e.sum((1, 2))[:, None])
    credit = method(asked_of(leaky, torch.ones(12, 10, 2), LENGTHS, FIRST)).cells
    assert (credit[1::2, 4:] == 0).all() and (credit[1::2, :4] == 1).all() and (credit[::2] == 1).all()


def test_gradients_are_there_when_the_caller_has_switched_them_off_and_in_a_frozen_network():
    linear = nn.Linear(4, 2).requires_grad_(False)
    view = view_of(lambda e, n: linear(e.mean(1)), embed=lambda inputs: inputs, names=None)
    with torch.no_grad():
        assert gradient(ask(view, sample_of(torch.randn(6, 5, 4)))).cells.sum() > 0


def test_the_fast_executor_serves_and_a_pass_stays_within_its_bound():
    """What attribution calls is what any call is: no hook and no trace that would keep a kernel away."""
    view, seen = view_of_network("lstm"), []
    rnn = view.model.rnn
    with untouched(view):
        asked = ask(view, sample_of(tokens(4, 300)))
        read = view.read

        def watched(embedded, lengths):
            seen.append((len(embedded), rnn.plan(embedded, lengths).chosen))
            return read(embedded, lengths)

        object.__setattr__(view, "read", watched)
        integrated_gradients(asked, 4)
    assert {chosen for _, chosen in seen} <= {"native", "vendor"}
    assert max(rows for rows, _ in seen) == 16 <= 2**13 // 300
