"""The documentation's example of a model trained elsewhere is run as it stands."""

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
    torch.manual_seed(0)
    exec(code, {})
    assert "context" in capsys.readouterr().out


def test_every_question_has_its_chapter():
    from elman.analyses import QUESTIONS

    chapters = re.findall(r"^## (\w+)", PAGE.read_text(encoding="utf-8"), re.M)
    assert {question.capitalize() for question in QUESTIONS} <= set(chapters)
