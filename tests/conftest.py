"""What all tests share: which Elman is under test, and where local copies of data may lie."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

import elman

ROOT = Path(__file__).resolve().parent.parent

# Others may have the machine: how long one example takes is no property of it.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")

if os.environ.get("ELMAN_TEST_WHEEL") and "site-packages" not in Path(elman.__file__).parts:
    raise pytest.UsageError(f"the built wheel should be under test, but elman is {elman.__file__}")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Local copies of public data sets; tests that need them are skipped where there are none."""
    folder = Path(os.environ.get("ELMAN_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no local copies of data sets (set ELMAN_TEST_DATA to their folder)")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The minutes of the stages before the tests, so that the last line stays pytest's own."""
    stages = os.environ.get("ELMAN_STAGES", "").rstrip(", ")
    if stages:
        terminalreporter.write_line(f"stages before the tests: {stages}")
