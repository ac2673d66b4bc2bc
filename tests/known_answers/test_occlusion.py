"""Occlusion: Captum as the oracle, additive functions, spans, padding and bounded memory."""

from __future__ import annotations

import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

from elman.interpretation.credit import ask, asked_of
from elman.interpretation.occlusion import occlusion, parts
from elman.interpretation.view import untouched

FIRST = torch.zeros(12, dtype=torch.long)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mingru"])
@pytest.mark.parametrize("width", [1, 3])
def test_equal_to_captum(cell, width):
    from captum.attr import Occlusion

    view = view_of_network(cell)
    with untouched(view):
        asked = asked_of(view, view.embed(tokens()), None, torch.tensor([0, 1, 2] * 4), view.baseline)
        found = occlusion(asked, -(-10 // width)).cells
        window = (width, asked.vectors.shape[2])
        oracle = Occlusion(lambda e: view.read(e, None)).attribute(
            asked.vectors, window, strides=window, baselines=asked.baseline, target=asked.output
        )
    sizes = torch.tensor([min(width, 10 - step // width * width) for step in range(10)]) * window[1]
    torch.testing.assert_close(found * sizes[:, None], oracle, rtol=1e-4, atol=1e-6)


def test_single_features_are_taken_out_where_they_have_a_meaning():
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    view = view_of(
        lambda e, n: (e * weight).sum((1, 2))[:, None], labels=(), names=None, embed=lambda inputs: inputs
    )
    x = torch.randn(12, 5, 3)
    torch.testing.assert_close(occlusion(ask(view, sample_of(x, torch.zeros(12)))).cells, weight * x)


def test_spans_are_as_short_as_the_number_of_parts_allows():
    view = view_of(lambda e, n: e.sum((1, 2))[:, None])
    asked = asked_of(view, torch.ones(2, 10, 3), None, FIRST[:2])
    part, count = parts(asked, 4)
    assert part[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3] and count == 4
    assert parts(asked, 10)[1] == parts(asked, 99)[1] == 10
    part, count = parts(asked, 30, by_feature=True)
    assert count == 30 and part.flatten().tolist() == list(range(30))
    assert parts(asked, 23, by_feature=True)[1] == 10  # no room for eight spans of each feature: whole steps


def test_a_span_shares_its_credit_among_the_steps_that_are_there():
    """Lengths 10 and 4, spans of 3 steps: the second span of a sequence of four has one step, which gets all."""
    view = view_of(lambda e, n: e.sum((1, 2))[:, None])
    asked = asked_of(view, torch.ones(12, 10, 2), torch.tensor([10, 4] * 6), FIRST)
    credit = occlusion(asked, 4).cells
    assert (credit[::2] == 1).all() and (credit[1::2, :4] == 1).all() and (credit[1::2, 4:] == 0).all()


def test_versions_are_read_in_bounded_memory(monkeypatch):
    view, rows = view_of_network("gru"), []
    with untouched(view):
        asked = asked_of(view, view.embed(tokens()), torch.tensor([10, 4] * 6), FIRST)
        whole = occlusion(asked).cells
        monkeypatch.setattr("elman.interpretation.credit.STEPS_AT_ONCE", 70)
        read = view.read
        object.__setattr__(view, "read", lambda e, n: (rows.append(len(e)), read(e, n))[1])
        torch.testing.assert_close(occlusion(asked).cells, whole, rtol=1e-4, atol=1e-6)
    assert max(rows[:-1]) == 7 and sum(rows[:-1]) == 120
