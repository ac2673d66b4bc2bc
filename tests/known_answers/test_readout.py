"""The readout of a hand-built counter, and the surprise of a known bigram model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of, view_of_network

from elman.interpretation import walk
from elman.interpretation.readout import readout
from elman.interpretation.view import untouched


def counter(labels=("1", "2", "3", "4+"), sharp=50.0):
    """Counts the sevens read so far, at least 1 and at most 4: the answer after each step is certain."""

    def steps(embedded, lengths):
        count = (embedded[..., 0] == 7).cumsum(1).clamp(1, 4)
        return -sharp * (torch.arange(1, 5) - count[..., None]).abs().float()

    embed = lambda inputs: inputs.float()[..., None]
    return view_of(lambda e, n: steps(e, n)[:, -1], steps=steps, embed=embed, labels=labels)


def test_the_staircase_of_a_counter_steps_at_what_it_counts():
    inputs = torch.tensor([[2, 7, 3, 7, 7, 2]])
    finding = readout(counter(), sample_of(inputs))
    np.testing.assert_allclose(finding.arrays["answer.0"], [1, 1, 1, 2, 3, 3], atol=1e-6)
    rows = finding.chart["data"]["values"]
    assert [row["expected count"] for row in rows] == pytest.approx([1, 1, 1, 2, 3, 3])
    assert "climbs" in finding.sentence and "1.00 at most" in finding.sentence
    assert "was trained" not in finding.sentence  # nobody trained it


def test_digits_that_name_classes_are_not_counted():
    """Nine speakers are called 1 to 9: an expected speaker means nothing."""
    inputs = torch.tensor([[7, 7, 7]])
    view = counter(("1", "2", "3", "4"))
    np.testing.assert_allclose(
        readout(view, sample_of(inputs, torch.tensor([1]))).arrays["answer.0"], [0, 1, 0], atol=1e-6
    )
    found = walk.answers(view, inputs)
    assert walk.line(view, found)[0] == "p(3)" and walk.line(counter(), found)[0] == "expected count"


def test_other_classes_show_the_true_one():
    inputs = torch.tensor([[7, 7, 7]])
    finding = readout(counter(("red", "green", "blue", "grey")), sample_of(inputs, torch.tensor([1])))
    np.testing.assert_allclose(finding.arrays["answer.0"], [0, 1, 0], atol=1e-6)


def test_two_classes_show_the_second():
    view = view_of_network(classes=2)
    finding = readout(view, sample_of(tokens()))
    with torch.no_grad(), untouched(view):
        whole = view.read(view.embed(tokens()), None).softmax(1)[:, 1]
    ends = [finding.arrays[f"answer.{row}"][-1] for row in range(12)]
    np.testing.assert_allclose(ends, whole.numpy(), atol=1e-6)


def test_padding_is_not_drawn():
    finding = readout(view_of_network(), sample_of(tokens(), lengths=torch.tensor([10, 4] * 6)))
    assert [len(finding.arrays[f"answer.{row}"]) for row in (0, 1)] == [10, 4]


def test_long_sequences_become_text_coloured_by_the_change():
    inputs = torch.full((1, 100), 2)
    inputs[0, 60] = inputs[0, 80] = 7
    finding = readout(counter(), sample_of(inputs))
    assert finding.chart is None
    full = [part for part in finding.html.split("</small>")[1].split("<span") if ",0.60)" in part]
    assert (
        len(full) == 1 and ">7</span>" in full[0]
    )  # the first seven leaves the count at 1, the second moves it


def test_a_network_without_a_readout_gives_no_finding():
    assert readout(view_of_network(bidirectional=True), sample_of(tokens())) is None
    assert readout(replace(counter(), step_names=None), sample_of(tokens())) is None


def bigram(table):
    """A language model over letters whose next-step probabilities are a table."""
    letters = "abcd"
    steps = lambda e, n: torch.from_numpy(np.log(table)).float()[e[..., 0].long()]
    view = view_of(
        lambda e, n: steps(e, n)[:, -1],
        steps=steps,
        labels=tuple(letters),
        embed=lambda inputs: inputs.float()[..., None],
        names=lambda row: [letters[int(value)] for value in row],
    )
    return replace(view, names_next_step=True)


def test_surprise_is_the_log_of_what_the_model_gave_each_step():
    table = np.array(
        [[0.5, 0.25, 0.125, 0.125], [0.25] * 4, [0.125, 0.125, 0.5, 0.25], [0.5, 0.25, 0.125, 0.125]]
    )
    inputs = torch.tensor([[0, 0, 1, 2, 3, 0], [1, 1, 1, 1, 1, 1]])
    finding = readout(bigram(table), sample_of(inputs, lengths=torch.tensor([6, 3])))
    np.testing.assert_allclose(finding.arrays["bits.0"], [1, 2, 2, 2, 1], atol=1e-5)
    np.testing.assert_allclose(finding.arrays["bits.1"], [2, 2], atol=1e-5)
    assert finding.value == pytest.approx(12 / 7) and finding.unit == "bits per step"


def test_a_source_that_the_model_knows_costs_its_entropy():
    """The mean surprise is the entropy of the table's rows, weighted by how often each was the last step."""
    table = np.array([[0.7, 0.1, 0.1, 0.1], [0.25] * 4, [0.4, 0.4, 0.1, 0.1], [0.01, 0.01, 0.01, 0.97]])
    draw = np.random.default_rng(0)
    rows = np.zeros((400, 60), dtype=np.int64)
    for step in range(1, 60):
        rows[:, step] = (draw.random((400, 1)) > table[rows[:, step - 1]].cumsum(1)[:, :-1]).sum(1)
    entropy = -(table * np.log2(table)).sum(1)[rows[:, :-1]].mean()
    found = readout(bigram(table), sample_of(torch.from_numpy(rows)))
    assert found.value == pytest.approx(entropy, rel=0.03)
