"""Log-count ratios against counting by hand, and what a text's own label may not touch; pairs against a plain loop."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.encoding.pairs import frequent_pairs, pair_numbers
from elman.encoding.ratios import FOLDS, log_count_ratios


def texts_of(draw: np.random.Generator, count: int, size: int) -> list[np.ndarray]:
    return [draw.integers(1, size, draw.integers(1, 12)).astype(np.int32) for _ in range(count)]


def by_hand(sequences, targets, size):
    """Wang and Manning 2012, eq. 1: p and q count the texts that hold a token, plus one."""
    held = [
        Counter(token for row, t in zip(sequences, targets) if t == c for token in set(row)) for c in (0, 1)
    ]
    q, p = ([1 + held[c][token] for token in range(1, size)] for c in (0, 1))
    return [0.0, *(math.log(a / sum(p)) - math.log(b / sum(q)) for a, b in zip(p, q))]


@pytest.mark.parametrize("seed", range(5))
def test_against_counting_by_hand(seed):
    draw = np.random.default_rng(seed)
    sequences, targets = texts_of(draw, 30, 9), draw.integers(0, 2, 30)
    table, steps = log_count_ratios(sequences, targets, 9)
    assert table == pytest.approx(by_hand(sequences, targets, 9), abs=1e-4)
    fold = np.random.default_rng(0).permutation(30) % FOLDS
    for number, row in enumerate(sequences):
        others = [k for k in range(30) if fold[k] != fold[number]]
        held_out = by_hand([sequences[k] for k in others], targets[others], 9)
        assert steps[number] == pytest.approx([held_out[token] for token in row], abs=1e-4)


@given(st.integers(0, 99), st.integers(0, 19))
def test_a_text_is_not_described_by_its_own_label(seed, chosen):
    draw = np.random.default_rng(seed)
    sequences, targets = texts_of(draw, 20, 6), draw.integers(0, 2, 20)
    turned = targets.copy()
    turned[chosen] = 1 - turned[chosen]
    _, before = log_count_ratios(sequences, targets, 6)
    table, after = log_count_ratios(sequences, turned, 6)
    assert (before[chosen] == after[chosen]).all()
    assert (table != log_count_ratios(sequences, targets, 6)[0]).any()


def test_padding_and_pairs_that_do_not_count_have_no_ratio():
    table, steps = log_count_ratios([np.array([0, 1, 0]), np.array([0, 0, 2])], np.array([0, 1]), 3)
    assert table[0] == 0 and steps[0][0] == steps[0][2] == 0


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=15), min_size=1, max_size=8), st.integers(1, 3)
)
def test_pairs_against_a_plain_loop(rows, least):
    sequences = [np.array(row, np.int32) for row in rows]
    counts = Counter(pair for row in rows for pair in zip(row, row[1:]))
    kept = sorted(pair for pair, count in counts.items() if count >= least)
    codes = frequent_pairs(sequences, 5, least)
    assert codes == tuple(first * 5 + second for first, second in kept)
    for row, sequence in zip(rows, sequences):
        expected = [0] + [kept.index(pair) + 1 if pair in kept else 0 for pair in zip(row, row[1:])]
        assert pair_numbers(sequence, np.array(codes, np.int64), 5).tolist() == expected


def test_no_pairs_for_nought():
    assert frequent_pairs([np.array([1, 2, 1, 2])], 3, 0) == ()
