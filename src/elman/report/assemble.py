"""From a run's folder to its report, and findings to JSON and back, so that a report can be written again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from elman.core.cell_file import bare
from elman.core.errors import RunError
from elman.core.files import plain, read_json, write_atomic, write_json
from elman.core.results import Advice, Finding, Metric, Paired, Score, Scores, Value
from elman.core.run_folder import RunFolder
from elman.report.content import ReportContent


def write_findings(folder: Path, findings: Sequence[Finding], advice: Sequence[Advice]) -> None:
    """Write findings.json and advice.json, and the arrays of each finding that has some as findings/QUESTION.npz."""
    write_json(folder / "findings.json", [_without_arrays(finding) for finding in findings])
    for finding in findings:
        if finding.arrays:
            (folder / "findings").mkdir(exist_ok=True)
            arrays: dict[str, Any] = {name: np.asarray(each) for name, each in finding.arrays.items()}
            write_atomic(folder / "findings" / f"{finding.question}.npz", partial(_pack, arrays))
    write_json(folder / "advice.json", list(advice))


def with_stored(folder: Path, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, and those of the folder that answer other questions, with their arrays."""
    # What another call could not answer was said to whoever asked.
    asked = {"not_answered", *(finding.question for finding in findings)}
    stored = (finding for finding in _findings(folder) if finding.question not in asked)
    return (*findings, *(replace(finding, arrays=_arrays(folder, finding.question)) for finding in stored))


def _arrays(folder: Path, question: str) -> dict[str, np.ndarray]:
    path = folder / "findings" / f"{question}.npz"
    if not path.exists():
        return {}
    try:
        with np.load(path) as packed:
            return dict(packed)
    except (BadZipFile, ValueError, EOFError) as error:
        raise RunError(f"{path} is damaged ({error}). Ask {question} again, or delete it.") from None


def assemble(
    run: RunFolder, findings: Sequence[Finding] | None = None, advice: Sequence[Advice] | None = None
) -> ReportContent:
    """What the folder holds, as report content; what is not there yet is left out."""
    facts, recipe = run.facts, run.recipe
    history = run.history
    if findings is None:
        findings = _findings(run.folder)
    if advice is None:
        advice = [Advice(**_known(Advice, row)) for row in _read(run.folder / "advice.json", [])]
    return ReportContent(
        name=run.folder.resolve().name,
        task=recipe.task or "",
        recipe=recipe.override({"model.cell": bare(recipe.model.cell)}).to_dict(),
        scores={split: as_scores(value) for split, value in _read(run.folder / "scores.json", {}).items()},
        history=history,
        findings=tuple(findings),
        advice=tuple(advice),
        provenance=facts.get("provenance") or {},
        sizes=facts.get("sizes") or {},
        summary=tuple(facts.get("summary") or ()),
        profile=tuple((str(what), str(said)) for what, said in facts.get("profile") or ()),
        environment=_read(run.folder / "environment.json", {}),
        plan=facts.get("plan") or "",
        parameters=facts.get("parameters"),
        command=f"elman train {run.folder.as_posix()}/recipe.toml",
        started=facts.get("started") or "",
        seconds=(facts.get("history") or {}).get("seconds"),
        version=facts.get("version") or "",
    )


def _findings(folder: Path) -> list[Finding]:
    return [Finding(**_known(Finding, row)) for row in _read(folder / "findings.json", [])]


def as_scores(stored: Mapping[str, Any]) -> Scores:
    """Scores from their JSON; raises RunError where a field is missing. A null number reads as NaN."""
    try:
        return Scores(
            **{
                **_known(Scores, stored),
                "primary": Metric(**stored["primary"]),
                "rows": tuple(
                    Score(
                        **{**row, "metrics": {name: _value(value) for name, value in row["metrics"].items()}}
                    )
                    for row in stored["rows"]
                ),
                "paired": tuple(
                    Paired(**{**pair, "difference": _value(pair["difference"])}) for pair in stored["paired"]
                ),
                "slices": {
                    name: tuple((label, count, _nan(value)) for label, count, value in parts)
                    for name, parts in (stored.get("slices") or {}).items()
                },
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"scores.json is not as this version writes it ({error}). Run `elman evaluate` again."
        ) from None


def _value(stored: Mapping[str, Any]) -> Value:
    return Value(_nan(stored["value"]), stored.get("low"), stored.get("high"))


def _nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _pack(arrays: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:  # given a name, NumPy would put its own ending to it
        np.savez_compressed(file, **arrays)


def _without_arrays(finding: Finding) -> dict[str, Any]:
    values = {
        field.name: plain(getattr(finding, field.name)) for field in fields(finding) if field.name != "arrays"
    }
    return values


def _known(kind: type, row: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in row.items()
        if name in names
    }


def _read(path: Path, default: Any) -> Any:
    return read_json(path, type(default)) if path.exists() else default
