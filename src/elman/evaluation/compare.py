"""Runs side by side: the same examples, paired bootstrap, and what differs in their recipes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from elman.core.cell_file import told
from elman.core.errors import RunError
from elman.core.recipe import Recipe
from elman.core.results import Value
from elman.core.run_folder import RunFolder
from elman.evaluation.intervals import Resamples, interval, p_value


@dataclass(frozen=True)
class Row:
    """A run's primary metric; its difference to the first run (positive: better) with p-value; how far back it looks (steps)."""

    name: str
    value: Value
    difference: Value | None
    p: float | None
    memory: Value | None = None

    @property
    def against(self) -> str:
        """The difference in words; "" for the first run."""
        if self.difference is None or self.p is None:
            return ""
        found, low, high = self.difference, self.difference.low, self.difference.high
        if low is not None and low > 0:
            said = f"better than the first by {_with_interval(found)}"
        elif low is not None and high is not None and high < 0:
            said = f"worse than the first by {_with_interval(Value(-found.value, -high, -low))}"
        else:
            said = f"no clear difference from the first: {_with_interval(found, '+')} (positive: better)"
        return f"{said}, p {self.p:.3f}"


@dataclass(frozen=True)
class Comparison:
    """Rows in the order given, and per run the settings that differ from the first."""

    metric: str
    rows: tuple[Row, ...]
    changes: dict[str, str]

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [self.metric]
        for row in self.rows:
            line = f"{row.name:<{width}}  {_with_interval(row.value)}"
            if row.difference is not None:
                line += f"  {row.against}; {self.changes[row.name]}"
            lines.append(line)
        return "\n".join(lines)


def _with_interval(value: Value, sign: str = "") -> str:
    ends = [math.nan if end is None else end for end in (value.low, value.high)]
    return f"{value.value:{sign}.4g} [{ends[0]:{sign}.4g}, {ends[1]:{sign}.4g}]"


def compare(runs: Sequence[RunFolder], split: str) -> Comparison:
    """Compare on one split. Raises RunError for runs on other data: their numbers cannot be held against each other."""
    came = [run.facts["provenance"] for run in runs]
    if len({one["data_hash"] for one in came}) > 1:
        each_of = ", ".join(
            f"{run.name} on {one['source']} (hash {one['data_hash'][:8]})" for run, one in zip(runs, came)
        )
        raise RunError(
            f"these runs were made on different data: {each_of}. Train them on the same file to compare them."
        )
    stored = [run.scores.get(split) or _missing(run, split) for run in runs]
    primary = stored[0]["primary"]
    names = sorted({scores["primary"]["name"] for scores in stored})
    if len(names) > 1:
        raise RunError(
            f"these runs are measured by {' and '.join(names)}; they answer different questions, so nothing can be compared."
        )
    tables = [_predictions(run, split) for run in runs]
    each = [table["error"].to_numpy() for table in tables]
    if len({len(errors) for errors in each}) > 1:
        raise RunError(
            "these runs measured different examples (context or tokens differ); nothing can be paired."
        )
    sign = 1 if primary["higher_is_better"] else -1
    block = (
        1 if primary["name"] in ("accuracy", "rmse", "example_f1") else max(50, round(len(each[0]) ** 0.5))
    )
    groups = tables[0]["sentence"].to_numpy() if "sentence" in tables[0].columns else None
    draws = Resamples.draw(len(each[0]), 1000, block, 0, groups)
    first = draws.means(each[0])
    rows = []
    for run, scores, errors in zip(runs, stored, each):
        network = next(row for row in scores["rows"] if not row["is_rival"])
        value = Value(**network["metrics"][primary["name"]])
        if run is runs[0]:
            rows.append(Row(run.name, value, None, None, _memory(run)))
            continue
        gain = first - draws.means(errors)
        mean = float(np.nanmean(each[0]) - np.nanmean(errors))
        rows.append(Row(run.name, value, interval(gain, mean), p_value(gain), _memory(run)))
    base = _flat(runs[0].recipe)
    changes = {
        run.name: ", ".join(
            f"{key} {base.get(key)} -> {value}"
            for key, value in _flat(run.recipe).items()
            if base.get(key) != value
        )
        or "the same settings"
        for run in runs[1:]
    }
    direction = "higher" if sign > 0 else "lower"
    return Comparison(
        f"{primary['name'].replace('_', ' ')} ({direction} is better; differences in error per example)",
        tuple(rows),
        changes,
    )


def _memory(run: RunFolder) -> Value | None:
    """The memory horizon as `elman explain` found it; None where it was not asked, or is none."""
    path = run.folder / "findings.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for finding in found:
        if finding["question"] == "memory" and finding["value"] is not None:
            return Value(finding["value"], *(finding["interval"] or (None, None)))
    return None


def _predictions(run: RunFolder, split: str) -> pl.DataFrame:
    path = run.folder / f"predictions-{split}.parquet"
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, FileNotFoundError):
        what = "damaged" if path.exists() else "missing"
        raise RunError(
            f"{path} is {what}. Make it anew: elman evaluate {run.folder} --split {split}"
        ) from None


def _missing(run: RunFolder, split: str) -> dict[str, Any]:
    raise RunError(f"{run.name} has no scores on {split}. Run: elman evaluate {run.folder} --split {split}")


def _flat(recipe: Recipe) -> dict[str, Any]:
    values = recipe.to_dict()
    values["model"]["cell"] = told(recipe.model.cell)
    return {
        key: value
        for section in values.values()
        if isinstance(section, dict)
        for key, value in section.items()
    }
