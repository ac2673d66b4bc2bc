"""A cell from a user's file goes the main path: trained, kept with its run, opened again, refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import elman
from elman.core.errors import DataError, RecipeError, RunError, UnknownName
from elman.models.cell_maker import cell_class
from elman.recipes import as_recipe
from elman.run import Run
from elman.web.pages.see import layers_of

CELL = '''"""Mine: half of what it was, half of what it reads.

    n = tanh(W x + U h)
    h' = 0.5 h + 0.5 n
"""
import torch
from elman import Affine, Cell


class {name}(Cell):
    readings = ("candidate",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, hidden_size, bias=False)
        for affine in (self.ih, self.hh):
            torch.nn.init.xavier_uniform_(affine.weight)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        n = (projected + self.hh(state.h)).tanh()
        return self.State({keep} * state.h + (1 - {keep}) * n), (n,)
'''
SMALL = {"limit": 60, "steps": 3, "hidden_size": 8, "rivals": ("majority",), "bootstrap": 20, "seed": 3}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one cell in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mycell.py"
    path.write_text(CELL.format(name="Mine", keep=0.5))
    return path


def trained(cell: object, **settings: object) -> Run:
    return elman.fit("parity", cell=cell, explained=False, **SMALL, **settings)


def test_it_is_trained_and_its_run_keeps_the_cell_as_it_was(file: Path) -> None:
    run = trained("mycell.py")
    assert run.name == "parity-mycell-0001" and type(run.network.rnn.layers[0][0]).__name__ == "Mine"
    assert 'cell = "mycell.py"' in (run.folder / "recipe.toml").read_text()
    x = run.network.inputs(torch.ones(1, 6, dtype=torch.long))
    before = run.network.rnn(x)[0]
    file.write_text(CELL.format(name="Mine", keep=0.9))  # the user goes on working on it
    shutil.move(run.folder, moved := file.parent / "elsewhere")
    assert torch.equal(Run.open(moved).network.rnn(x)[0], before)
    file.unlink()
    again = elman.fit(moved / "recipe.toml", explained=False)
    assert torch.equal(again.network.rnn(x)[0], before)  # the recipe repeats the run
    assert torch.equal(elman.fit("", resume=again.folder, explained=False).network.rnn(x)[0], before)


def test_a_class_of_a_file_is_taken_by_its_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(file.parent)
    from mycell import Mine

    assert as_recipe("parity", cell=Mine).model.cell == f"{file}:Mine"
    assert as_recipe("parity", cell=cell_class("lstm")).model.cell == "lstm"


def test_what_a_run_could_not_find_again_is_refused(file: Path) -> None:
    kind = type("Typed", (cell_class("rnn"),), {"__module__": "__main__"})
    with pytest.raises(RecipeError, match=r"Typed is defined where it runs.*file of its own"):
        as_recipe("parity", cell=kind)


def test_a_file_of_several_wants_a_name(file: Path) -> None:
    both = CELL.format(name="Mine", keep=0.5) + CELL.format(name="Other", keep=0.1)
    file.write_text(both)
    with pytest.raises(DataError, match=r"holds 2 cells: Mine, Other\. Name one: mycell\.py:Mine"):
        elman.RNN("mycell.py", 2, 3)
    assert type(elman.RNN("mycell.py:Other", 2, 3).layers[0][0]).__name__ == "Other"
    with pytest.raises(UnknownName, match="Did you mean 'Other'"):
        elman.RNN("mycell.py:Othr", 2, 3)
    assert trained("mycell.py:Other").name == "parity-Other-0001"


def test_a_missing_file_leaves_no_run(file: Path) -> None:
    with pytest.raises(DataError, match=r"no file at .*hiscell\.py"):
        trained("hiscell.py")
    assert not Path("runs").exists()


def test_runs_are_compared_by_what_their_cells_files_hold(file: Path) -> None:
    first = elman.fit("parity", cell="mycell.py", **SMALL)
    file.write_text(CELL.format(name="Mine", keep=0.9))
    second = elman.fit("parity", cell="mycell.py", **SMALL)
    found = elman.compare([first.folder, second], "test")
    assert (
        repr(found) == str(found)
        and str(found).count(first.name) == 1
        and "better than the first by" in str(found)
    )
    with pytest.raises(RunError, match="at least two runs, in a list"):
        elman.compare(first)
    changes = found.changes[second.name]
    assert changes.count("mycell.py (") == 2 and str(file.parent) not in changes
    report = (first.folder / "report.html").read_text()
    assert "mycell.py, hidden size 8" in report


def test_the_page_shows_the_equations_of_the_file_or_of_its_class(file: Path) -> None:
    def shown() -> list[str]:
        model = elman.RNN("mycell.py", 2, 3)
        return layers_of(SimpleNamespace(view=SimpleNamespace(model=model), with_paths=True))[0]["equations"]  # type: ignore[arg-type]

    assert shown() == ["n = tanh(W x + U h)", "h' = 0.5 h + 0.5 n"]
    body = CELL.partition('"""\nimport')[2].format(name="Mine", keep=0.5)
    file.write_text(
        ("import" + body).replace(
            "(Cell):\n", '(Cell):\n    """Mine.\n\n    h\' = 0.5 h + 0.5 tanh(W x + U h)\n    """\n'
        )
    )
    assert shown() == ["h' = 0.5 h + 0.5 tanh(W x + U h)"]
