"""Play: the answer as you type; a language model writes, and a forecast follows what you change of its past and future."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from elman.core.errors import DataError
from elman.generation import Written
from elman.generation import write as written
from elman.interpretation.view import View
from elman.prediction import predict
from elman.web import long
from elman.web.long import Work
from elman.web.pages.contract import Page
from elman.web.sequence import columns_of, frame_of
from elman.web.subject import LONGEST, Subject, verdict_of

MOST = 400  # tokens that are written at once


def shown(subject: Subject) -> dict[str, Any]:
    """What kind of sequence to type, a first one, and what the answers are called."""
    labels = list(subject.view.labels)
    return {
        "kind": subject.kind, "task": subject.task, "first": subject.first,
        "labels": labels if len(labels) <= 50 else [], "verdict": verdict_of(subject),
        "steps_read": subject.view.read_steps is not None, "columns": _columns(subject),
    }  # fmt: skip


def write(subject: Subject, body: Mapping[str, Any]) -> Any:
    """Tokens written after a text, each with what else was probable; `after` are numbers that were written before.

    What takes longer than the page waits goes on as a job, which leaves the network to others between two tokens.
    """
    text, after = body.get("text"), body.get("after") or []
    length, heat, top_k = body.get("length", 100), body.get("temperature", 0.8), body.get("top_k")
    if not isinstance(text, str) or len(text) > LONGEST:
        raise DataError(f"a text of at most {LONGEST:,} characters is expected.")
    if not isinstance(after, list) or len(after) > LONGEST or not all(type(one) is int for one in after):
        raise DataError("what was written before is a list of token numbers.")
    if type(length) is not int or not 1 <= length <= MOST:
        raise DataError(f"length is {length!r}; expected 1 to {MOST}.")
    if type(heat) not in (int, float) or not 0 <= heat <= 10:
        raise DataError(f"temperature is {heat!r}; expected 0 to 10.")
    if top_k is not None and (type(top_k) is not int or top_k < 1):
        raise DataError(f"top-k is {top_k!r}; expected 1 or more, or none.")
    seed = body.get("seed")
    drawn = written(
        subject.run,
        text,
        after,
        length=length,
        temperature=heat,
        top_k=top_k,
        seed=seed if type(seed) is int else None,
    )
    return long.in_time(
        _one_by_one(subject, drawn),
        lambda found: {"tokens": found},
        length,
        "written {done} of {total} tokens",
    )


def _one_by_one(subject: Subject, drawn: Iterator[Written]) -> Iterator[dict[str, Any]]:
    """Tokens as they are drawn; the network is left to others between two of them."""
    while True:
        with subject.lock:
            each = next(drawn, None)
        if each is None:
            return
        yield asdict(each)
        time.sleep(0)  # who waits for the lock gets it: by itself it went to this thread again up to 11 times


def forecast(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The steps after a past, by series: point forecast, and the interval that shall hold 9 of 10 values."""
    if subject.kind != "forecast":
        raise DataError(f"{subject.name} does not forecast.")
    past, future = frame_of(body.get("past")), body.get("future")
    with subject.lock:
        table = predict(subject.run, past, None if not future else frame_of(future))
    first = table[subject.run.encoder.entity][0] if subject.run.encoder.entity else None
    if first is not None:
        table = table.filter(pl.col(subject.run.encoder.entity) == first)
    columns = columns_of(table)
    stamps = columns[subject.run.encoder.time]
    found = {}
    for name in subject.run.encoder.series:
        rows = [k for k, each in enumerate(columns["series"]) if each == name]
        found[name] = {what: [columns[what][k] for k in rows] for what in ("prediction", "low", "high")}
        found[name]["times"] = [stamps[k] for k in rows]
    return {"series": found}


def _columns(subject: Subject) -> dict[str, Any] | None:
    """What a forecast reads, by role."""
    if subject.kind != "forecast":
        return None
    encoder, given = subject.run.encoder, subject.run.recipe.data
    return {
        "time": encoder.time, "entity": encoder.entity, "series": list(encoder.series),
        "known": list(given.known), "observed": list(encoder.observed), "horizon": encoder.horizon,
        "context": encoder.window.context_length,
    }  # fmt: skip


def _write_work(view: View, time: int) -> Work:
    return Work(2, 1)  # the text is read, and then as much of the bar is left for what is written


page = Page(shown, {"write": write, "forecast": forecast}, work={"write": _write_work}, place=0)
