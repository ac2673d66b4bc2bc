"""The documentation's examples of models trained elsewhere are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "interpretation.md"


def test_the_example_of_inspect_runs(capsys):
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
        if "elman.inspect(Model()" in block
    )
    (one,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
        if "looked_into(Model()" in block
    )
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(code, names)
    assert "context" in capsys.readouterr().out
    exec(one, names)
    cost, found = capsys.readouterr().out.splitlines()
    assert cost.startswith("units: 64 sequences of up to 20 steps, about 1 pass") and "late" in found


def test_the_example_of_trials_runs(capsys, tmp_path, monkeypatch):
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
        if "class Decision" in block
    )
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    exec(code, {})
    said = capsys.readouterr().out
    # The condition explains the state after its onset far beyond the same dealt out at random.
    explains, chance = re.search(
        r"Coherence explains (\d+)% .* after its event .*random: (\d+)%", said
    ).groups()
    assert int(explains) > 50 > 10 > int(chance)
    assert (tmp_path / "decision.png").stat().st_size > 10_000


def test_every_question_has_its_chapter():
    from elman.analyses import QUESTIONS

    chapters = re.findall(r"^## (\w+)", PAGE.read_text(encoding="utf-8"), re.M)
    assert {question.capitalize() for question in QUESTIONS} <= set(chapters)
