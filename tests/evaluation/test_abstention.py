"""Accuracy where the least sure examples are passed over: against its definition, with ties, and on the page."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.results import Predictions
from elman.evaluation.classification import abstention, metrics
from elman.report.tables import coverage_rows


def predictions(confidence, right):
    """Two classes: how sure, and whether right."""
    sure, right = np.asarray(confidence, float), np.asarray(right, bool)
    return Predictions("classes", np.stack([sure, 1 - sure], 1), np.where(right, 0, 1), ("a", "b"))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from([0.6, 0.7, 0.8, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_the_mean_over_all_orders_of_ties(pairs):
    confidence, right = zip(*pairs)
    found = abstention(predictions(confidence, right), points=len(pairs))
    orders = [
        order
        for order in itertools.permutations(range(len(pairs)))
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order))
    ]
    wanted = [
        np.mean([np.mean([right[row] for row in order[:k]]) for order in orders])
        for k in range(1, len(pairs) + 1)
    ]
    assert [share for _, share, _ in found] == pytest.approx(wanted)
    assert found[-1][:2] == (1.0, pytest.approx(np.mean(right)))
    area = metrics(predictions(confidence, right))["selective_accuracy"]
    assert area == pytest.approx(np.mean(wanted))


def test_confidence_that_says_something_and_that_says_nothing():
    draw = np.random.default_rng(0)
    sure = draw.uniform(0.5, 1, 20_000)
    earned = metrics(predictions(sure, draw.random(20_000) < sure))
    blind = metrics(predictions(sure, draw.random(20_000) < 0.75))
    constant = metrics(predictions(np.full(1000, 0.7), draw.random(1000) < 0.75))
    # Confidence u even between 0.5 and 1: the surest share c is right (2 - c / 2) / 2 of the time; 0.875 on average.
    assert earned["selective_accuracy"] == pytest.approx(0.875, abs=0.01)
    assert blind["selective_accuracy"] == pytest.approx(blind["accuracy"], abs=0.01)
    assert constant["selective_accuracy"] == pytest.approx(constant["accuracy"])


def test_rows_for_a_person():
    rows = coverage_rows(
        {"abstention": [(0.5, 1.0, 0.9), (0.75, 0.95, 0.7), (0.9, 0.9, 0.6), (1.0, 0.85, 0.51)]}
    )
    assert [(row.share, row.accuracy, row.confidence) for row in rows][:2] == [
        ("100", "85.0", "0.51"),
        ("90", "90.0", "0.60"),
    ]
    assert coverage_rows({}) == []
