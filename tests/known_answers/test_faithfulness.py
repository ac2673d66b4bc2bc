"""Faithfulness of additive answers is known in closed form: what is taken out is what is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, view_of

from elman.interpretation.credit import ask, asked_of
from elman.interpretation.faithfulness import SHARES, at_random, faithfulness

COUNT = 20
TERMS = torch.randn(6, COUNT, generator=torch.Generator().manual_seed(0)).double()
TAKEN = [1, 1, 2, 4, 10]  # of twenty steps: 1, 5, 10, 20 and 50%, rounded up
SUM = view_of(lambda e, n: e.sum((1, 2))[:, None], labels=(), names=None, embed=lambda inputs: inputs)


def values(terms=TERMS):
    return ask(SUM, sample_of(terms[..., None], torch.zeros(len(terms))))


def logits():
    """A classifier whose logits are 0 and the sum of the terms."""
    view = view_of(
        lambda e, n: torch.stack([0 * e.sum((1, 2)), e.sum((1, 2))], 1), embed=lambda inputs: inputs
    )
    return ask(view, sample_of(TERMS[..., None]))


def test_shares_of_an_additive_classifier():
    asked = logits()
    sign = torch.where(TERMS.sum(1) > 0, 1.0, -1.0)
    assert torch.equal(asked.output, (sign > 0).long())
    for_class = (sign[:, None] * TERMS).sort(1, descending=True).values
    whole = for_class.sum(1)
    p = lambda logit: logit.sigmoid()
    top = torch.stack([for_class[:, :k].sum(1) for k in TAKEN])
    found = faithfulness(asked, sign[:, None] * TERMS)
    np.testing.assert_allclose(found.comprehensiveness, (p(whole) - p(whole - top)).mean(0), atol=1e-6)
    np.testing.assert_allclose(found.sufficiency, (p(whole) - p(top)).mean(0), atol=1e-6)
    curve = torch.stack([p(whole), *p(whole - top), torch.full((6,), 0.5)])
    np.testing.assert_allclose(found.curve, curve, atol=1e-6)
    area = np.trapezoid(curve.numpy(), [0, *SHARES, 1], axis=0)
    np.testing.assert_allclose(found.area, area, atol=1e-6)


def test_values_are_turned_so_that_they_rise_from_the_baseline():
    """Where the sum is negative, what lowers it speaks for it; a map without signs is not turned."""
    sign = np.where(TERMS.sum(1) > 0, 1.0, -1.0)
    ordered = np.sort(sign[:, None] * TERMS.numpy(), 1)[:, ::-1]
    expected = np.mean([ordered[:, :k].sum(1) for k in TAKEN], 0)
    found = faithfulness(values(), TERMS)
    assert set(sign) == {1.0, -1.0}
    np.testing.assert_allclose(found.comprehensiveness, expected, atol=1e-6)
    np.testing.assert_allclose(found.sufficiency, ordered.sum(1) - expected, atol=1e-6)
    largest = np.argsort(-np.abs(TERMS.numpy()), 1)
    by_size = np.take_along_axis(sign[:, None] * TERMS.numpy(), largest, 1)
    found = faithfulness(values(), TERMS.abs(), signed=False)
    np.testing.assert_allclose(
        found.comprehensiveness, np.mean([by_size[:, :k].sum(1) for k in TAKEN], 0), atol=1e-6
    )


def test_small_values_are_turned_alike():
    large, small = faithfulness(values(), TERMS), faithfulness(values(TERMS / 1000), TERMS / 1000)
    np.testing.assert_allclose(small.comprehensiveness, large.comprehensiveness / 1000, atol=1e-12)


def test_the_true_order_beats_its_reverse_and_chance():
    asked = logits()
    credit = torch.where(TERMS.sum(1) > 0, 1.0, -1.0)[:, None] * TERMS
    best, worst = faithfulness(asked, credit), faithfulness(asked, -credit)
    chance = at_random(asked, 10)
    between = np.array([one.comprehensiveness.mean() for one in chance])
    assert worst.comprehensiveness.mean() < between.min() <= between.max() < best.comprehensiveness.mean()
    assert best.area.mean() < min(one.area.mean() for one in chance)
    assert best.sufficiency.mean() < min(one.sufficiency.mean() for one in chance)


def test_chance_is_the_mean_over_orders():
    """A random k of n terms holds k/n of the sum on average."""
    found = np.mean([one.comprehensiveness for one in at_random(values(), 2000)], 0)
    expected = np.abs(TERMS.sum(1).numpy()) * np.mean(TAKEN) / COUNT
    np.testing.assert_allclose(found, expected, atol=0.12)


def test_padding_is_no_step():
    """Ten steps of twenty are there: shares are of these, and padding is never counted as taken out."""
    lengths = torch.full((6,), 10)
    half = TERMS[:, :10]
    padded = asked_of(
        SUM, TERMS[..., None] * (torch.arange(20) < 10)[:, None], lengths, torch.zeros(6, dtype=torch.long)
    )
    huge = torch.where(torch.arange(20) < 10, TERMS, 1e6)
    found, short = faithfulness(padded, huge), faithfulness(values(half), half)
    np.testing.assert_allclose(found.comprehensiveness, short.comprehensiveness)
    np.testing.assert_allclose(found.sufficiency, short.sufficiency)


@pytest.mark.parametrize(("count", "taken"), [(1, 1), (10, 5), (35, 18), (200, 100)])
def test_at_least_one_step_is_taken_out_and_shares_are_rounded_up(count, taken):
    terms = torch.ones(1, count).double()
    assert faithfulness(values(terms), terms).curve[5, 0] == count - taken
    assert faithfulness(values(terms), terms).curve[1, 0] == count - max(1, -(-count // 100))


def test_the_first_of_equals_goes_first():
    terms = torch.tensor([[3.0, 0.0, 0.0, 0.0]]).double()
    asked = values(torch.tensor([[1.0, 2.0, 3.0, 4.0]]).double())
    assert faithfulness(asked, 0 * terms).curve[1, 0] == 9


def test_labels_that_exclude_each_other_share_one_and_others_do_not():
    view = view_of(lambda e, n: e[:, 0], embed=lambda inputs: inputs)
    x = torch.tensor([[[1.0, 3.0]], [[2.0, -1.0]]])
    one = ask(view, sample_of(x))
    several = ask(view, sample_of(x, torch.tensor([[0.0, 1.0], [1.0, 1.0]])))
    torch.testing.assert_close(one.number(x, share=True), x[:, 0].softmax(1).max(1).values)
    torch.testing.assert_close(several.number(x, share=True), x[:, 0].max(1).values.sigmoid())
    torch.testing.assert_close(several.number(x), x[:, 0].max(1).values)
