from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import elman
from elman.core.environment import environment, revision


def test_it_tells_what_a_number_depends_on() -> None:
    facts = environment()
    assert facts["python"] == platform.python_version()
    assert facts["packages"]["elman"] == elman.__version__ and "torch" in facts["packages"]
    assert facts["cores"] >= 1
    json.dumps(facts)


def test_it_imports_no_torch() -> None:
    code = "import sys; from elman.core import environment as e; e.environment(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_revision_says_whether_files_differ(tmp_path: Path) -> None:
    assert revision(tmp_path) is None

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git("add", "a")
    git("commit", "-m", "a")
    clean = revision(tmp_path)
    assert clean and len(clean) == 40
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert revision(tmp_path) == f"{clean}+changes"
