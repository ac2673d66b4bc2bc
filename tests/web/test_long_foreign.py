"""Long sequences of a torch model of the user's own: in pieces where its layers can be cut, and said where they cannot."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.core.files import plain
from elman.interpretation.pieces import in_pieces
from elman.own import Own, _looked
from elman.web import long, strip
from elman.web.jobs import Cancelled
from elman.web.model import ModelSubject
from elman.web.pages import see, trust
from elman.web.sequence import series_choice
from elman.web.shelf import Shelf

from .test_long import numbers
from .test_model import Ragged, Trials

STEPS = 600
ASKED = {
    "read": (strip.read, strip.WORK["read"], {}), "unit": (strip.unit, strip.WORK["unit"], {"reading": "gru.layers.0.forward.h", "unit": 2}),
    "credit": (strip.credit, strip.WORK["credit"], {}), "why": (trust.why, trust.page.work["why"], {}),
    "look": (see.look, see.WORK["look"], {"layer": "gru.layers.0.forward", "unit": 1}),
    "map": (see.whole, see.WORK["map"], {"reading": "gru.layers.0.forward.update_gate"}),
    "change": (see.change, see.WORK["change"], {"part": "layers.0.forward.h", "units": [0], "first": 0, "last": 599, "how": "clamp", "value": 0.5}),
}  # fmt: skip


class Told:
    """Stands for a job: keeps what it is told, and ends at a share."""

    def __init__(self, end: float = 2.0) -> None:
        self.shares, self.words, self.end = list[float](), "", end

    def __call__(self, share: float, words: str) -> None:
        self.shares.append(share)
        self.words = words
        if share >= self.end:
            raise Cancelled


def opened(own: Own) -> tuple[ModelSubject, dict[str, Any]]:
    subject = ModelSubject(own)
    Shelf(Path("no runs beside it"), model=subject)
    return subject, {"series": series_choice(subject, *subject.given[0])["series"]}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, so that a sequence need not be long to be read in several, and no patience."""
    monkeypatch.setattr(long, "in_pieces", partial(in_pieces, size=200))
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    monkeypatch.setattr(see, "LONG", 500)


@pytest.fixture(scope="module")
def trials() -> tuple[ModelSubject, dict[str, Any]]:
    torch.manual_seed(0)
    return opened(_looked("shop:long", Trials(True), torch.randn(2, STEPS, 3), {}))


@pytest.mark.parametrize("name", ASKED)
def test_a_job_says_how_far_it_is_and_answers_what_the_page_would(
    trials: tuple[ModelSubject, dict[str, Any]], name: str
) -> None:
    (subject, pick), (ask, work, extra) = trials, ASKED[name]
    cost = long.cost(subject, pick | extra, work)
    assert cost is not None
    job = Told()
    told = long.answered(subject, pick | extra, ask, cost, job)  # type: ignore[arg-type]
    assert f"{STEPS} steps" in job.words and "in one go" not in job.words
    assert len(job.shares) >= 3 and 0.6 <= job.shares[-1] <= 0.99, job.shares[-5:]
    direct = ask(subject, pick | extra)
    for one, two in zip(numbers(plain(told)), numbers(plain(direct)), strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-3)


def test_it_ends_where_it_is_cancelled_and_leaves_the_model_as_it_was(
    trials: tuple[ModelSubject, dict[str, Any]],
) -> None:
    subject, pick = trials
    ask, work, extra = ASKED["change"]
    cost = long.cost(subject, pick | extra, work)
    assert cost is not None
    job = Told(end=0.15)
    with pytest.raises(Cancelled):
        long.answered(subject, pick | extra, ask, cost, job)  # type: ignore[arg-type]
    for module in subject.aside.view.model.modules():
        assert not {"forward", "_answering", "_answer"} & set(vars(module))
    assert not subject.aside.view.model.gru._forward_hooks


def test_layers_that_cannot_be_cut_say_so() -> None:
    torch.manual_seed(0)
    lengths = torch.full((2,), 90)
    both = _looked("shop:both", Ragged(), torch.randn(2, 90, 3), {"lengths": lengths})
    step = _looked("shop:step", lambda state, x: torch.tanh(0.5 * state + x), torch.randn(2, 90, 2), {"start": torch.zeros(2)})  # fmt: skip
    for own in (both, step):
        subject, pick = opened(own)
        cost = long.cost(subject, pick, strip.WORK["credit"])
        assert cost is not None
        job = Told()
        assert len(long.answered(subject, pick, strip.credit, cost, job)["credit"]) == 90  # type: ignore[arg-type]
        assert job.words.endswith("in one go"), own.name


def test_that_only_some_of_many_sequences_can_be_picked_is_said() -> None:
    few, _ = opened(_looked("shop:few", Trials(True), torch.randn(50, 4, 3), {}))
    many, _ = opened(_looked("shop:many", Trials(True), torch.randn(1_051, 4, 3), {}))
    assert strip.errors(few, {})["said"] == "" and len(strip.errors(many, {})["choices"]) == 50
    assert strip.errors(many, {})["said"] == "These are the first 50 of its 1,051 sequences."
