"""What a command does is a call of the same name, or of the one that the documentation says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import elman
from elman.cells.contract import Affine, Cell
from elman.core.catalogue import catalogue
from elman.core.errors import UnknownName
from elman.run import Run

DOCS = Path(__file__).resolve().parent.parent / "docs" / "getting_started.md"
ROW = re.compile(r"^\| `elman (\w+)` \| `([\w.]+)` \|(.*)\|$", re.M)


def named(dotted: str) -> object:
    """What a dotted name is, importing as far as it names modules."""
    parts, found = dotted.split("."), elman
    for k, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:k]))
        found = getattr(found, part)
    return found


@pytest.mark.skipif(not DOCS.is_file(), reason="the documentation is not here")
def test_every_command_has_a_call() -> None:
    rows = ROW.findall(DOCS.read_text(encoding="utf-8"))
    assert {verb for verb, _, _ in rows} == set(catalogue("cli"))
    for verb, call, note in rows:
        assert callable(named(call)), call
        assert call == f"elman.{verb}" or note.strip(), f"{verb} is {call}, and nothing says why"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return elman.fit(
        "syllables", out=tmp_path_factory.mktemp("calls") / "run", limit=200, steps=3, hidden_size=4, rivals=("majority",), bootstrap=20
    )  # fmt: skip


def test_a_report_is_written_again(run: Run) -> None:
    path = run.folder / "report.html"
    before = path.read_text(encoding="utf-8")
    path.unlink()
    assert elman.report(run.folder) == path == elman.report(run)
    assert len(path.read_text(encoding="utf-8")) == len(before)


def test_a_run_is_ejected_beside_itself_or_elsewhere(run: Run, tmp_path: Path) -> None:
    assert elman.eject(run.folder) == run.folder / "ejected" / "main.py"
    assert elman.eject(run, tmp_path / "plain") == tmp_path / "plain" / "main.py"
    assert "elman" not in re.findall(
        r"^(?:import|from) (\w+)", (tmp_path / "plain" / "main.py").read_text(), re.M
    )


@pytest.mark.parametrize("before", ["", "import elman.eject.write, elman.report.page; "])
def test_what_was_imported_before_makes_no_difference(before: str) -> None:
    code = f"import elman; {before}assert callable(elman.eject) and callable(elman.report); from elman import eject, report"
    subprocess.run([sys.executable, "-c", code], check=True)


class Keeps(Cell):
    """h' = tanh(W x + U h + b)"""

    readings = ("candidate",)

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, hidden_size, bias=False)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return self.State(n), (n,)


class Stands(Keeps):
    def project(self, x):
        return self.ih(x).flip(0)  # other sequences are read


def test_a_cell_is_checked_by_its_class_its_name_and_its_file(tmp_path: Path) -> None:
    found = elman.check(Keeps)
    assert {one.cell for one in found} == {"Keeps"}
    broken = elman.check(Stands)
    assert not broken.kept and "BROKEN" in repr(broken) and repr(broken).startswith("Stands:\n")
    ours = elman.check("gru")
    assert ours.kept and "BROKEN" not in repr(ours) and len(ours) > 5
    with pytest.raises(UnknownName, match="Did you mean 'gru'"):
        elman.check("gro")
