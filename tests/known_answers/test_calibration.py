"""Calibration of answers whose labels were drawn from the network's own probabilities: error 0, temperature 1."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, view_of, view_of_network

from elman.interpretation.calibration import (
    _parts,
    _weights,
    calibration,
    calibration_error,
    fitted_temperature,
)
from elman.report.charts import draw


def drawn(count=4000, classes=3, seed=0):
    """Logits (count, classes), and labels drawn from their softmax."""
    draw = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, classes, generator=draw)
    return logits, torch.multinomial(logits.softmax(-1), 1, generator=draw)[:, 0]


def asked(logits, targets, factor=1.0):
    """The finding for a network that says `factor` times these logits."""
    view = view_of(lambda vectors, lengths: factor * vectors[:, -1], labels=("a", "b", "c"))
    return calibration(view, sample_of(logits[:, None], targets))


def test_labels_drawn_from_the_network_leave_no_error_but_chance():
    finding = asked(*drawn())
    assert finding.value < 0.02 and abs(finding.value - finding.control) < 0.008
    assert finding.arrays["temperature"] == pytest.approx(1, abs=0.05)
    assert finding.interval[0] < finding.interval[1] and finding.sample.startswith("4,000 answers")


def test_doubled_logits_want_a_temperature_of_two_and_are_too_sure():
    finding = asked(*drawn(), factor=2.0)
    assert finding.arrays["temperature"] == pytest.approx(2, abs=0.1)
    assert (
        finding.value > 0.08 > 4 * finding.control
        and "too sure" in finding.sentence
        and "above how" in finding.sentence
    )
    halved = asked(*drawn(), factor=0.5)
    assert halved.arrays["temperature"] == pytest.approx(0.5, abs=0.03)
    assert "not sure enough" in halved.sentence and "below how" in halved.sentence


def test_too_sure_is_said_where_the_answers_are_enough_to_show_it():
    """The same answers a number of times over: the temperature stays, what it gains in likelihood grows."""
    logits, targets = drawn(100)
    factor = 1.2 / float(asked(logits, targets).arrays["temperature"])
    few, many = (asked(logits.repeat(k, 1), targets.repeat(k), factor) for k in (1, 20))
    assert few.arrays["temperature"] == pytest.approx(float(many.arrays["temperature"]), abs=1e-4)
    exact = factor * logits.double()
    lost = [float(torch.nn.functional.cross_entropy(exact / t, targets, reduction="sum")) for t in (1.0, float(few.arrays["temperature"]))]  # fmt: skip
    assert 3.84 / 20 < 2 * (lost[0] - lost[1]) < 3.84
    assert "about as sure as it may be" in few.sentence and "too sure" in many.sentence


def test_the_temperature_is_the_maximum_of_likelihood():
    logits, targets = drawn(500)
    best = fitted_temperature(3 * logits, targets)
    losses = [
        float(torch.nn.functional.cross_entropy(3 * logits.double() / t, targets))
        for t in (0.99 * best, best, 1.01 * best)
    ]
    assert losses[1] < min(losses[0], losses[2]) and best == pytest.approx(3, abs=0.4)


def test_the_error_by_hand():
    confidence = np.array([0.6] * 10 + [0.9] * 10)
    right = np.array([1] * 5 + [0] * 5 + [1] * 10)
    spread = calibration_error(confidence, right)
    bins = np.array_split(np.arange(20), 15)
    order = np.argsort(confidence, kind="stable")
    by_hand = sum(abs((confidence[order] - right[order])[part].sum()) for part in bins) / 20
    assert spread == pytest.approx(by_hand)
    assert calibration_error(np.full(30, 0.7), np.ones(30)) == pytest.approx(0.3)
    assert calibration_error(np.array([0.6, 0.8]), np.array([1, 0]), np.array([3.0, 1.0])) == pytest.approx(
        (1.2 + 0.8) / 4
    )


def asked_at_every_step(length, turn):
    """Of a language model: true probabilities up to step `turn`, logits three times as large after it."""
    count = 4000 // length
    logits, _ = drawn(count * length, 3)
    logits = logits.reshape(count, length, 3)
    true = torch.multinomial(
        logits.flatten(0, 1).softmax(-1), 1, generator=torch.Generator().manual_seed(1)
    ).reshape(count, length)
    inputs = torch.cat([torch.arange(count)[:, None], true[:, :-1]], 1)
    factor = torch.where(torch.arange(length) < turn, 1.0, 3.0)[:, None]

    def read_steps(vectors, lengths):
        return torch.stack([factor * logits[int(row[0])] for row in vectors[..., 0]])

    names = lambda row: ["abc"[int(value) % 3] for value in row]
    view = view_of(
        embed=lambda x: x[..., None].float(), steps=read_steps, labels=("a", "b", "c"), names=names
    )
    view = replace(view, names_next_step=True)
    return calibration(view, sample_of(inputs, true[:, -1]))


def test_by_position_the_part_that_lies_is_named():
    finding = asked_at_every_step(20, 10)
    assert len(finding.arrays["right"]) == 4000 and set(finding.arrays["steps"]) == set(range(1, 21))
    early = [row for row in finding.table if int(row["steps read"].split(" to ")[-1]) <= 10]
    late = [row for row in finding.table if int(row["steps read"].split(" to ")[0]) > 10]
    assert early and late and "<svg" in draw(finding.chart)
    assert (
        max(row["calibration error"] for row in early) < 0.06 < min(row["calibration error"] for row in late)
    )
    first, last = (
        re.escape(f"{row['calibration error']:.1%} ") for row in (finding.table[0], finding.table[-1])
    )
    start, end = (
        finding.table[0]["steps read"].split(" to ")[1],
        finding.table[-1]["steps read"].split(" to ")[0],
    )
    assert re.search(
        rf"After up to {start} steps it is off by {first}\(by chance [\d.]+%\), after {end} or more by {last}\([\d.]+%\)\.",
        finding.sentence,
    )


@pytest.mark.parametrize(
    ("steps", "said"), [(2, None), (3, "After one step it is off by .*, after 2 or more by"), (1, None)]
)
def test_short_sequences_are_told_in_whole_sentences(steps, said):
    logits, _ = drawn(120 * steps, 3)
    logits = logits.reshape(120, steps, 3)
    inputs = torch.arange(120)[:, None].expand(120, steps)
    view = view_of(
        embed=lambda x: x[..., None].float(), steps=lambda vectors, lengths: logits[vectors[:, 0, 0].long()], labels=("a", "b", "c"),
        read=lambda vectors, lengths: logits[vectors[:, 0, 0].long(), -1],
    )  # fmt: skip
    finding = calibration(view, sample_of(inputs, torch.arange(120) % 3))
    assert " 1 steps" not in finding.sentence and all(row["steps read"] != "1 to 1" for row in finding.table)
    assert re.search(said, finding.sentence) if said else "it is off by" not in finding.sentence


def test_a_classifier_is_asked_at_every_step_and_judged_by_the_last():
    view = view_of_network(classes=3)
    inputs = torch.randint(2, 9, (60, 8), generator=torch.Generator().manual_seed(0))
    sample = sample_of(inputs, torch.arange(60) % 3, torch.tensor([8, 5] * 30))
    finding = calibration(view, sample)
    assert finding.sample.startswith("60 answers") and len(finding.arrays["steps"]) == 30 * 13
    with torch.no_grad():
        view.model.eval()
        shares = view.read(view.embed(inputs), sample.lengths).softmax(-1)
    last = finding.arrays["steps"] == np.repeat([8, 5] * 30, [8, 5] * 30)
    assert finding.arrays["confidence"][last] == pytest.approx(shares.max(1).values.numpy(), abs=1e-6)
    assert calibration(view, sample).sentence == finding.sentence


def test_without_classes_or_with_too_few_answers_nothing_is_said():
    logits, targets = drawn(40)
    assert calibration(view_of(lambda v, n: v[:, -1], labels=()), sample_of(logits[:, None], targets)) is None
    assert asked(logits[:20], targets[:20]) is None
    view = replace(view_of(lambda v, n: v[:, -1], labels=("a", "b", "c")), asked=lambda lengths: lengths)
    assert calibration(view, sample_of(logits[:, None], targets)) is None


def test_thirty_answers_are_enough_and_two_classes():
    logits, targets = drawn(30)
    assert asked(logits, targets).sample.startswith("30 answers") and asked(logits[:29], targets[:29]) is None
    view = view_of(lambda v, n: v[:, -1, :2], labels=("a", "b"))
    assert calibration(view, sample_of(logits[:, None], targets % 2)).sample.startswith("30 answers")
    assert (
        calibration(view, sample_of(logits[:, None], targets.clamp(min=2))) is None
    )  # a class that has no place


@pytest.mark.parametrize("targets", [torch.rand(40), torch.zeros(40, 2, dtype=torch.long)], ids=["values", "several"])  # fmt: skip
def test_targets_that_are_no_classes_are_not_asked_about(targets):
    view = view_of(lambda v, n: v[:, -1], labels=("a", "b", "c"))
    assert calibration(view, sample_of(torch.randn(40, 1, 3), targets)) is None


def test_parts_by_position_are_even_hold_every_answer_once_and_need_thirty():
    finding = asked_at_every_step(20, 10)
    assert len(finding.table) == 6 and sum(row["answers"] for row in finding.table) == 4000
    assert max(row["answers"] for row in finding.table) <= 1.5 * min(row["answers"] for row in finding.table)
    for count, parts in ((30, 2), (29, 1)):
        steps = np.tile([1, 2, 3], count)
        found = _parts(steps, np.full(len(steps), 0.5), np.ones(len(steps), bool), np.random.default_rng(0))
        assert len(found) == parts and found[-1]["answers"] == 2 * count


def test_of_many_answers_a_share_is_looked_at_and_the_last_of_a_classifier_always(monkeypatch):
    monkeypatch.setattr("elman.interpretation.calibration.MOST_VALUES", 3 * 500)
    whole = asked_at_every_step(20, 10)
    assert 400 < len(whole.arrays["right"]) < 600
    logits, _ = drawn(4000, 3)
    logits = logits.reshape(200, 20, 3)
    view = view_of(
        embed=lambda x: x[..., None].float(), steps=lambda vectors, lengths: logits[vectors[:, 0, 0].long()], labels=("a", "b", "c"),
    )  # fmt: skip
    finding = calibration(view, sample_of(torch.arange(200)[:, None].expand(200, 20), torch.arange(200) % 3))
    assert finding.sample.startswith("200 answers") and 550 < len(finding.arrays["right"]) < 800
    last = finding.arrays["steps"] == 20
    assert finding.arrays["confidence"][last] == pytest.approx(
        logits[:, -1].softmax(-1).max(1).values.numpy()
    )


def test_few_sequences_of_many_steps_are_not_enough():
    logits = torch.randn(29, 20, 3)
    view = view_of(
        embed=lambda x: x[..., None].float(), steps=lambda vectors, lengths: logits[vectors[:, 0, 0].long()], labels=("a", "b", "c"),
    )  # fmt: skip
    assert (
        calibration(view, sample_of(torch.arange(29)[:, None].expand(29, 20), torch.arange(29) % 3)) is None
    )


def test_a_share_of_no_classes_values_is_never_below_sixty_answers(monkeypatch):
    monkeypatch.setattr("elman.interpretation.calibration.MOST_VALUES", 1)
    assert 35 < len(asked_at_every_step(20, 10).arrays["right"]) < 90


def test_what_counts_nothing_is_off_by_nothing_and_a_sequence_drawn_anew_may_be_any():
    assert calibration_error(np.array([0.6]), np.array([0]), np.zeros(1)) == 0.0
    draw = np.random.default_rng(0)
    assert _weights(np.zeros(3, int), np.array([0]), draw).tolist() == [1, 1, 1]
    drawn_anew = sum(_weights(np.arange(4), np.arange(4), draw) for _ in range(2000))
    assert drawn_anew.sum() == 8000 and (np.abs(drawn_anew - 2000) < 200).all()


def test_a_temperature_has_an_end_where_the_logits_say_nothing():
    logits, targets = torch.randn(3000, 3, generator=torch.Generator().manual_seed(0)), torch.arange(3000) % 3
    assert fitted_temperature(100 * logits, targets) == pytest.approx(20, rel=1e-3)
    assert fitted_temperature(logits[:40] * 0 + torch.eye(3)[targets[:40]], targets[:40]) == pytest.approx(
        0.05, rel=1e-3
    )
