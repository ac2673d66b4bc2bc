"""What is said where a question has no answer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import elman
from elman.analyses import QUESTIONS
from elman.core.errors import RecipeError
from elman.interpretation.needs import NEEDS, reads_from_both_ends, unanswered
from elman.interpretation.suite import Behaviour
from elman.listener import Listener
from elman.workbench import evaluate, fit


def test_every_need_is_one_of_a_question():
    assert set(NEEDS) <= set(QUESTIONS)
    assert unanswered("spans", "run-1").startswith("spans has no answer for run-1: it needs ")
    assert unanswered("memory", "run-1") == "memory has no answer for run-1."


def test_a_run_that_reads_from_both_ends_says_why_dynamics_is_not_asked(tmp_path, monkeypatch):
    table = tmp_path / "reviews.csv"
    rows = [
        f"a {'good' if k % 2 else 'bad'} film number {k},{'plus' if k % 2 else 'minus'}" for k in range(200)
    ]
    table.write_text("\n".join(["review,stars", *rows]), encoding="utf-8")
    run = fit(
        str(table), text="review", label="stars", cell="gru", hidden_size=4, bidirectional=True, steps=2,
        rivals=("majority",), out=tmp_path / "run", explained=False,
    )  # fmt: skip
    evaluate(run, splits=("validation",))
    with pytest.raises(RecipeError, match=r"dynamics is no question to run: it reads from both ends.*--no-bidirectional"):  # fmt: skip
        elman.explain(run, ["dynamics"])
    with pytest.raises(RecipeError, match=r"context has no answer for run: it needs a network that reads"):
        elman.explain(run, ["context"])
    # Other questions are answered all the same, and what has no answer is said beside them.
    every = ["dynamics", "ngrams", "training", "behaviour", "saturation", "context"]
    answered = {finding.question: finding.sentence for finding in elman.explain(run, every, suite=[nobody()])}
    assert set(answered) == {"saturation", "not_answered"}
    for reason in (
        "dynamics is no question to run",
        "ngrams is a question to a language model; run is one of classification.",
        "run was not watched as it trained; train with --watch.",
        "behaviour is not answered for run: no example of its validation split can be changed as the tests say",
        "context has no answer for run",
    ):
        assert reason in answered["not_answered"]
    # It is said once: what a later call asks stands alone, beside what the run's folder holds.
    assert "not_answered" in {row["question"] for row in run.findings}
    heard = Heard()
    monkeypatch.setattr("elman.workbench.screen", lambda quiet: None if quiet else heard)
    elman.explain(run, ["saturation"])
    assert heard.told == ["saturation"]  # of what it costs, since nobody else listened
    elman.explain(run, ["saturation"], quiet=True)
    elman.explain(run, ["saturation"], listener=Listener())
    assert heard.told == ["saturation"]
    assert "not_answered" not in {row["question"] for row in run.findings}


class Heard(Listener):
    def __init__(self):
        self.told = []

    def asking(self, cost):
        self.told.append(cost.question)


def nobody():
    """A behaviour test that no example fits."""
    return Behaviour("whales", "invariance", replace={"whale": "cow"})


class Both(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.rnn, self.head = nn.GRU(2, 4, batch_first=True, **options), nn.Linear(4 * (1 + options.get("bidirectional", False)), 2)  # fmt: skip

    def forward(self, x):
        return self.head(self.rnn(x)[0])


def test_a_foreign_network_says_why_it_has_no_dynamics():
    x = torch.randn(40, 6, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(RecipeError, match="reads from both ends, so no state follows"):
        elman.inspect(Both(bidirectional=True), x, questions=["dynamics"])
    with pytest.raises(RecipeError, match="dynamics has no answer for this network: it needs one stack .* biases"):  # fmt: skip
        elman.inspect(Both(bias=False), x, questions=["dynamics"])
    gates, told = elman.inspect(Both(bidirectional=True), x, questions=["dynamics", "gates", "calibration"])
    assert gates.question == "gates" and "dynamics is no question to this network: it reads" in told.sentence
    assert "calibration has no answer for this network" in told.sentence
    with pytest.raises(RecipeError, match="dynamics is no question .* calibration has no answer"):
        elman.inspect(Both(bidirectional=True), x, questions=["dynamics", "calibration"])


@pytest.mark.parametrize("both", [True, False])
def test_whether_layers_read_from_the_end(both):
    from types import SimpleNamespace

    for model in (Both(bidirectional=both), elman.RNN("gru", 2, 3, bidirectional=both)):
        assert reads_from_both_ends(SimpleNamespace(model=model)) == both


def test_names_of_steps_that_are_no_function_are_refused_with_the_fix():
    with pytest.raises(RecipeError, match="step_names is a list; a function is expected"):
        elman.inspect(nn.GRU(3, 4, batch_first=True), torch.zeros(2, 5, 3), step_names=[["a"] * 5] * 2)
