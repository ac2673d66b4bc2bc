"""A folder in training is known as such, and is free again when the process ends, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from elman.core import busy as module
from elman.core.busy import busy, is_busy
from elman.core.errors import RunError


def test_it_is_busy_while_it_is_held(tmp_path: Path) -> None:
    assert not is_busy(tmp_path)
    with busy(tmp_path):
        assert is_busy(tmp_path)
        assert is_busy(tmp_path)  # a look changes nothing
    assert not is_busy(tmp_path) and not list(tmp_path.iterdir())


def test_two_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with busy(tmp_path), pytest.raises(RunError, match="another process is training"), busy(tmp_path):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from elman.core.busy import busy\n"
        "with busy(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline().strip() == b"held"
        assert is_busy(tmp_path)
        process.kill()
        process.wait()
    assert not is_busy(tmp_path)
    with busy(tmp_path):
        pass
