"""Errors of predictions written down by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.core.results import Predictions
from elman.interpretation.errors import errors, errors_of

from .networks import sample_of, tokens, view_of

NAME = lambda row: f"number {row}"


def test_the_surest_wrong_answer_comes_first():
    outputs = np.array([[0.6, 0.4], [0.02, 0.98], [0.3, 0.7], [0.95, 0.05]])
    predictions = Predictions("classes", outputs, np.array([1, 0, 1, 0]), ("no", "yes"))
    finding = errors(predictions, np.zeros(4), NAME)
    assert [row["example"] for row in finding.table] == ["number 1", "number 0"]
    assert finding.table[0] == {
        "example": "number 1", "true": "no", "predicted": "yes", "confidence": 0.98, "p(true)": pytest.approx(0.02),
    }  # fmt: skip
    assert finding.value == 0.5 and "2 of 4 are wrong; 1 of those (50%)" in finding.sentence
    assert "50% of its right answers" in finding.sentence


def test_a_perfect_network_has_no_errors():
    predictions = Predictions("classes", np.eye(2), np.array([0, 1]), ("no", "yes"))
    finding = errors(predictions, np.zeros(2), NAME)
    assert finding.table == () and "None of 2" in finding.sentence


def test_the_worst_windows_and_their_share():
    each = np.ones(200)
    each[[17, 40]] = [51.0, 51.0]
    outputs, targets = np.zeros((200, 3, 1)), np.full((200, 3, 1), 2.0)
    targets[17, 0] = np.nan
    finding = errors(Predictions("forecasts", outputs, targets), each, NAME, shown=2)
    assert [row["example"] for row in finding.table] == ["number 17", "number 40"]
    assert finding.value == pytest.approx(102 / 300) and "worst 1% of the windows" in finding.sentence
    assert finding.table[0]["mean true"] == 2.0 and finding.table[0]["mean predicted"] == 0.0


def test_unknown_errors_are_left_out():
    each = np.array([np.nan, 3.0, 1.0, np.nan])
    finding = errors(Predictions("values", np.arange(4.0), np.arange(4.0) + 1), each, NAME)
    assert [row["error"] for row in finding.table] == [3.0, 1.0] and finding.value == 0.75
    assert finding.table[0]["true"] == 2.0 and finding.table[0]["predicted"] == 1.0
    assert "2 examples" in finding.sample


def test_nothing_known_is_no_crash():
    finding = errors(Predictions("values", np.zeros(2), np.zeros(2)), np.full(2, np.nan), NAME)
    assert finding.table == ()


def test_errors_of_any_model_and_its_targets():
    """It answers with the last value read; classes by two logits, which of them is larger."""
    view = view_of(
        lambda e, n: e[:, -1],
        labels=(),
        names=None,
        embed=lambda x: x,
        loss=lambda o, t: (o[:, 0] - t).square(),
    )
    x = torch.zeros(300, 4, 1)
    x[:, -1, 0], targets = torch.arange(300.0), torch.arange(300.0)
    targets[7] += 5.0
    found = errors_of(view, sample_of(x, targets))
    assert found.table[0] == {
        "example": "sequence 7",
        "mean true": 12.0,
        "mean predicted": 7.0,
        "error": 25.0,
    }
    assert found.value == 1.0 and found.sample == "300 examples"
    assert errors_of(view, sample_of(x, x[:, -1, 0] * (1 + 1e-7))) is None
    words = tokens(70, 5)
    logits = torch.randn(9, 2, generator=torch.Generator().manual_seed(0)) * 5
    read = view_of(
        lambda e, n: logits[e[torch.arange(len(e)), n - 1, 0].long()], embed=lambda i: i.float()[..., None]
    )
    lengths, right = torch.tensor([5, 3] * 35), logits.argmax(1)
    true = right[words[torch.arange(70), lengths - 1]]
    true[1] = 1 - true[1]
    found = errors_of(read, sample_of(words, true, lengths))
    (row,) = found.table
    assert row["example"] == f"sequence 1: {' '.join(map(str, words[1, :3].tolist()))}"
    assert row["true"] == ("no", "yes")[true[1]] and row["predicted"] == ("no", "yes")[1 - true[1]]
    chosen = logits[words[1, 2]].softmax(0).max()
    assert row["confidence"] == pytest.approx(float(chosen)) and "1 of 70 are wrong" in found.sentence


def test_tokens_are_told_in_nats():
    finding = errors(Predictions("tokens", np.array([1.0, 5.0]), np.array([0, 1])), np.array([1.0, 5.0]), NAME)  # fmt: skip
    assert finding.table[0] == {"example": "number 1", "nats": 5.0}
