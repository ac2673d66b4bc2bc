"""Going on with a run through the main path: what is missing is told before the rivals take their time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import elman
from elman.__main__ import main
from elman.core.errors import ElmanError
from elman.core.results import Scores
from elman.listener import Listener

SMALL = {"limit": 60, "steps": 3, "hidden_size": 4, "rivals": ("majority",), "bootstrap": 20}


def test_a_run_without_its_last_checkpoint_is_refused_before_the_rivals(tmp_path: Path) -> None:
    run = elman.fit("parity", out=tmp_path / "run", explained=False, **SMALL)
    asked = []

    class Told(Listener):
        def rival(self, *told: object) -> None:
            asked.append(told)

    (run.folder / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(ElmanError, match=r"last\.safetensors"):
        elman.fit("", resume=run.folder, explained=False, listener=Told())
    assert not asked


class Heard(Listener):
    """What was told, by name."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def finished(self, *told: object) -> None:
        self.told.append("finished")

    def rival(self, *told: object) -> None:
        self.told.append("rival")

    def scores(self, scores: Scores) -> None:
        self.told.append(scores.split)

    def findings(self, *told: object) -> None:
        self.told.append("findings")


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    return lambda: sum(json.loads((tmp_path / "state" / "test-looks.json").read_text()).values())


def test_a_finished_run_is_told_to_be_finished_and_its_test_split_is_not_opened_again(
    tmp_path: Path, looks: Callable[[], int]
) -> None:
    run = elman.fit("parity", out=tmp_path / "run", **SMALL)
    files = {path: path.stat().st_mtime_ns for path in sorted(run.folder.rglob("*"))}
    heard = Heard()
    again = elman.fit("", resume=run.folder, listener=heard)
    assert heard.told == ["finished"] and looks() == 1
    assert again.scores == run.scores
    assert files == {path: path.stat().st_mtime_ns for path in sorted(run.folder.rglob("*"))}


@pytest.mark.parametrize(
    ("gone", "done"),
    [
        (["scores.json", "report.html"], ["rival", "validation", "test", "findings"]),
        (["report.html"], ["rival", "findings"]),
    ],
)
def test_what_a_killed_process_left_out_is_done_and_nothing_else(
    gone: list[str], done: list[str], tmp_path: Path, looks: Callable[[], int]
) -> None:
    run = elman.fit("parity", out=tmp_path / "run", **SMALL)
    for name in gone:
        (run.folder / name).unlink()
    heard = Heard()
    elman.fit("", resume=run.folder, listener=heard)
    assert heard.told == done and (run.folder / "report.html").exists()
    assert looks() == 1 + ("test" in done)


def test_scores_of_an_earlier_sitting_are_not_taken_for_those_of_the_last(
    tmp_path: Path, looks: Callable[[], int]
) -> None:
    run = elman.fit("parity", out=tmp_path / "run", **SMALL)
    run.note(
        measured=1
    )  # an interrupted training was measured, went on, and died before it was measured again
    heard = Heard()
    elman.fit("", resume=run.folder, listener=heard)
    assert "test" in heard.told and looks() == 2


def test_the_command_says_that_a_run_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = elman.fit("parity", out=Path("run"), **SMALL)
    assert main(["train", "--resume", "run"]) == 0
    out = capsys.readouterr().out
    assert "run is finished: all 3 steps are done" in out
    assert "elman train run/recipe.toml --steps 6" in out and "elman evaluate run" in out
    assert run.scores["test"]["verdict"].split(":")[0] in " ".join(out.split())
