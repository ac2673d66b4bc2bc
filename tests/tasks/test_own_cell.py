"""A cell of the user's own on the main path: training, analyses and report; and a cell that is a stranger's program."""

from __future__ import annotations

import shutil

import pytest
import torch

import elman
from elman.__main__ import main
from elman.core.errors import DataError, UnknownName
from elman.run import Run

CELL = '''
import torch
from elman import Affine, Cell


class Mine(Cell):
    """h' = (1 - z) h + z tanh(W x + U h)"""

    readings = ("update_gate", "candidate")

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih, self.hh = Affine(input_size, 2 * hidden_size), Affine(hidden_size, 2 * hidden_size, bias=False)
        for affine in (self.ih, self.hh):
            torch.nn.init.xavier_uniform_(affine.weight)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        z, n = (projected + self.hh(state.h)).chunk(2, -1)
        z, n = z.sigmoid(), n.tanh()
        return self.State((1 - z) * state.h + z * n), (z, n)
'''
SMALL = {"hidden_size": 6, "embedding_size": 4, "batch_size": 32, "rivals": ("majority",), "bootstrap": 50}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a cell and some texts, and a machine that has checked nothing yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    (tmp_path / "mycell.py").write_text(CELL)
    rows = [
        f"{'good' if k % 2 else 'bad'} {k % 7} {'word ' * (k % 5)},{'yes' if k % 2 else 'no'}"
        for k in range(200)
    ]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    return tmp_path


def fit(place, cell="mycell.py", **settings):
    return elman.fit(place / "texts.csv", cell=cell, out=place / f"run{len(list(place.glob('run*')))}", **{**SMALL, **settings})  # fmt: skip


def answer(run):
    """The outputs of a run's network on some tokens."""
    with torch.no_grad():
        return run.network(torch.arange(12).view(2, 6) % 5).values


def test_a_cell_of_ones_own_is_trained_explained_and_reported(place, capsys):
    assert main(["check", "cell", "mycell.py"]) == 0
    assert "elman train SOURCE --cell mycell.py" in capsys.readouterr().out
    run = fit(place, epochs=4, num_layers=2, bidirectional=True)
    cell = run.network.rnn.layers[1][1]
    assert type(cell).__name__ == "Mine" and run.facts["plan"].startswith("reference: mine")
    assert {"gates", "units"} <= {finding["question"] for finding in run.findings}
    assert "update gate" in (run.folder / "report.html").read_text()
    expected = answer(run)
    (place / "mycell.py").write_text("raise SystemExit")  # the run has its own copy, wherever it goes
    moved = Run.open(shutil.move(run.folder, place / "moved"))
    assert torch.equal(answer(moved), expected)
    again = elman.fit(moved.folder / "recipe.toml", out=place / "again", explained=False)
    assert torch.equal(answer(again), expected)
    assert (again.folder / "cell.py").read_text() == CELL


def test_a_file_runs_only_as_it_was_checked(place, monkeypatch):
    ran = place / "ran"
    wicked = CELL + f"\nopen({str(ran)!r}, 'w').close()\n"
    (place / "mycell.py").write_text(wicked)
    with pytest.raises(DataError, match=r"not checked as it is now.*elman check cell .*mycell\.py"):
        fit(place, steps=2)
    assert not ran.exists() and not list(place.glob("run*"))
    (place / "mycell.py").write_text(CELL)
    assert main(["check", "cell", "mycell.py"]) == 0
    run = fit(place, steps=2, explained=False)
    (run.folder / "cell.py").write_text(wicked)  # what a stranger's folder may hold
    with pytest.raises(DataError, match=r"elman check cell .*run0/cell\.py"):
        answer(Run.open(run.folder))
    (run.folder / "cell.py").write_text(CELL)
    monkeypatch.setenv("ELMAN_STATE", str(place / "another machine"))
    with pytest.raises(DataError, match="not checked as it is now"):
        answer(Run.open(run.folder))
    assert not ran.exists()


def test_what_breaks_a_promise_is_not_remembered(place):
    (place / "mycell.py").write_text(CELL.replace("state.h + z * n)", "state.h.detach() + z * n)"))
    assert main(["check", "cell", "mycell.py"]) == 1
    with pytest.raises(DataError, match="not checked"):
        fit(place, steps=2)


def test_one_of_several_classes_is_named(place):
    (place / "mycell.py").write_text(
        CELL + CELL.replace("class Mine", "class Other").replace("(1 - z)", "(0.5 - z)")
    )
    assert main(["check", "cell", "mycell.py"]) == 0
    with pytest.raises(DataError, match=r"defines Mine, Other; say which one, as in --cell mycell\.py:Mine"):
        fit(place, steps=2)
    with pytest.raises(UnknownName, match="Did you mean 'Other'"):
        fit(place, "mycell.py:Othre", steps=2)
    run = fit(place, "mycell.py:Other", steps=2, explained=False)
    assert type(run.network.rnn.layers[0][0]).__name__ == "Other"
    assert (
        run.recipe.model.cell == f"{run.folder / 'cell.py'}:Other" and run.recipe.model.cell_name == "Other"
    )


def test_a_recipe_finds_the_cell_beside_it(place, monkeypatch):
    assert main(["check", "cell", "mycell.py"]) == 0
    (place / "mine.toml").write_text(
        f'[data]\nsource = "{place / "texts.csv"}"\n[model]\ncell = "mycell.py"\n'
    )
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    run = elman.fit("../mine.toml", out=place / "run", steps=2, explained=False, **SMALL)
    assert type(run.network.rnn.layers[0][0]).__name__ == "Mine"
    with pytest.raises(DataError, match=r"no file at nothing\.py"):
        fit(place, "nothing.py")


def test_an_executor_that_refuses_costs_no_time_of_rivals(place):
    assert main(["check", "cell", "mycell.py"]) == 0
    asked = []

    class Told(elman.listener.Listener):
        def rival(self, *told):
            asked.append(told)

    with pytest.raises(elman.core.errors.RecipeError, match="'native' refuses this call: no kernel for Mine"):
        fit(place, executor="native", listener=Told())
    assert not asked
