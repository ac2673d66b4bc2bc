"""A comparison in words: better, worse, or no clear difference, with the ends of the interval in their order."""

from __future__ import annotations

import pytest

from elman.core.results import Value
from elman.evaluation.compare import Comparison, Row


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Value(0.2, 0.1, 0.3), "better than the first by 0.2 [0.1, 0.3], p 0.001"),
        (Value(-0.2, -0.3, -0.1), "worse than the first by 0.2 [0.1, 0.3], p 0.001"),
        (Value(-0.01, -0.04, 0.02), "no clear difference from the first: -0.01 [-0.04, +0.02] (positive: better), p 0.001"),
        (Value(0.1, None, None), "no clear difference from the first: +0.1 [+nan, +nan] (positive: better), p 0.001"),
    ],
)  # fmt: skip
def test_the_difference_is_said_in_its_direction(difference: Value, words: str) -> None:
    row = Row("b", Value(0.5, 0.4, 0.6), difference, 0.001)
    assert row.against == words
    first = Row("a", Value(0.3, 0.2, 0.4), None, None)
    assert first.against == ""
    assert str(Comparison("accuracy", (first, row), {"b": "seed 0 -> 1"})).endswith(f"{words}; seed 0 -> 1")
