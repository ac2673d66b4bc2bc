"""The views of a report: what the pages show of one sequence of a run, asked once and kept as data; nothing answers later.

The answers are those that the page's scripts would get, under the questions they would ask: `{question: [[body, answer], ...]}`, where a
body holds only what tells questions of one kind apart. Markup and scripts are added where the report is written (still_section.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.core.errors import DataError, ElmanError
from elman.core.files import plain
from elman.core.results import Finding
from elman.data.contract import Dataset
from elman.interpretation import walk
from elman.run import Run
from elman.web import strip
from elman.web.long import whole
from elman.web.pages import play, see, space, trust
from elman.web.sequence import Sequence as Given
from elman.web.sequence import sequence_of
from elman.web.subject import RunSubject, Subject

STEPS = 60  # of a text that is shown: more, and nobody looks at them one by one
LONGEST = 1_000  # steps of a series: what the page answers at once
ROOM = 600_000  # bytes that units may take, about
DIGITS = 4  # of a number: more than a picture shows
WRITE = {"after": [], "length": 120, "temperature": 0.8, "seed": 0}  # as the page's form is set

Answers = dict[str, list[tuple[dict[str, Any], Any]]]


def still(run: Run, dataset: Dataset, findings: Sequence[Finding] = ()) -> dict[str, Any] | None:
    """The views of one sequence, named: its words, what the pages are begun with, their answers. None where the run has no sequence to show.

    Space is there where `findings` hold dynamics with their arrays.
    """
    subject = RunSubject(run, dataset)
    try:
        name, body, choice = _example(subject)
        given = sequence_of(subject, body)
        start, answers = _asked(subject, given, body, choice)
        dynamics = next((one for one in findings if one.question == "dynamics" and len(one.arrays)), None)
        if dynamics is not None and "lengths" in dynamics.arrays and subject.view.stepping is not None:
            answers["space/look"] = [({}, space.drawn(dynamics))]
            answers["space/path"] = [({}, space.placed_in(subject.view, dynamics, subject, body))]
    except ElmanError:  # one picture that cannot be had must not cost the report
        return None
    found: dict[str, Any] = _rounded(
        plain(
            {
                "name": name,
                "title": subject.title,
                "kind": subject.kind,
                "task": subject.task,
                "start": start,
                "answers": answers,
            }
        )
    )
    return found


def _example(subject: Subject) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """What the sequence is called, the question's body, and for a series what is picked."""
    if subject.kind in ("text", "words"):
        if subject.first and subject.task != "language_modelling":
            return f"“{subject.first}”", {"text": subject.first}, None
        if subject.task == "language_modelling":
            return (
                "the beginning of a piece of the validation split",
                {"text": _cut(subject, "".join(subject.others()[0][1]))},
                None,
            )
        worst = strip.errors(subject, {})["choices"]
        if not worst:
            return "a validation example", {"text": _cut(subject, " ".join(subject.others()[0][1]))}, None
        text = _cut(subject, worst[0]["text"])
        short = "" if text == worst[0]["text"] else ", its beginning"
        return f"the validation example that it got worst{short}", {"text": text}, None
    choices = strip.errors(subject, {})["choices"]
    few = (one for one in choices if "series" not in one or len(subject.kept(one["series"])) <= LONGEST)
    choice = next(few, None)
    if choice is None:
        raise DataError("there is no sequence that is short enough.")
    words = (
        "the last validation window"
        if subject.kind == "forecast"
        else "the validation example that it got worst"
    )
    body = {key: choice[key] for key in ("series", "true", "past", "future") if key in choice}
    return f"{words}, {choice['words']}", body, choice


def _cut(subject: Subject, text: str) -> str:
    """The first words of a text, as many as make no more than STEPS steps."""
    while (count := len(subject.read(text)[1])) > STEPS and len(text) > 1:
        text = text[: max(1, len(text) * STEPS // count)]
        text = text.rpartition(" ")[0] or text
    return text


def _asked(
    subject: Subject, given: Given, body: dict[str, Any], choice: dict[str, Any] | None
) -> tuple[dict[str, Any], Answers]:
    """What the pages begin with, and their answers about one sequence."""
    answers: Answers = {"strip/read": [({}, strip.read(subject, body))]}
    if choice is not None:
        answers["strip/errors"] = [({}, {"choices": [choice]})]
    if subject.kind != "words":
        answers["strip/credit"] = [({}, strip.credit(subject, body))]
        answers["trust/why"] = [({}, trust.why(subject, body))]
    if subject.kind == "forecast":
        answers["play/forecast"] = [({}, play.forecast(subject, body))]
    if subject.task == "language_modelling":
        written = whole(play.write(subject, {"text": body["text"], **WRITE}), lambda share, words: None)
        answers["play/write"] = [({"after": []}, written)]
    start = play.shown(subject) | see.shown(subject) | {"first": body.get("text", "")}
    with subject.lock:
        traced = walk.traced(subject.view, given.inputs)
    answers["strip/units"] = [({}, strip.units(subject, body))]
    kept = _units(answers, subject, given, traced, start["layers"])
    answers["see/map"] = [
        ({"reading": name}, see.whole(subject, body | {"reading": name})) for name in traced
    ]
    start["subjects"] = [{"address": "/still", "title": subject.title}]
    start["kept"] = kept
    start["change"] = _change(subject, given, body, start["parts"], traced)
    return start, answers


def _units(
    answers: Answers,
    subject: Subject,
    given: Given,
    traced: Mapping[str, np.ndarray],
    layers: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Answers about single units: all of them, or those that vary most where they need too much room; which ones, and of how many."""
    per_unit = 24 * len(given.places) * max(1, len(traced) // max(1, len(layers)))
    most = max(4, ROOM // max(1, per_unit * len(layers)))
    looks, paints, told = [], [], {}
    for layer in layers:
        names = [f"{layer['name']}.{name}" for name in layer["readings"]]
        state = next((name for name in names if name.endswith(".h")), names[-1])
        spread = traced[state].std(0)
        units = sorted(np.argsort(-spread, kind="stable")[:most].tolist())
        told[layer["name"]] = {"units": units, "of": layer["units"]}
        for unit in units:
            readings = [see.along_unit(subject, given, name, traced[name], unit) for name in names]
            looks.append(
                ({"layer": layer["name"], "unit": unit}, {"readings": readings, "steps": given.steps})
            )
            paints += [
                ({"reading": name, "unit": unit}, strip.painted(subject, given, name, traced[name], unit))
                for name in names if unit < traced[name].shape[1]
            ]  # fmt: skip
    answers["see/look"], answers["strip/unit"] = looks, paints
    return told


def _change(
    subject: Subject,
    given: Given,
    body: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    traced: Mapping[str, np.ndarray],
) -> dict[str, Any] | None:
    """One change: the unit of the last state that varies most, taken out; None where nothing can be changed."""
    states = [part for part in parts if part["kind"] == "state"]
    if not states:
        return None
    part = states[-1]
    unit = int(traced[part["name"]].std(0).argmax())
    asked = {"part": part["name"], "units": [unit], "first": 0, "last": len(given.places) - 1, "how": "mean"}
    words = f"Unit {unit} of {part['words']}, the one that varies most, is taken out at every step: held at its mean over the sequence."
    return {"words": words, "unit": unit, "found": see.change(subject, {**body, **asked})}


def _rounded(value: Any) -> Any:
    """JSON with numbers of DIGITS digits."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.{DIGITS}g}"))
