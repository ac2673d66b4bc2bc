"""Shapley values: enumeration, the shap package, closed forms, and an honest standard error."""

from __future__ import annotations

from itertools import combinations, permutations, product
from math import factorial

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

from elman.interpretation.credit import ask, asked_of
from elman.interpretation.shapley import shapley
from elman.interpretation.view import untouched

FIRST = torch.zeros(12, dtype=torch.long)


def by_hand(asked):
    """The mean of what each step adds over all orders of the steps, written out: (batch, time)."""
    time = asked.vectors.shape[1]
    total = torch.zeros(asked.vectors.shape[:2])
    for order in permutations(range(time)):
        vectors = asked.baseline.clone()
        before = asked.number(vectors)
        for step in order:
            vectors[:, step] = asked.vectors[:, step]
            after = asked.number(vectors)
            total[:, step] += after - before
            before = after
    return total / len(list(permutations(range(time))))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_few_parts_are_exact(cell):
    view = view_of_network(cell)
    with untouched(view), torch.no_grad():
        asked = asked_of(
            view, view.embed(tokens(12, 5)) * 5, torch.tensor([5, 3] * 6), torch.tensor([0, 1, 2] * 4)
        )
        found, expected = shapley(asked), by_hand(asked)
    torch.testing.assert_close(found.cells.sum(2), expected, rtol=1e-4, atol=1e-6)
    assert (found.error == 0).all()


def test_equal_to_the_shap_package():
    shap = pytest.importorskip("shap", reason="the package shap is not installed")
    view = view_of_network("gru")
    with untouched(view), torch.no_grad():
        asked = asked_of(view, view.embed(tokens(2, 6)) * 5, None, FIRST[:2])
        found = shapley(asked, pairs=8).cells.sum(2).numpy()
        for row in range(2):

            def answer(kept, row=row):
                keep = torch.from_numpy(kept).bool()[..., None]
                vectors = torch.where(keep, asked.vectors[row], asked.baseline[row])
                return asked.number(vectors, torch.full((len(kept),), row)).numpy()

            values = shap.ExactExplainer(answer, np.zeros((1, 6)))(np.ones((1, 6))).values[0]
            np.testing.assert_allclose(found[row], values, rtol=1e-3, atol=1e-5)


def test_a_sample_is_complete_and_within_its_error():
    """On 12 steps: 95% of the values within two errors and a half of the exact ones, however few the orders."""
    view = view_of_network("lstm")
    with untouched(view), torch.no_grad():
        asked = asked_of(view, view.embed(tokens(12, 12)) * 5, None, torch.tensor([0, 1, 2] * 4))
        exact = shapley(asked, pairs=400)  # 4,096 subsets are fewer than 10,400 versions
        sample, change = shapley(asked, pairs=12, seed=1), asked.change()
    assert (exact.error == 0).all() and (sample.error > 0).all()
    torch.testing.assert_close(sample.cells.sum((1, 2)), change, rtol=1e-4, atol=1e-5)
    off = (sample.cells - exact.cells).sum(2).abs()
    assert (off < 2.5 * sample.error).float().mean() > 0.93
    assert 0.5 < float((off**2).mean().sqrt() / (sample.error**2).mean().sqrt()) < 1.6


def test_an_additive_function_gets_its_terms_from_one_order():
    weight = torch.randn(14, 2, generator=torch.Generator().manual_seed(0))
    x = torch.randn(12, 14, 2, generator=torch.Generator().manual_seed(1))
    asked = asked_of(view_of(lambda e, n: (e * weight).sum((1, 2))[:, None]), x, None, FIRST)
    found = shapley(asked, pairs=2)
    torch.testing.assert_close(found.cells.sum(2), (x * weight).sum(2), rtol=1e-4, atol=1e-5)
    assert found.error.max() < 1e-5


def test_a_product_of_two_steps_is_shared_equally_by_every_pair_of_orders():
    """An order gives all of it to the later factor, and its reverse to the other: the mean of the two is exact."""
    x = torch.randn(12, 16, 1, generator=torch.Generator().manual_seed(0))
    asked = asked_of(view_of(lambda e, n: e[:, 2] * e[:, 9]), x, None, FIRST)
    found = shapley(asked, pairs=2).cells[..., 0]
    product = x[:, 2, 0] * x[:, 9, 0] / 2
    torch.testing.assert_close(found[:, 2], product)
    torch.testing.assert_close(found[:, 9], product)
    assert found.abs().sum(1).allclose(2 * product.abs())


def test_features_are_players_where_they_have_a_meaning():
    weight = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    view = view_of(
        lambda e, n: (e * weight).sum((1, 2))[:, None], labels=(), names=None, embed=lambda inputs: inputs
    )
    x = torch.randn(12, 4, 3)
    found = shapley(ask(view, sample_of(x, torch.zeros(12))), pairs=1)
    torch.testing.assert_close(found.cells, weight * x, rtol=1e-4, atol=1e-5)


def test_the_seed_draws_the_orders():
    view = view_of_network("lstm")
    with untouched(view), torch.no_grad():
        asked = asked_of(view, view.embed(tokens(3, 16)) * 5, None, FIRST[:3])
        one, same, other = (shapley(asked, seed=seed).cells for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("count", "pairs", "exact"), [(5, 4, True), (6, 4, False), (6, 5, True), (7, 8, True), (7, 7, False)]
)
def test_all_subsets_are_asked_where_they_are_no_more_than_the_sample(count, pairs, exact):
    """2^n subsets against 2 pairs (n + 1) versions."""
    view = view_of_network("lstm")
    with untouched(view), torch.no_grad():
        asked = asked_of(view, view.embed(tokens(3, count)) * 5, None, FIRST[:3])
        assert bool((shapley(asked, pairs=pairs).error == 0).all()) is exact


def test_features_of_steps_as_players_by_all_subsets_written_out():
    """Three features of each of two steps: |S|! (n - |S| - 1)! / n! times what a player adds to S."""
    torch.manual_seed(0)
    gru = torch.nn.GRU(3, 4, batch_first=True)
    view = view_of(lambda e, n: gru(e)[0][:, -1], labels=(), names=None, embed=lambda inputs: inputs)
    x, players = torch.randn(2, 2, 3), list(product(range(2), range(3)))
    asked = ask(view, sample_of(x, torch.zeros(2)))

    def worth(chosen):
        vectors = torch.zeros_like(x)
        for step, feature in chosen:
            vectors[:, step, feature] = x[:, step, feature]
        return asked.number(vectors)

    with torch.no_grad():
        found, expected = shapley(asked, pairs=5).cells, torch.zeros_like(x)
        for player in players:
            others = [other for other in players if other != player]
            for size in range(6):
                share = factorial(size) * factorial(5 - size) / factorial(6)
                for chosen in combinations(others, size):
                    step, feature = player
                    expected[:, step, feature] += share * (worth([*chosen, player]) - worth(chosen))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
