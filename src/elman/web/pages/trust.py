"""Trust: the verdict against rivals, where the network fails, how far back it looks, and why it answers what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.core.errors import DataError, UnknownName
from elman.interpretation.deletion import DRAWS, POINTS, deletion
from elman.interpretation.view import View
from elman.report.content import outcome
from elman.report.page import outcome_words, part
from elman.web import strip
from elman.web.jobs import Job
from elman.web.long import LONG, Work
from elman.web.pages.contract import Page
from elman.web.sequence import sequence_of
from elman.web.subject import Subject
from elman.web.watch import Watching

PARTS = ("results", "where", "findings")


def shown(subject: Subject) -> dict[str, Any]:
    """The verdict, and whether it is better, worse or undecided."""
    content = subject.content
    state = outcome(content.headline)
    return {
        "kind": subject.kind, "task": subject.task, "first": subject.first, "outcome": state,
        "label": "No rivals" if "rivals" in subject.missing else outcome_words(content.headline), "questions": subject.questions, "answered": [one.question for one in content.findings], "verdict": subject.missing.get("rivals") or (content.headline.verdict if content.headline else "This run has no scores yet."),
        "findings": [
            {"title": one.title, "sentence": one.sentence, "value": one.value, "unit": one.unit, "control": one.control}
            for one in content.findings
        ],
    }  # fmt: skip


def ask(subject: Subject, body: Mapping[str, Any], told: Job) -> dict[str, Any]:
    """A question of `elman explain` or `elman.inspect`; its finding then stands in the section of findings."""
    subject.ask(str(body.get("question")), Watching(told))
    return {"findings": len(subject.content.findings)}


def cost(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a question takes, told before it is asked."""
    question = str(body.get("question"))
    if question not in subject.questions:
        raise UnknownName("question", question, subject.questions)
    return {"cost": subject.cost(question)}


def section(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """A section of the run's report as HTML: every text of it was escaped where it was made."""
    name = str(body.get("part"))
    if name not in PARTS:
        raise UnknownName("part", name, PARTS)
    return {"html": part(subject.content, name)}


def why(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """What each step spoke for the answer, and the answer as the loudest steps are taken out, beside random orders."""
    if subject.kind == "words":
        raise DataError("a tagger has an answer for every word; attribution is of one answer.")
    given = sequence_of(subject, body)
    points, draws, path = _asked(given.inputs.shape[1])
    with subject.lock:
        found = deletion(
            subject.view, given.inputs, several=subject.several, points=points, draws=draws, path=path
        )
        label = subject.view.labels[found.output] if subject.view.labels else "the value"
    if subject.kind == "forecast":
        label = "the first step ahead"
    each = given.thinned(found.credit)
    loudest = sorted(range(len(each)), key=lambda k: -each[k])[:8]
    return {
        "label": label, "shares": bool(subject.view.labels), "residual": found.residual, "area": found.area, "gone": found.gone,
        "draws": draws, "points": path, "named": found.named, "random": found.random.mean(0), "low": found.random.min(0), "high": found.random.max(0),
        "loudest": [[given.steps[k], float(each[k])] for k in loudest if each[k] > 0],
    }  # fmt: skip


def _asked(time: int) -> tuple[int, int, int]:
    """Shares taken out, random orders, and points of the path: fewer of a long sequence."""
    return (POINTS, DRAWS, 32) if time < LONG else (9, 3, strip.points_of(time))


def _why_work(view: View, time: int) -> Work:
    points, draws, path = _asked(time)
    credit, left = strip.work_of_credit(path), points * (draws + 1)
    return Work(credit.reads + left, credit.passes + left, at_once=True)


page = Page(
    shown, {"section": section, "why": why, "cost": cost}, {"ask": ask}, work={"why": _why_work}, place=20
)
