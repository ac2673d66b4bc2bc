"""Credit where it is known: additive and product functions, a shift register, and Captum as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network
from torch import nn

from elman.interpretation.attribution import attribution, integrated_gradients, shuffled
from elman.interpretation.view import untouched

FIRST = torch.zeros(12, dtype=torch.long)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mingru"])
@pytest.mark.parametrize("pooling", ["last", "mean_max"])
def test_equal_to_captum(cell, pooling):
    from captum.attr import IntegratedGradients

    view, chosen = view_of_network(cell, pooling=pooling), torch.tensor([0, 1, 2] * 4)
    with untouched(view):
        embedded = view.embed(tokens()).detach() * 3
        reference = view.baseline.expand_as(embedded)
        credit, residual = integrated_gradients(
            view, embedded, None, chosen, steps=40, baseline=view.baseline
        )
        oracle, delta = IntegratedGradients(lambda e: view.read(e, None)).attribute(
            embedded, baselines=reference, target=chosen, n_steps=40, method="gausslegendre", return_convergence_delta=True,
        )  # fmt: skip
    torch.testing.assert_close(credit, oracle.float(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(residual, -delta.float(), rtol=1e-2, atol=1e-5)


def test_a_product_is_shared_equally():
    """F = x1 x2 from 0: the path integral gives each factor half of the product, in any number of points."""
    x = torch.randn(12, 2, 1, generator=torch.Generator().manual_seed(0))
    view = view_of(lambda e, n: e[:, 0] * e[:, 1])
    credit, residual = integrated_gradients(view, x, None, FIRST, steps=1)
    torch.testing.assert_close(credit[:, 0], x[:, 0] * x[:, 1] / 2)
    torch.testing.assert_close(credit[:, 1], credit[:, 0])
    assert residual.abs().max() < 1e-6


def test_quadrature_is_exact_up_to_its_degree():
    """n points of Gauss and Legendre integrate the gradient of x^(2n) exactly, and that of x^(2n + 1) not."""
    x = torch.full((12, 1, 1), 1.5, dtype=torch.float64)
    power = lambda k: view_of(lambda e, n: e[:, 0] ** k)
    assert integrated_gradients(power(6), x, None, FIRST, steps=3)[1].abs().max() < 1e-12
    assert integrated_gradients(power(7), x, None, FIRST, steps=3)[1].abs().max() > 1e-4


def additive():
    """A bag of tokens: the logit of class 1 is the sum of (token - 5)."""

    def read(embedded, lengths):
        time = embedded.shape[1]
        valid = (
            torch.ones(len(embedded), time)
            if lengths is None
            else (torch.arange(time) < lengths[:, None]).float()
        )
        value = ((embedded[..., 0] - 5) * valid).sum(1)
        return torch.stack([-value, value], 1)

    return view_of(read, embed=lambda inputs: inputs.float()[..., None], baseline=torch.tensor([5.0]))


def test_an_additive_classifier_gets_its_terms_as_credit():
    inputs, lengths = tokens(), torch.tensor([10, 4] * 6)
    finding = attribution(additive(), sample_of(inputs, lengths=lengths))
    total = ((inputs - 5) * (torch.arange(10) < lengths[:, None])).sum(1)
    sign = torch.where(total > 0, 1, -1)[:, None]
    expected = sign * (inputs - 5) * (torch.arange(10) < lengths[:, None])
    np.testing.assert_allclose(finding.arrays["credit"], expected.numpy(), atol=1e-5)
    assert finding.residual < 1e-6 and "Half of the credit" in finding.sentence
    loudest = finding.table[0]
    assert (loudest["step"], loudest["speaks for"], loudest["mean credit"]) in (
        ("8", "yes", pytest.approx(3)),
        ("2", "no", pytest.approx(3)),
    )


@pytest.mark.parametrize("tap", [1, 4, 9])
def test_credit_of_a_shift_register_is_all_at_its_tap(tap):
    view = view_of(
        lambda e, n: torch.stack([0 * e[:, -tap, 0], e[:, -tap, 0]], 1),
        embed=lambda inputs: inputs.float()[..., None],
    )
    finding = attribution(view, sample_of(tokens()))
    assert finding.value == tap == finding.interval[0] == finding.interval[1]
    assert finding.arrays["recency"][tap - 1] == pytest.approx(1)


@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_padding_gets_nothing_on_either_side(cell):
    view, inputs = view_of_network(cell), tokens()
    right = inputs.clone()
    right[::2, 6:] = 0
    found = attribution(view, sample_of(right, lengths=torch.tensor([6, 10] * 6))).arrays["credit"]
    assert (found[::2, 6:] == 0).all() and (found[:, :6] != 0).all()
    left = inputs.clone()
    left[::2, :4] = 0
    found = attribution(view, sample_of(left, lengths=torch.full((12,), 10))).arrays["credit"]
    assert (found[::2, :4] == 0).all() and (found[:, 4:] != 0).all()


def test_batches_do_not_change_the_answer():
    view, inputs = view_of_network("gru"), tokens(70, 9)
    together = attribution(view, sample_of(inputs)).arrays["credit"]
    one = attribution(view, sample_of(inputs[64:65])).arrays["credit"]
    np.testing.assert_allclose(together[64:65], one, atol=1e-6)


def test_series_are_credited_by_feature():
    values = torch.randn(20, 30, 3, generator=torch.Generator().manual_seed(0))
    view = view_of(
        lambda e, n: 2 * e[:, -3, 1:2] - e[:, -1, 2:3], labels=(), names=None, embed=lambda inputs: inputs
    )
    finding = attribution(view, sample_of(values, torch.zeros(20)))
    features = finding.arrays["features"]
    assert {tuple(place) for place in np.argwhere(features > 0)} == {(27, 1), (29, 2)}
    assert features[27, 1] == pytest.approx(2 * float(values[:, -3, 1].abs().mean()), rel=1e-5)
    assert "vconcat" in finding.chart and not finding.html


def test_shuffled_weights_come_back_to_the_bit_also_after_an_error():
    view = view_of_network("lstm")
    before = [weight.clone() for weight in view.model.parameters()]
    with pytest.raises(RuntimeError), shuffled(view):
        changed = [
            not torch.equal(weight, old)
            for weight, old in zip(view.model.parameters(), before)
            if weight.dim() > 1
        ]
        assert all(changed)
        for weight, old in zip(view.model.parameters(), before):
            torch.testing.assert_close(weight.flatten().sort()[0], old.flatten().sort()[0])
        raise RuntimeError
    assert all(torch.equal(weight, old) for weight, old in zip(view.model.parameters(), before))


def test_a_map_that_weights_do_not_change_is_called_out():
    """What does not depend on the weights correlates perfectly with its own shuffled self."""
    finding = attribution(additive(), sample_of(tokens()))
    assert "correlation 1.00" in finding.sentence and "may not be learnt" in finding.sentence


def test_gradients_are_there_when_the_caller_has_switched_them_off():
    with torch.no_grad():
        assert attribution(view_of_network("gru"), sample_of(tokens())).residual < 1e-3


def test_a_frozen_network_is_credited_too():
    linear = nn.Linear(4, 2).requires_grad_(False)
    view = view_of(lambda e, n: linear(e.mean(1)), embed=lambda inputs: inputs, names=None)
    assert attribution(view, sample_of(torch.randn(6, 5, 4))).residual < 1e-5


def test_padding_gets_nothing_even_where_the_network_reads_it():
    """A readout that forgets the lengths and sums all steps: padding is its own baseline, so no credit is there."""
    leaky = view_of(lambda e, n: e.sum((1, 2))[:, None])
    embedded, lengths = torch.ones(12, 10, 2), torch.tensor([10, 4] * 6)
    credit, residual = integrated_gradients(leaky, embedded, lengths, FIRST, steps=2)
    assert (credit[1::2, 4:] == 0).all() and (credit[1::2, :4] == 1).all() and (credit[::2] == 1).all()
    assert residual.abs().max() < 1e-5
