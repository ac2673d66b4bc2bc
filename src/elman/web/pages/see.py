"""See: one sequence stepping through the cell; a unit paints the input, is found elsewhere, and is changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from elman.core.errors import DataError, RecipeError, UnknownName
from elman.interpretation import walk
from elman.interpretation.editing import Edit, clamp, edited, gates_of, parts
from elman.interpretation.gates import spoken
from elman.interpretation.neighbours import neighbours
from elman.interpretation.view import View
from elman.interpretation.what_if import effect, held
from elman.models.observe import cells_in
from elman.web import strip
from elman.web.long import LONG, Work
from elman.web.pages import play
from elman.web.pages.contract import Page
from elman.web.sequence import Sequence as Given
from elman.web.sequence import sequence_of, series_choice
from elman.web.subject import Subject

ROWS, COLUMNS = 96, 240  # of a map that are sent at most
SLOWER = 20  # times what a pass takes, where the states are edited step by step
OTHERS = 200  # sequences in which spans are sought, at most
AROUND = 6  # steps shown on either side of a span


def shown(subject: Subject) -> dict[str, Any]:
    """The layers, their cell with its equations, and which parts of their state and which gates can be changed."""
    fixed = ""  # why nothing can be changed
    try:
        model = subject.view.model
        editable = [("state", name) for name in parts(model)] + [("gate", name) for name in gates_of(model)]
    except RecipeError as error:
        editable, fixed = [], str(error)
    return {
        "kind": subject.kind, "task": subject.task, "first": subject.first, "layers": layers_of(subject),
        "parts": [{"name": name, "words": spoken(name), "kind": kind} for kind, name in editable],
        "fixed": fixed, "others": [series_choice(subject, words, values) for words, values in subject.given],
    }  # fmt: skip


def layers_of(subject: Subject) -> list[dict[str, Any]]:
    """Name, cell and equations of each layer and direction: what the first lines of the cell's file say, or those of its class."""
    try:
        cells = cells_in(subject.view.model)
    except RecipeError:  # a step function of the user's own
        return []
    found = []
    for path, cell in cells.items():
        text = sys.modules[type(cell).__module__].__doc__ or ""
        equations = [
            line.strip() for line in text.splitlines()[1:] if line.startswith("    ") and "=" in line
        ]
        if not equations:  # a cell of the user's own
            text = type(cell).__doc__ or text
            equations = [line.strip() for line in text.splitlines() if "=" in line]
        name = path if subject.with_paths else path[path.index("layers.") :]
        found.append(
            {
                "name": name, "words": spoken(f"{name}.x").removesuffix(" x"), "cell": text.partition("\n")[0].rstrip("."),
                "equations": equations, "readings": list(type(cell).traced), "units": cell.hidden_size,
            }
        )  # fmt: skip
    return found


def look(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """All readings of one unit of a layer along the sequence, and their means over all units."""
    given, layer, unit = sequence_of(subject, body), str(body.get("layer")), body.get("unit")
    layers = {each["name"]: each for each in layers_of(subject)}
    if layer not in layers:
        raise UnknownName("layer", layer, layers)
    if type(unit) is not int or not 0 <= unit < layers[layer]["units"]:
        raise DataError(
            f"unit {unit!r} of {layers[layer]['words']}; it has units 0 to {layers[layer]['units'] - 1}."
        )
    names, told = [f"{layer}.{name}" for name in layers[layer]["readings"]], []
    # Of a long sequence one reading at a time is held.
    for asked in [names] if given.inputs.shape[1] < LONG else [[name] for name in names]:
        with subject.lock:
            found = walk.traced(subject.view, given.inputs, asked)
        told += [along_unit(subject, given, name, values, unit) for name, values in found.items()]
    return {"readings": told, "steps": given.steps}


def along_unit(subject: Subject, given: Given, name: str, values: np.ndarray, unit: Any) -> dict[str, Any]:
    """One unit of a reading (steps of the layers, units) at the shown places, beside the mean of all units."""
    values = strip.along(subject, given, values)
    own = values[:, min(unit, values.shape[1] - 1)]  # a projected h is smaller
    return {
        "name": name.rpartition(".")[2], "words": spoken(name), "values": own[given.places], "mean": values.mean(1)[given.places],
        "most": float(np.abs(values).max()),
    }  # fmt: skip


def whole(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """All units of a reading over the steps, as a map of whole numbers from -100 to 100 of its largest value; thinned where it is large."""
    given, name = sequence_of(subject, body), str(body.get("reading"))
    with subject.lock:
        values = strip.along(subject, given, walk.traced(subject.view, given.inputs, [name])[name])[
            given.places
        ]
    units = _groups(values.shape[1], ROWS)
    columns = _groups(len(values), COLUMNS)
    most = float(np.abs(values).max()) or 1.0
    by_unit = np.stack([_strongest(values[:, a:b].T) for a, b in units])
    cells = np.stack([_strongest(by_unit[:, a:b].T) for a, b in columns], 1)
    return {
        "words": spoken(name), "most": most, "cells": np.rint(100 * cells / most).astype(int),
        "units": [a for a, _ in units], "places": [a for a, _ in columns], "count": values.shape[1],
    }  # fmt: skip


def _groups(count: int, most: int) -> list[tuple[int, int]]:
    edges = np.unique(np.linspace(0, count, min(count, most) + 1).astype(int))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist()))


def _strongest(values: np.ndarray) -> np.ndarray:
    """Of several (several, n), the one with the largest size in each place (n,)."""
    return values[np.abs(values).argmax(0), np.arange(values.shape[1])]


def change(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with units of a state or a gate held at a value, at their mean over the sequence, or at what they were in another text."""
    given, part, units = sequence_of(subject, body), str(body.get("part")), body.get("units")
    if not isinstance(units, list) or not all(type(unit) is int for unit in units):
        raise DataError("the units to change are a list of numbers.")
    first, last = body.get("first"), body.get("last")
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < len(given.places):
        raise DataError(f"steps {first!r} to {last!r} of a sequence of {len(given.places)}.")
    begin = int(given.places[first - 1]) + 1 if first else 0
    steps = range(begin, int(given.places[last]) + 1)
    count = given.inputs.shape[1]
    if ".backward." in part:  # which counts from the end
        steps = range(count - steps.stop, count - steps.start)
    with subject.lock:
        make = _edit(subject, given, body, part, steps)
        found = effect(subject.view, given.inputs, part, units, make, several=subject.several)
        told = {
            "moved": found.moved,
            "control": found.control,
            "unit": "share" if found.before.shares is not None else "value",
        }
        if subject.kind == "forecast":
            before = play.forecast(subject, body)["series"]
            with edited(subject.view.model, make(units)):
                return told | {"before": {"series": before}, "after": play.forecast(subject, body)}
        if subject.kind == "words":
            before = strip.read(subject, body)
            with edited(subject.view.model, make(units)):
                return told | {"before": before, "after": strip.read(subject, body)}
        return told | {
            "before": _told(subject, given, found.before),
            "after": _told(subject, given, found.after),
        }


def _edit(subject: Subject, given: Given, body: Mapping[str, Any], part: str, steps: Sequence[int]) -> Any:
    """units -> the edit that was asked for."""
    how, value = body.get("how"), body.get("value")
    if how == "clamp":
        if not isinstance(value, (int, float)) or not np.isfinite(value):
            raise DataError(f"a number is expected to hold the units at; got {value!r}.")
        number = float(value)
        return lambda units: clamp(part, units, number, steps)
    if how == "mean":
        at = torch.from_numpy(held(subject.view, given.inputs, part).mean(0))
    elif how == "patch":
        what = "text" if subject.kind in ("text", "words") else "series"
        other = sequence_of(subject, {what: body.get("other")}).inputs
        # A backward layer has read the whole of it at its first step.
        at = torch.from_numpy(held(subject.view, other, part)[0 if ".backward." in part else -1])
    else:
        raise UnknownName("change", str(how), ("clamp", "mean", "patch"))

    def make(units: Sequence[int]) -> Edit:
        return clamp(part, units, at[list(units)], steps)

    return make


def _told(subject: Subject, given: Given, found: walk.Answers) -> dict[str, Any]:
    """An answer as the strip tells it, and bits a step for a language model."""
    view = subject.view
    at, placed = strip.placed(given, found)
    told: dict[str, Any] = {"at": at}
    if found.shares is None:
        own = subject.unscaled(placed.values[:, 0])
        return told | {"line": {"name": "value", "values": own}, "answer": [["value", own[-1]]]}
    told["answer"] = strip.top(view.labels, placed.shares[-1:])[0]  # type: ignore[index]
    if view.names_next_step:
        bits = walk.surprise(view, given.inputs, found)
        return told | {"bits": float(np.nanmean(bits)) if len(bits) > 1 else None}
    name, values = walk.line(view, placed)
    return told | {"line": {"name": name, "values": values}}


def like(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """Spans of validation sequences in which a reading is most as it is over a span of this one."""
    given, first, last = sequence_of(subject, body), body.get("first"), body.get("last")
    if type(first) is not int or type(last) is not int:
        raise DataError("a span has a first and a last step.")
    others = subject.others()
    with subject.lock:
        reading = str(body.get("reading"))
        found = neighbours(
            subject.view, given.inputs, (first, last), [one for one, _ in others], reading=reading
        )
    return {
        "found": [
            {"likeness": share, "steps": others[k][1][max(0, a - AROUND) : b + 1 + AROUND], "first": min(a, AROUND), "length": b - a + 1}
            for k, a, b, share in found.found
        ],
        "mean": found.control[0], "hundredth": found.control[1], "spans": found.spans, "sequences": len(others),
    }  # fmt: skip


def _look_work(view: View, time: int) -> Work:
    return Work(6, 12)  # a pass for each reading


def _change_work(view: View, time: int) -> Work:
    return Work(9, 9 * SLOWER)


def _like_work(view: View, time: int) -> Work:
    return Work(1 + OTHERS, 2 * (1 + OTHERS))  # the others are taken to be as long


WORK = {"look": _look_work, "map": strip.trace_work, "change": _change_work, "like": _like_work}
page = Page(shown, {"look": look, "map": whole, "change": change, "like": like}, work=WORK, place=10)
