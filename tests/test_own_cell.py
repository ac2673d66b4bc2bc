"""A cell from a user's file goes the main path: trained, kept with its run, opened again, refused with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import elman
from elman.__main__ import main
from elman.core import cell_file
from elman.core.cell_file import trust
from elman.core.errors import DataError, RecipeError, RunError, UnknownName
from elman.listener import Listener
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
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
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
    trust("mycell.py")
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
    assert repr(found) == str(found) and str(found).count(first.name) == 1 and " the first" in str(found)
    with pytest.raises(RunError, match="at least two runs, in a list"):
        elman.compare(first)
    changes = found.changes[second.name]
    assert changes.count("mycell.py (") == 2 and str(file.parent) not in changes
    report = (first.folder / "report.html").read_text()
    assert "mycell.py, hidden size 8" in report


def test_the_page_shows_the_equations_of_the_file_or_of_its_class(file: Path) -> None:
    def shown() -> list[str]:
        trust("mycell.py")
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


def another_machine(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("ELMAN_STATE", str(folder / "another machine"))
    monkeypatch.setattr(cell_file, "_named", set())


def test_a_strangers_file_does_not_run_before_it_is_trusted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a run's folder nor a recipe runs code that nobody named on this machine as it is."""
    run, ran = trained("mycell.py"), file.parent / "ran"
    kept = run.folder / "mycell.py"
    kept.write_text(f"{file.read_text()}\nopen({str(ran)!r}, 'w').close()\n")
    with pytest.raises(
        DataError, match=r"has not run on this machine as it is now.*elman check cell .*0001/mycell\.py"
    ):
        _ = Run.open(run.folder).network
    with pytest.raises(DataError, match="has not run on this machine"):
        elman.fit(run.folder / "recipe.toml", explained=False)
    assert not ran.exists()
    assert main(["check", "cell", str(kept)]) == 0 and ran.exists()
    assert type(Run.open(run.folder).network.rnn.layers[0][0]).__name__ == "Mine"
    another_machine(monkeypatch, file.parent)
    with pytest.raises(DataError, match="has not run on this machine"):
        _ = Run.open(run.folder).network


def test_what_was_named_is_remembered_by_its_content(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust("mycell.py")
    monkeypatch.setattr(cell_file, "_named", set())  # another process
    assert cell_file.trusted(file)
    (file.parent / "state" / "trusted-cells.json").write_text("{rotten")
    assert not cell_file.trusted(file)
    trust("mycell.py")
    file.write_text(file.read_text() + "# and more")
    assert not cell_file.trusted(file)


def test_where_nothing_can_be_stored_a_named_file_runs_all_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "state").write_text("no folder")
    trust("mycell.py")
    assert cell_file.trusted(file) and len(elman.RNN("mycell.py", 2, 3).layers) == 1


def test_layers_directions_gates_and_report(file: Path) -> None:
    run = elman.fit("parity", cell="mycell.py", num_layers=2, bidirectional=True, **SMALL)
    assert run.facts["plan"].startswith("reference: mine")
    assert {"gates", "units"} <= {finding["question"] for finding in run.findings}
    assert "candidate" in (run.folder / "report.html").read_text()


def test_an_executor_that_refuses_costs_no_time_of_rivals(file: Path) -> None:
    asked = []

    class Told(Listener):
        def rival(self, *told: object) -> None:
            asked.append(told)

    with pytest.raises(RecipeError, match="'native' refuses this call: no kernel for Mine"):
        trained("mycell.py", executor="native", listener=Told())
    assert not asked
