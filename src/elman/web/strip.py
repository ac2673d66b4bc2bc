"""The strip on top of every page: the user's own sequence, and what the network says after each of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.core.errors import DataError
from elman.interpretation import walk
from elman.interpretation.gates import spoken
from elman.prediction import predict
from elman.web.subject import Subject

TOP = 5  # answers told at each step
CLASSES = 12  # up to which all of them are drawn
SHOWN = 2_000  # steps that are sent at most


def read(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """A text read step by step: tokens, the best answers after each, the line to draw, and bits of loss."""
    inputs, steps, unknown = subject.read(body.get("text"))
    told: dict[str, Any] = {
        "steps": steps[:SHOWN],
        "unknown": unknown[:SHOWN],
        "cut": max(0, len(steps) - SHOWN),
    }
    with subject.lock:
        if subject.kind == "words":
            return told | _tags(subject, steps)
        view = subject.view
        found = walk.answers(view, inputs, several=subject.several)
        bits = walk.surprise(view, inputs, found) if view.names_next_step else None
        if found.shares is None:
            told["values"] = _unscaled(subject, found.values[:, 0])
        else:
            told["top"] = _top(view.labels, found.shares[:SHOWN])
        if not view.names_next_step:
            name, values = walk.line(view, found)
            if found.shares is None:
                values = np.array(told["values"])
            told["line"] = {"name": name, "values": values}
            told["classes"] = _classes(view.labels, found) if found.shares is not None else None
            if found.shares is not None and not subject.several:
                bits = walk.losses(found, _target(view.labels, body, found))
    return told | {"at": found.at[:SHOWN], "loss": None if bits is None else bits[:SHOWN]}


def credit(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """How much each step moved the answer, with its residual, beside the same of shuffled weights."""
    inputs, steps, _ = subject.read(body.get("text"))
    if subject.kind == "words":
        raise DataError("a tagger has an answer for every word; attribution is of one answer.")
    with subject.lock:
        each, residual, output = walk.credit(subject.view, inputs)
        control, _, _ = walk.credit(subject.view, inputs, output, points=8, control=True)
        label = subject.view.labels[output] if subject.view.labels else "the value"
    size, other = np.abs(each), np.abs(control)
    likeness = (
        float(np.corrcoef(size, other)[0, 1])
        if len(each) > 2 and size.std() > 0 and other.std() > 0
        else None
    )
    return {
        "steps": steps[:SHOWN], "credit": each[:SHOWN], "residual": residual, "label": label, "likeness": likeness
    }  # fmt: skip


def units(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The readings whose units can colour the strip: name, in words, how many units."""
    inputs, _, _ = subject.read(body.get("text") or "a")
    with subject.lock:
        found = walk.traced(subject.view, inputs)
    return {
        "readings": [
            {"name": name, "words": spoken(name), "units": values.shape[1]} for name, values in found.items()
        ]
    }


def unit(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """One unit of one reading along the sequence."""
    inputs, _, _ = subject.read(body.get("text"))
    name, number = str(body.get("reading")), body.get("unit")
    with subject.lock:
        values = walk.traced(subject.view, inputs, [name])[name]
    if not isinstance(number, int) or not 0 <= number < values.shape[1]:
        raise DataError(f"unit {number!r} of {spoken(name)}; it has units 0 to {values.shape[1] - 1}.")
    return {"values": values[:SHOWN, number], "words": f"{spoken(name)}, unit {number}"}


def _top(labels: tuple[str, ...], shares: np.ndarray) -> list[list[tuple[str, float]]]:
    """The most probable answers after each step, best first."""
    count = min(TOP, shares.shape[1])
    best = np.argpartition(-shares, count - 1, 1)[:, :count]
    found = []
    for row, chosen in zip(shares, best):
        chosen = chosen[np.argsort(-row[chosen], kind="stable")]
        found.append([(labels[k], round(float(row[k]), 4)) for k in chosen])
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


def _unscaled(subject: Subject, values: np.ndarray) -> list[float]:
    """Values in the data's own unit."""
    encoder = subject.run.encoder
    return [float(value) for value in values * getattr(encoder, "std", 1.0) + getattr(encoder, "mean", 0.0)]


def _tags(subject: Subject, words: list[str]) -> dict[str, Any]:
    """A tag for every word, with its probability."""
    frame = predict(subject.run, [words])  # type: ignore[list-item]
    tags = list(zip(frame["tag"].to_list(), frame["probability"].to_list()))
    return {
        "at": list(range(len(words)))[:SHOWN],
        "top": [[tag] for tag in tags][:SHOWN],
        "loss": [float(-np.log2(max(share, 1e-30))) for _, share in tags][:SHOWN],
    }


ASKS = {"read": read, "credit": credit, "units": units, "unit": unit}
