"""What a question costs is told before it is asked, and is what it then takes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tests.known_answers.networks import sample_of, tokens, view_of_network

import elman
from elman.inspection import QUESTIONS
from elman.interpretation.attribution import attribution
from elman.interpretation.context import context
from elman.interpretation.cost import SIZES, Cost, Meter, ask, cost, part_of, passes, whole_split
from elman.interpretation.foreign import view_of_step
from elman.interpretation.methods import METHODS, QUICK
from elman.interpretation.needs import answerable
from elman.interpretation.stepping import stepping_view


def view_and_sample(cell="gru", count=40, time=30, **options):
    view = view_of_network(cell, **options)
    view = replace(view, stepping=stepping_view(view.model.rnn, view.model.embed))
    return view, sample_of(tokens(count, time), torch.arange(count) % 3)


class Heard:
    """What a watch hears."""

    def __init__(self):
        self.costs, self.shares = [], []

    def asking(self, cost):
        self.costs.append(cost)

    def answering(self, share):
        self.shares.append(share)


@pytest.mark.parametrize(
    "question",
    ["memory", "attribution", "gates", "dynamics", "probes", "interventions", "units", "spans", "saturation"],
)
def test_the_passes_told_are_those_made(question):
    view, sample = view_and_sample()
    meter = Meter(question, view, sample, lambda share: None)
    QUESTIONS[question](meter.view, sample)
    assert meter.done == pytest.approx(meter.expected, rel=0.25)
    assert question == "dynamics" or meter.expected == passes(question, view, sample)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", [(), QUICK, ("occlusion", "shapley", "decomposition")])
def test_the_passes_of_attribution_hang_on_its_methods(method, compared):
    view, sample = view_and_sample(time=7 if method == "shapley" and not compared else 90)
    options = {"method": method, "compared": compared}
    meter = Meter("attribution", view, sample, lambda share: None, **options)
    attribution(meter.view, sample, **options)
    assert meter.done == pytest.approx(meter.expected, rel=0.05)
    heard = Heard()
    ask("attribution", partial(attribution, **options), view, sample, heard)
    assert heard.costs[0].passes == meter.expected and heard.shares[-2] == pytest.approx(1.0, abs=0.05)


def test_the_passes_of_attribution_of_values():
    step = lambda state, x: 0.9 * state + x
    x = torch.randn(20, 12, 1)
    lines = []
    elman.inspect(step, x, start=torch.zeros(1), questions=["attribution"], told=lines.append)
    assert lines[0].startswith("attribution: 20 sequences of up to 12 steps, about ")
    view = view_of_step(
        step, torch.zeros(1), None, lambda o, t: (o - t).square().flatten(1).mean(1), (), None, 1
    )
    sample = sample_of(x, x.sum(1))
    meter = Meter("attribution", view, sample, lambda share: None)
    attribution(meter.view, sample)
    assert meter.done == pytest.approx(meter.expected, rel=0.02)
    ahead = replace(
        view, ahead=lambda values: values[:, :, None], read=lambda e, n: view.read(e, n).repeat(1, 5)
    )
    sample = sample_of(x, x.sum(1).repeat(1, 5))
    for horizon in (None, 3):
        meter = Meter("attribution", ahead, sample, lambda share: None, horizon=horizon)
        attribution(meter.view, sample, horizon=horizon)
        assert meter.done == pytest.approx(meter.expected, rel=0.02)


def test_context_too():
    view, sample = view_and_sample(bidirectional=True, pooling="none", classes=9)
    view = replace(
        view, asked=lambda lengths: lengths // 2, read=lambda e, n: view.read(e, n).flatten(1)[:, :9]
    )
    view = replace(view, read=lambda e, n: torch.zeros(len(e), 9) + e.sum((1, 2))[:, None])
    meter = Meter("context", view, sample, lambda share: None)
    context(meter.view, sample)
    assert meter.done == pytest.approx(meter.expected) and meter.expected > 40


def test_a_pass_is_the_sample_read_once_also_where_it_is_ragged():
    view, sample = view_and_sample()
    ragged = sample_of(sample.inputs, sample.targets, torch.tensor([30, 10] * 20))
    meter = Meter("gates", view, ragged, lambda share: None)
    QUESTIONS["gates"](meter.view, ragged)
    assert meter.done == pytest.approx(1.0)


def test_progress_grows_to_one_and_the_cost_comes_first():
    view, sample = view_and_sample()
    heard = Heard()
    found = ask("memory", QUESTIONS["memory"], view, sample, heard)
    assert heard.shares == sorted(heard.shares) and heard.shares[-1] == 1.0 and 0 < heard.shares[0] < 0.2
    (told,) = heard.costs
    assert (told.question, told.sequences, told.longest) == ("memory", 40, 30) and told.seconds > 0
    assert found.value == QUESTIONS["memory"](view, sample).value
    assert ask("memory", QUESTIONS["memory"], view, sample).value == found.value


def test_the_end_is_told_also_after_an_error():
    view, sample = view_and_sample()
    heard = Heard()

    def fails(view, sample):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask("gates", fails, view, sample, heard)
    assert heard.shares == [1.0]


@pytest.mark.parametrize("question", [*QUESTIONS, "another"])
def test_every_question_has_a_cost_and_the_view_is_left_alone(question):
    view, sample = view_and_sample()
    view.model.train()
    told = cost(question, view, sample)
    assert view.model.training and all(weight.requires_grad for weight in view.model.parameters())
    assert str(told).startswith(f"{question}: 40 sequences of up to 30 steps")
    assert (told.seconds is None) == (question == "another")


def test_probes_of_a_larger_state_take_longer():
    probing = [cost("probes", *view_and_sample(hidden_size=size), pace=0.0).seconds for size in (10, 100)]
    assert probing[1] > 20 * probing[0] > 0


def test_cost_in_words():
    assert (
        str(Cost("gates", 1, 1200, 1.0, 0.2))
        == "gates: 1 sequence of up to 1,200 steps, about 1 pass over them, about 1 s"
    )
    assert str(Cost("memory", 400, 20, 23.4, 14.6)) == (
        "memory: 400 sequences of up to 20 steps, about 23 passes over them, about 15 s"
    )
    assert str(Cost("units", 8, 20, None, None)) == "units: 8 sequences of up to 20 steps"


def test_a_sample_is_cut_to_what_a_question_needs():
    sample = sample_of(tokens(500, 5), torch.arange(500), torch.arange(500) % 5 + 1)
    part = part_of("memory", sample)
    assert len(part) == SIZES["memory"] and len(set(part.rows)) == 400
    np.testing.assert_array_equal(part.targets, part.rows)
    np.testing.assert_array_equal(part.lengths, part.rows % 5 + 1)
    np.testing.assert_array_equal(part.inputs, sample.inputs[part.rows])
    assert part_of("memory", sample, size=600) is sample and len(part_of("readout", sample)) == 8
    assert not np.array_equal(part_of("memory", sample, seed=1).rows, part.rows)


def test_inspect_tells_what_it_will_cost_and_takes_other_sizes():
    torch.manual_seed(0)
    lines = []
    found = elman.inspect(
        torch.nn.GRU(2, 4, batch_first=True), torch.randn(70, 9, 2), questions=["gates", "interventions"],
        sizes={"gates": 10}, told=lines.append,
    )  # fmt: skip
    assert found[0].sample == "10 sequences"
    assert [line.split(",")[0] for line in lines] == [
        "gates: 10 sequences of up to 9 steps", "interventions: 60 sequences of up to 9 steps",
    ]  # fmt: skip


def test_what_a_question_to_a_whole_split_costs_and_how_far_it_is():
    view, sample = view_and_sample(time=10)
    heard, lengths = Heard(), np.array([10, 7, 3])
    with whole_split("errors", view, sample, lengths, heard, passes=2.0):
        for _ in range(2):
            view.model(sample.inputs[:1, :5])
            view.model(sample.inputs[:3, :5])
    (told,) = heard.costs
    assert (told.sequences, told.longest, told.passes) == (3, 10, 2.0) and told.seconds > 0
    assert heard.shares == [5 / 40, 20 / 40, 25 / 40, 1.0, 1.0] and not view.model._forward_hooks
    with pytest.raises(ZeroDivisionError), whole_split("errors", view, sample, lengths, heard):
        raise ZeroDivisionError
    assert heard.shares[-1] == 1.0 and not view.model._forward_hooks
    with whole_split("errors", view, sample, lengths, None):
        assert not view.model._forward_hooks


@pytest.mark.parametrize(
    "change",
    [{}, {"read_steps": None}, {"step_names": None}, {"labels": ()}, {"asked": lambda lengths: lengths // 2}, {"stepping": None}],
)  # fmt: skip
def test_what_cannot_be_answered_is_known_before_it_is_asked(change):
    """And nothing is told of what it would cost; each analysis knows it by itself, too."""
    view, sample = view_and_sample()
    view, heard = replace(view, **change), Heard()
    questions = ("readout", "calibration", "context", "connectivity", "dynamics")
    for question in questions:
        analysis = context if question == "context" else QUESTIONS[question]
        found = ask(question, analysis, view, sample, heard)
        assert (found is not None) == answerable(question, view), question
    assert [told.question for told in heard.costs] == [each for each in questions if answerable(each, view)]


def test_what_is_not_asked_has_no_cost_and_does_not_fail():
    view, sample = view_and_sample(bidirectional=True)
    heard = Heard()
    assert ask("dynamics", QUESTIONS["dynamics"], view, sample, heard) is None and not heard.costs

    class Loop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.GRUCell(2, 3)

        def forward(self, x):
            state = x.new_zeros(len(x), 3)
            for step in x.unbind(1):
                state = self.cell(step, state)
            return state

    lines = []
    elman.inspect(Loop(), torch.randn(12, 5, 2), told=lines.append)
    assert "interventions: 12 sequences of up to 5 steps" in lines
