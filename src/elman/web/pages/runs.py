"""Runs: all runs of the folder, their curves while they train, side by side, and what repeats them."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from elman.core.busy import is_busy
from elman.core.cell_file import label
from elman.core.errors import ElmanError, UserError
from elman.core.results import Value
from elman.evaluation.compare import compare as hold_against
from elman.report.assemble import as_scores
from elman.report.content import outcome
from elman.report.numbers import difference, duration, interval, moment, p_value, point, words
from elman.report.tables import in_words, percent
from elman.run import Run
from elman.web.pages.contract import Page
from elman.web.subject import Subject
from elman.web.thin import thin

MOST = 8  # runs that are drawn or compared at once: as many as there are colours
AXES = ("step", "epoch", "seconds")
SPLITS = ("validation", "test")
# What stands in the column "against its best rival".
BESIDE = {"better": "better", "undecided": "no clear difference", "worse": "worse", "unmeasured": "–"}


def shown(subject: Subject) -> dict[str, Any]:
    """The table of runs; what cannot be read of one says why, and hides no other."""
    return {"runs": [_row(subject, name) for name in subject.shelf.names()], "chosen": subject.run.name}


def _row(subject: Subject, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": name, "state": "damaged", "words": "", "network": "", "data": "", "score": "", "interval": "",
        "outcome": "", "outcome_words": "", "started": "", "took": "",
    }  # fmt: skip
    try:
        run = subject.shelf.run(name)
        facts, recipe = run.facts, run.recipe
        model, history = recipe.model, facts.get("history") or {}
        layers = f"{model.num_layers} × {model.hidden_size}"
        row |= {
            "network": f"{label(model.cell)} {layers}" + (", both ways" if model.bidirectional else ""),
            "parameters": facts.get("parameters"), "task": words(recipe.task or ""),
            "data": Path(recipe.data.source).name, "started": moment(facts.get("started") or ""),
            "took": duration(history.get("seconds")) if history else "",
        }  # fmt: skip
        row |= _state(run)
        stored = run.stored("scores.json", {})
        split = "test" if "test" in stored else "validation"
        if split in stored:
            scores = in_words(as_scores(stored[split]))
            value, state = scores.network.metrics[scores.primary.name], outcome(scores)
            sign = "%" if scores.primary.unit.startswith("%") else ""
            row |= {
                "metric": f"{scores.primary.words}, {split}", "score": f"{point(value)}{sign}", "interval": interval(value),
                "outcome": state, "outcome_words": BESIDE[state], "verdict": scores.verdict,
            }  # fmt: skip
    except (ElmanError, KeyError, TypeError, StopIteration) as error:
        row["words"] = str(error)
    return row


def _state(run: Run) -> dict[str, Any]:
    """Where its training is."""
    rows, options = _history(run), run.recipe.training
    last = rows[-1] if rows else {}
    if is_busy(run.folder):
        share, place = None, "before its first validation"
        if last:
            place = f"step {last['step']:,}"
            if options.steps:
                share, place = last["step"] / options.steps, f"{place} of {options.steps:,}"
            elif options.epochs and last.get("epoch"):
                share, place = (
                    last["epoch"] / options.epochs,
                    f"{place}, epoch {last['epoch']:.3g} of {options.epochs:.3g}",
                )
        return {"state": "training", "words": place, "share": share and min(1.0, share)}
    if "finished" not in run.facts:
        return {"state": "stopped", "words": f"stopped after step {last.get('step', 0):,}"}
    if "shipped" in run.facts:
        return {"state": "built", "words": "by hand, as its answer is known"}
    return {"state": "trained", "words": f"{last.get('step', 0):,} steps"}


def _history(run: Run) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl, read again only where the file has changed."""
    path = run.folder / "metrics.jsonl"
    try:
        stat = path.stat()
    except OSError:
        return []
    return _rows(str(run.folder), stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(32)
def _rows(folder: str, changed: int, size: int) -> list[dict[str, Any]]:
    return Run(Path(folder)).history


def curves(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured along the training of some runs: {measure: [{run, x, y}]}, thinned; which runs still train."""
    axis = body.get("axis", "step")
    if axis not in AXES:
        raise UserError(f"axis {axis!r}; expected one of {', '.join(AXES)}.")
    found: dict[str, list[dict[str, Any]]] = {}
    live = []
    for name in _names(subject, body):
        run = subject.shelf.run(name)
        rows = _history(run)
        if is_busy(run.folder):
            live.append(name)
        keys = dict.fromkeys(key for row in rows[-1:] + rows[:1] for key in row if key not in AXES)
        for key in keys:
            points = [
                (row[axis], row[key])
                for row in rows
                if _is_number(row.get(axis)) and _is_number(row.get(key))
            ]
            if points:
                x, y = np.array(points, dtype=float).T
                kept = thin(y)
                found.setdefault(key, []).append({"run": name, "x": x[kept], "y": y[kept]})
    return {"curves": found, "words": {key: words(key) for key in found}, "training": live}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compare(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """Runs against the first, on the same examples: value, interval, paired difference, and which settings differ."""
    names, split = _names(subject, body), body.get("split", "test")
    if split not in SPLITS:
        raise UserError(f"split {split!r}; expected one of {', '.join(SPLITS)}.")
    if len(names) < 2:
        raise UserError("two runs at least can be compared.")
    runs = [subject.shelf.run(name) for name in names]
    found = hold_against(runs, split)
    # A share is told in percent, as in the table of runs.
    share = runs[0].scores[split]["primary"]["unit"].startswith("share")
    told, sign, points = (percent, "%", " points") if share else (_as_it_is, "", "")
    rows = [
        {
            "run": row.name, "value": f"{point(told(row.value))}{sign}", "interval": interval(told(row.value)),
            "difference": "" if row.difference is None else f"{difference(told(row.difference))}{points}", "p": p_value(row.p),
        }
        for row in found.rows
    ]  # fmt: skip
    return {"metric": found.metric, "split": split, "rows": rows, "changes": found.changes}


def _as_it_is(value: Value) -> Value:
    return value


def recipe(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """A run's recipe as TOML, the settings that are not at their defaults, and the command that repeats it."""
    run = subject.shelf.run(str(body.get("run")))
    changed = {key: json.dumps(value, ensure_ascii=False) for key, value in run.recipe.changed().items()}
    path = run.folder / "recipe.toml"
    return {
        "run": run.name, "recipe": run.recipe.to_toml(), "changed": changed, "plan": run.facts.get("plan") or "",
        "command": f"elman train {shlex.quote(path.as_posix())}",
        "environment": run.stored("environment.json", {}), "training": is_busy(run.folder),
        "report": str(run.folder / "report.html") if (run.folder / "report.html").exists() else None,
    }  # fmt: skip


def delete(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a run for good, where its name was given twice: once to ask, once to answer."""
    name = str(body.get("run"))
    if body.get("sure") != name:
        raise UserError(f"to delete {name}, say its name again.")
    subject.shelf.delete(name)
    return {"deleted": name, "left": len(subject.shelf.names())}


def _names(subject: Subject, body: Mapping[str, Any]) -> list[str]:
    names = body.get("runs")
    if not isinstance(names, list) or not names or len(names) > MOST:
        raise UserError(f"a list of 1 to {MOST} names of runs is expected.")
    return list(dict.fromkeys(str(name) for name in names))


page = Page(
    shown, {"curves": curves, "compare": compare, "recipe": recipe, "delete": delete}, place=40, needs="runs"
)
