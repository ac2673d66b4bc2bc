"""Going on with a run through the main path: what is missing is told before the rivals take their time."""

from __future__ import annotations

from pathlib import Path

import pytest

import elman
from elman.core.errors import ElmanError
from elman.listener import Listener


def test_a_run_without_its_last_checkpoint_is_refused_before_the_rivals(tmp_path: Path) -> None:
    small = {"limit": 60, "steps": 3, "hidden_size": 4, "rivals": ("majority",), "bootstrap": 20}
    run = elman.fit("parity", out=tmp_path / "run", explained=False, **small)
    asked = []

    class Told(Listener):
        def rival(self, *told: object) -> None:
            asked.append(told)

    (run.folder / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(ElmanError, match=r"last\.safetensors"):
        elman.fit("", resume=run.folder, explained=False, listener=Told())
    assert not asked
