"""The Python of the documentation runs, block after block of a page, with what a page takes for granted."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.models.rnn import RNN

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the documentation is not here")


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["cells.md", "engine.md", "observe.md"])
def test_a_page_that_takes_nothing_for_granted(page: str) -> None:
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks(page)):
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, {}, page, None, 0)
            assert doctest.DocTestRunner().run(test).failed == 0
        else:
            exec(compile(block, f"{page} block {number}", "exec"), names)


@pytest.mark.full
def test_looking_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    elman.fit(
        "syllables", out="runs/demo-gru-0001", limit=200, steps=3, hidden_size=8, rivals=("majority",), bootstrap=20
    )  # fmt: skip
    torch.manual_seed(0)
    rnn = RNN("gru", 3, 8)
    names: dict[str, Any] = {"rnn": rnn, "vector": torch.zeros(3), "starts": torch.randn(4, 8)}
    for number, block in enumerate(blocks("interpretation.md")):
        if "parts(model)" in block:
            names |= {"model": RNN("lstm", 3, 64), "x": torch.randn(8, 9, 3), "states": torch.randn(8, 9, 64)}
        if "patching(view" in block:
            names |= {"x": names["sample"].inputs[:8], "donors": names["sample"].inputs[8:16]}
        exec(compile(block, f"interpretation.md block {number}", "exec"), names)
    assert (tmp_path / "memory.png").exists() and (tmp_path / "decision.png").exists()
