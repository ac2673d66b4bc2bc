"""Context on networks whose answer is known: what they read of either side was put there by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elman.interpretation.context import context
from elman.interpretation.view import Sample, View

STEPS = 21  # the middle is step 10


def looking(*offsets):
    """Says whether the tokens at these distances from the middle one sum to an even number; certain where all are there."""

    def embed(inputs):
        return torch.stack([(inputs == 1).float(), (inputs == 2).float()], -1)

    def read(embedded, lengths):
        # A step that is taken out is (0, 0): its share of the sign is 0, and so is the answer.
        signs = torch.stack([embedded[:, 10 + offset, 1] - embedded[:, 10 + offset, 0] for offset in offsets])
        sure = 4 * signs.prod(0)
        return torch.stack([sure, -sure], 1)

    model = nn.Linear(1, 1)
    return View(
        model=model, embed=embed, read=read, read_steps=None, trace=lambda inputs, lengths: {},
        loss=lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none"),
        baseline=torch.zeros(2), labels=("even", "odd"), asked=lambda lengths: (lengths - 1) // 2,
    )  # fmt: skip


def sample(*offsets, count=200):
    draw = np.random.default_rng(0)
    inputs = torch.from_numpy(draw.integers(1, 3, (count, STEPS)))
    signs = torch.stack([2 * inputs[:, 10 + offset] - 3 for offset in offsets]).prod(0)
    return Sample(inputs, torch.full((count,), STEPS), (signs < 0).long(), np.arange(count))


@pytest.mark.parametrize(
    ("offsets", "reach"), [((0,), 0), ((1,), 1), ((-3, 0), 3), ((0, 5), 5), ((-2, 4), 4), ((-9, 10), 10)]
)
def test_the_reach_is_what_the_network_reads(offsets, reach):
    finding = context(looking(*offsets), sample(*offsets))
    assert finding is not None
    if reach == 0:
        assert finding.interval is None and "No use of the steps around" in finding.sentence
        return
    assert finding.value == reach and finding.interval == (reach, reach)
    left, right = max(0, *(-offset for offset in offsets), 0), max(0, *offsets, 0)
    assert f"needs {left} on the left and {right} on the right" in finding.sentence
    assert finding.control == reach  # far steps shuffled are as good as others' steps


def test_where_order_does_not_count_shuffled_steps_serve():
    """All far steps are alike: shuffling them changes nothing, taking them out does."""
    same = sample(3)
    same = Sample(
        same.inputs[:, :1].expand(-1, STEPS).contiguous(),
        same.lengths,
        (same.inputs[:, 0] == 1).long(),
        same.rows,
    )
    finding = context(looking(3), same)
    assert finding.value == 3 and finding.control == 0


def test_padding_is_never_touched_and_the_network_stays_as_it_was():
    view, given = looking(2), sample(2)
    long = torch.cat([given.inputs, torch.zeros(len(given), 7, dtype=torch.long)], 1)
    padded = context(view, Sample(long, given.lengths, given.targets, given.rows))
    assert padded.value == context(view, given).value == 2
    assert all(weight.requires_grad and weight.grad is None for weight in view.model.parameters())


def test_a_network_whose_answer_is_about_its_last_step_is_not_asked():
    from dataclasses import replace

    assert context(replace(looking(1), asked=None), sample(1)) is None
