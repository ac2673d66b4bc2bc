from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from elman.core.errors import RunError
from elman.core.files import write_json
from elman.core.recipe import Recipe
from elman.core.results import Finding
from elman.report.assemble import as_scores, assemble, write_findings
from elman.report.page import write_report

from .sample import content, scores


def run_in(folder: Path) -> Any:
    whole = content()
    facts = {
        "provenance": whole.provenance,
        "sizes": whole.sizes,
        "plan": whole.plan,
        "parameters": 5,
        "version": "0.1.0",
    }
    write_json(folder / "scores.json", {"test": scores()})
    write_json(folder / "environment.json", whole.environment)
    return SimpleNamespace(
        folder=folder, facts=facts, recipe=Recipe(task="classification"), history=list(whole.history)
    )


def test_scores_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    write_json(tmp_path / "scores.json", scores())
    back = as_scores(json.loads((tmp_path / "scores.json").read_text(encoding="utf-8")))
    assert back.rows == scores().rows and back.paired == scores().paired and back.slices == scores().slices
    assert back.primary == scores().primary and back.looks == 2


def test_scores_of_another_version_are_refused() -> None:
    with pytest.raises(RunError, match="elman evaluate"):
        as_scores({"split": "test"})


def test_findings_and_advice_come_back(tmp_path: Path) -> None:
    whole = content()
    write_findings(
        tmp_path, [*whole.findings, Finding("q", "t", "s", arrays={"a": np.zeros(3)})], whole.advice
    )
    read = assemble(run_in(tmp_path))
    assert read.findings[:3] == tuple(whole.findings) and read.findings[3].arrays == {}
    assert read.advice == whole.advice


def test_a_run_is_reported(tmp_path: Path) -> None:
    text = write_report(tmp_path, assemble(run_in(tmp_path), (), ())).read_text(encoding="utf-8")
    assert "The GRU is right" in text and "classification" in text and "9f86d081" in text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    (tmp_path / "findings.json").write_text("[{", encoding="utf-8")
    with pytest.raises(RunError, match=r"findings\.json is damaged"):
        assemble(run)
