"""What attribution asks: which answer of a network, of which steps, how many values ahead, how many rows at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tests.known_answers.networks import sample_of, view_of

from elman.interpretation import credit
from elman.interpretation.credit import ask, asked_of, horizons


def test_of_a_word_with_its_pieces_the_word_says_whether_it_is_padding():
    pieces = torch.tensor([[[5, 0], [7, 3], [0, 0]], [[2, 4], [3, 0], [6, 1]]])
    view = view_of(lambda vectors, lengths: vectors.sum(1))
    assert ask(view, sample_of(pieces)).present.tolist() == [[True, True, False], [True, True, True]]


def test_one_number_is_a_value_and_two_are_classes_whatever_the_targets_are_called():
    x = torch.rand(4, 5, 1)
    one = view_of(lambda vectors, lengths: vectors.sum(1), labels=())
    assert ask(one, sample_of(x)).shares is None and ask(one, sample_of(x)).output.tolist() == [0] * 4
    two = view_of(lambda vectors, lengths: torch.cat([vectors[:, 0], -vectors[:, 0]], 1), labels=())
    asked = ask(two, sample_of(x))
    assert asked.shares is not None and asked.output.tolist() == [0] * 4
    assert np.allclose(asked.number(asked.vectors, share=True), (2 * x[:, 0, 0]).sigmoid())


def test_the_values_ahead_are_counted_from_one_sequence():
    view = replace(
        view_of(lambda vectors, lengths: vectors.sum(1).expand(-1, 6), labels=()),
        ahead=lambda values: values.unflatten(1, (3, 2)),
    )
    assert horizons(view, sample_of(torch.rand(1, 5, 1), torch.rand(1, 6))) == 3
    assert horizons(replace(view, labels=("a", "b")), sample_of(torch.rand(1, 5, 1))) == 1


def test_rows_at_once_are_bounded_by_steps_and_by_outputs_and_at_least_one(monkeypatch):
    asked = asked_of(
        view_of(labels=("a", "b", "c")), torch.rand(2, 10, 1), None, torch.zeros(2, dtype=torch.long)
    )
    monkeypatch.setattr(credit, "STEPS_AT_ONCE", 75)
    assert asked.rows_at_once() == 7
    monkeypatch.setattr(credit, "MOST_VALUES", 12)
    assert asked.rows_at_once() == 4
    assert replace(asked, view=view_of(labels=())).rows_at_once() == 7
    monkeypatch.setattr(credit, "STEPS_AT_ONCE", 3)
    assert asked.rows_at_once() == 1
