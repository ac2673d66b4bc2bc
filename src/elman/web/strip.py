"""The strip on top of every page: the user's own sequence, and what the network says after each of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from elman.core.errors import DataError
from elman.data.contract import Dataset, LabelledSeries, LabelledTexts, SeriesTable, TaggedTexts
from elman.examples import shortened, stretch, worst
from elman.interpretation import walk
from elman.interpretation.gates import spoken
from elman.interpretation.view import View
from elman.prediction import predict
from elman.web.long import LONG, Work
from elman.web.sequence import Sequence, choices, columns_of, sequence_of, series_choice
from elman.web.subject import LONGEST, Subject

TOP = 5  # answers told at each step
CLASSES = 12  # up to which all of them are drawn
SHOWN = 2_000  # steps that are sent at most
WINDOWS = 8  # of a forecast's validation split that can be picked


def read(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """A sequence read step by step: its steps, the best answers after each, the line to draw, and bits of loss."""
    given = sequence_of(subject, body)
    count = int(given.inputs.shape[1])
    told: dict[str, Any] = {
        "steps": given.steps[:SHOWN], "unknown": given.unknown[:SHOWN], "count": count,
        "places": given.places[:SHOWN],
    }  # fmt: skip
    if given.channels:
        told["channels"] = [{"name": name, "low": low, "high": high} for name, low, high in given.channels]
    if subject.kind == "forecast":
        return told | {"at": [], "loss": None}
    with subject.lock:
        if subject.kind == "words":
            return told | _tags(subject, given.steps)
        view = subject.view
        found = walk.answers(view, given.inputs, several=subject.several)
        bits = walk.surprise(view, given.inputs, found) if view.names_next_step else None
        at, found = placed(given, found)
        if found.shares is None:
            told["values"] = subject.unscaled(found.values[:, 0])
            if subject.outputs > 1:
                told["outputs"] = found.values[:SHOWN, :CLASSES]
        else:
            told["top"] = top(view.labels, found.shares[:SHOWN])
        if not view.names_next_step:
            name, values = walk.line(view, found)
            if found.shares is None:
                values = np.array(told["values"])
                name = name if subject.outputs == 1 else f"output 1 of {subject.outputs}"
            told["line"] = {"name": name, "values": values}
            told["classes"] = _classes(view.labels, found) if found.shares is not None else None
            if found.shares is not None and not subject.several:
                bits = walk.losses(found, _target(view.labels, body, found))
    return told | {"at": at[:SHOWN], "loss": None if bits is None else bits[:SHOWN]}


def credit(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """How much each step moved the answer, with its residual, beside the same of shuffled weights."""
    given = sequence_of(subject, body)
    if subject.kind == "words":
        raise DataError("a tagger has an answer for every word; attribution is of one answer.")
    points = points_of(given.inputs.shape[1])
    with subject.lock:
        each, residual, output = walk.credit(subject.view, given.inputs, points=points)
        control = None  # a step function has no weights to shuffle
        if subject.view.has_weights:
            control, _, _ = walk.credit(subject.view, given.inputs, output, points=points // 4, control=True)
        label = subject.view.labels[output] if subject.view.labels else "the value"
    if subject.kind == "forecast":
        label = "the first step ahead"
    likeness = None if control is None else _likeness(each, control)
    return {"credit": given.thinned(each)[:SHOWN], "residual": residual, "label": label, "likeness": likeness}


def points_of(time: int) -> int:
    """Points of the path by which a sequence is credited: half as many of a long one; the residual says whether they do."""
    return 32 if time < LONG else 16


def work_of_credit(points: int) -> Work:
    """What attribution takes: a pass forward for each point, two back, and one more to have its gates again."""
    return Work(points + 3, 4 * points + 3, at_once=True)


def _likeness(each: np.ndarray, control: np.ndarray) -> float | None:
    """Correlation of the sizes of two credits (time,); None where one is even, or too large to be a number.

    Gradients of shuffled weights may explode along a long sequence: the sizes are brought to one scale before they are squared.
    """
    sizes = [np.abs(one.astype(np.float64)) for one in (each, control)]
    if len(each) < 3 or not all(np.isfinite(size).all() and size.max() > 0 for size in sizes):
        return None
    first, second = (size / size.max() for size in sizes)
    if not (first.std() > 0 and second.std() > 0):
        return None
    return float(np.corrcoef(first, second)[0, 1])


def units(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The readings whose units can colour the strip: name, in words, how many units."""
    given = sequence_of(subject, body if body.get("text") != "" else {"text": "a"})
    with subject.lock:
        short = subject.kind in ("text", "words")
        found = walk.traced(subject.view, given.inputs[:, :1] if short else given.inputs)
    return {
        "readings": [
            {"name": name, "words": spoken(name), "units": values.shape[1]} for name, values in found.items()
        ]
    }


def unit(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """One unit of one reading along the sequence."""
    given = sequence_of(subject, body)
    name, number = str(body.get("reading")), body.get("unit")
    with subject.lock:
        values = walk.traced(subject.view, given.inputs, [name])[name]
    if not isinstance(number, int) or not 0 <= number < values.shape[1]:
        raise DataError(f"unit {number!r} of {spoken(name)}; it has units 0 to {values.shape[1] - 1}.")
    return painted(subject, given, name, values, number)


def painted(subject: Subject, given: Sequence, name: str, values: np.ndarray, number: int) -> dict[str, Any]:
    """One unit of a reading (steps of the layers, units) as it colours the strip."""
    own = along(subject, given, values)[:, number]
    return {"values": given.thinned(own)[:SHOWN], "words": f"{spoken(name)}, unit {number}"}


def along(subject: Subject, given: Sequence, values: np.ndarray) -> np.ndarray:
    """A reading (steps of the layers, units) along the steps of the sequence: a patch is read as one, the future is left out."""
    count, patch = given.inputs.shape[1], subject.patch
    return values if patch == 1 and len(values) == count else np.repeat(values, patch, 0)[:count]


def errors(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the network got worst on the validation split, to pick from; for a forecast its last windows, for a model what came with it."""
    if subject.given:
        found = [series_choice(subject, words, values) for words, values in subject.given]
        return {"choices": found, "said": subject.more}
    data = subject.dataset
    if isinstance(data, SeriesTable):
        return {"choices": [_window(subject, data, back) for back in range(WINDOWS)]}
    what, said = "series" if isinstance(data, LabelledSeries) else "texts", None
    try:
        wrong = worst(subject.run, data)
    except DataError as error:
        if not isinstance(data, (LabelledSeries, LabelledTexts, TaggedTexts)):
            raise
        wrong, said = [], f"{error} These are the first of its validation {what}."
    found = []
    for each in wrong:
        told = {"words": each.words, "true": each.true, "said": each.said, "error": each.error}
        if each.values is None:
            found.append(told | {"text": (each.text or "")[:LONGEST]})
        else:
            found.append(series_choice(subject, each.words.partition(",")[0], each.values) | told)
    right = [] if found else _first(subject, data)  # there must be something to look at
    if right:
        return {
            "choices": right,
            "said": said or f"It got none of its validation {what} wrong; these it got right.",
        }
    return {"choices": found}


def _first(subject: Subject, data: Dataset) -> list[dict[str, Any]]:
    """The first sequences of the validation split."""
    if isinstance(data, LabelledSeries):
        values = data.splits["validation"].values[:WINDOWS]
        return [series_choice(subject, f"series {row + 1}", each) for row, each in enumerate(values)]
    if isinstance(data, LabelledTexts):
        texts = list(data.splits["validation"].texts[:WINDOWS])
    elif isinstance(data, TaggedTexts):
        texts = [" ".join(words) for words in data.splits["validation"].words[:WINDOWS]]
    else:
        return []
    return [{"words": shortened(each), "text": each[:LONGEST], "true": "", "said": ""} for each in texts]


def _window(subject: Subject, table: SeriesTable, back: int) -> dict[str, Any]:
    past, future, came = stretch(subject.run, table, back)
    known = [name for name in future.columns if name not in (table.time, table.entity)]
    end = past[table.time][-1]
    if isinstance(end, datetime):  # without seconds that are none
        end = str(end).removesuffix(":00")
    return {
        "words": f"until {end}", "past": columns_of(past),
        "future": columns_of(future) if known else None, "came": columns_of(came),
    }  # fmt: skip


def placed(given: Sequence, found: walk.Answers) -> tuple[np.ndarray, walk.Answers]:
    """The answers at the shown places alone, and which places those are."""
    at = np.searchsorted(given.places, found.at)
    last = np.flatnonzero(np.append(at[1:] != at[:-1], True))  # of those in one place
    shares = None if found.shares is None else found.shares[last]
    return at[last], walk.Answers(at[last], shares, found.values[last])


def top(labels: tuple[str, ...], shares: np.ndarray) -> list[list[tuple[str, float]]]:
    """The most probable answers after each step, best first."""
    count = min(TOP, shares.shape[1])
    best = np.argpartition(-shares, count - 1, 1)[:, :count]
    found = []
    for row, chosen in zip(shares, best):
        chosen = chosen[np.argsort(-row[chosen], kind="stable")]
        found.append([(labels[k], round(float(row[k]), 6)) for k in chosen])
    return found


def _classes(labels: tuple[str, ...], found: walk.Answers) -> dict[str, Any]:
    """The last answer: the most probable classes, best first."""
    assert found.shares is not None
    order = np.argsort(-found.shares[-1], kind="stable")[:CLASSES]
    return {"labels": [labels[k] for k in order], "shares": [float(found.shares[-1, k]) for k in order]}


def _target(labels: tuple[str, ...], body: Mapping[str, Any], found: walk.Answers) -> int:
    """The class the loss is about: the true one where it is known, else what is answered in the end."""
    assert found.shares is not None
    true = body.get("true")
    return labels.index(true) if true in labels else int(found.shares[-1].argmax())


def _tags(subject: Subject, words: list[str]) -> dict[str, Any]:
    """A tag for every word, with its probability."""
    frame = predict(subject.run, [words])  # type: ignore[list-item]
    tags = list(zip(frame["tag"].to_list(), frame["probability"].to_list()))
    return {
        "at": list(range(len(words)))[:SHOWN],
        "top": [[tag] for tag in tags][:SHOWN],
        "loss": [float(-np.log2(max(share, 1e-30))) for _, share in tags][:SHOWN],
    }


def _read_work(view: View, time: int) -> Work:
    passes = 1.0 if view.read_steps is not None else (walk.prefixes(time) + 1) / 2
    return Work(passes, passes)


def _credit_work(view: View, time: int) -> Work:
    points = points_of(time)
    return work_of_credit(points + points // 4)


def trace_work(view: View, time: int) -> Work:
    """What one reading takes: a pass that shows its gates."""
    return Work(1, 2)


WORK = {"read": _read_work, "credit": _credit_work, "unit": trace_work}
ASKS = {"read": read, "credit": credit, "units": units, "unit": unit, "errors": errors, "file": choices}
