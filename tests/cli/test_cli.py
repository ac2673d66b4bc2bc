"""The command line: exit status, one plain sentence for a mistake, never a traceback."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from elman.__main__ import main
from elman.cli._command import overview
from elman.core.catalogue import catalogue


def test_help_lists_every_verb_without_torch():
    code = "import sys; from elman.__main__ import main; main(['--help']); assert not {'torch', 'polars', 'tyro'} & set(sys.modules)"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"  {verb} " in text for verb in catalogue("cli"))
    assert text.strip() == overview().strip()


@pytest.mark.parametrize(
    "module", ["elman.cli._command", "elman.core.catalogue", "elman.cli.evaluate", "tyro", "torch"]
)
def test_ctrl_c_while_something_is_imported_is_one_line(module: str) -> None:
    code = f"""
import sys
class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
from elman.__main__ import main
sys.exit(main(["evaluate", "somewhere"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "elman evaluate: interrupted.\n")


def test_a_library_that_turns_ctrl_c_into_another_error_is_interrupted_all_the_same() -> None:
    code = """
import signal, sys
class Half:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise AttributeError("partially initialized module") from None
sys.meta_path.insert(0, Half())
from elman.__main__ import main
status = main(["evaluate", "somewhere"])
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "elman evaluate: interrupted.\n")


def test_another_error_is_no_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(arguments: list[str]) -> int:
        raise AttributeError("a mistake of ours")

    monkeypatch.setattr("elman.cli._command.run", broken)
    with pytest.raises(AttributeError, match="of ours"):
        main(["cells"])


@pytest.mark.parametrize("verb", sorted(catalogue("cli")))
def test_every_verb_has_help(verb, capsys):
    try:
        status = main([verb, "--help"])
    except SystemExit as leaving:
        status = leaving.code
    assert not status and len(capsys.readouterr().out) > 40


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "Did you mean 'train'"),
        (["train"], "Give a source"),
        (["train", "silables"], "Did you mean 'syllables'"),
        (["train", "nothing.csv"], "no file or folder"),
        (["train", "nothing.toml"], "no recipe at nothing.toml"),
        (["train", "syllables", "--cell", "gro", "--rivals", "majority"], "Did you mean 'gru'"),
        (["train", "syllables", "--rivals", "majorty"], "Did you mean 'majority'"),
        (["train", "syllables", "--rival", "majorty"], "Did you mean 'majority'"),
        (["train", "syllables", "--text", "word"], "does not use --text"),
        (["cells", "lstm", "gru"], "shows one cell"),
        (["train", "syllables", "--rival", "kneser-ney"], "does not suit this data"),
        (["train", "syllables", "--rival", "nothing.csv"], "nothing at nothing.csv"),
        (["train", "syllables", "--budget", "soon", "--rivals", "majority"], "budget 'soon'"),
        (["evaluate", "nowhere"], "no run folder"),
        (["explain", "nowhere"], "no run folder"),
        (["report", "nowhere"], "no run folder"),
        (["predict", "nowhere", "--text", "x"], "no run folder"),
        (["predict", "nowhere"], "nothing to predict"),
        (["generate", "nowhere"], "no run folder"),
        (["eject", "nowhere"], "no run folder"),
        (["compare", "nowhere"], "at least two runs"),
        (["cells", "lsmt"], "Did you mean 'lstm'"),
        (["data", "imbd"], "Did you mean 'imdb'"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_status_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error and len(error.strip().splitlines()) == 1


def test_an_unknown_flag_is_status_2(capsys):
    assert main(["train", "syllables", "--hiden-size", "3"]) == 2
    assert "Did you mean --hidden-size?" in capsys.readouterr().err


def test_a_road_by_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    rows = "\n".join(f"{'good' if k % 2 else 'bad'} film {k},{k % 2}" for k in range(300))
    (tmp_path / "films.csv").write_text(f"text,label\n{rows}\n")
    small = [
        "--hidden-size",
        "8",
        "--steps",
        "40",
        "--validations",
        "2",
        "--learning-rate",
        "0.02",
        "--rivals",
        "majority",
        "--bootstrap",
        "50",
    ]
    assert main(["train", "films.csv", "--dry-run", *small]) == 0
    assert main(["train", "films.csv", *small]) == 0
    told = capsys.readouterr().out
    last = told.rpartition("report ")[2]
    assert "elman open runs/films-gru-0001" in last and "look at this test set." in " ".join(last.split())
    assert main(["train", "films.csv", "--cell", "rnn", "--quiet", *small]) == 0
    out = capsys.readouterr().out
    assert "beats the best of the rivals asked for" in out and "report" in out
    assert "engine native" in told or "engine vendor" in told
    assert main(["evaluate", "runs/films-gru-0001"]) == 0
    assert "3rd look at this test set" in " ".join(capsys.readouterr().out.split())
    labels = "\n".join(
        f"{row},0" for row in range(pl.read_parquet("runs/films-gru-0001/predictions-test.parquet").height)
    )
    (tmp_path / "mine.csv").write_text(f"row,prediction\n{labels}\n")
    assert main(["evaluate", "runs/films-gru-0001", "--rival", "mine.csv", "--rival", "majority"]) == 0
    out = capsys.readouterr().out
    assert "holds predictions for test only" in out and out.count("mine") >= 2
    assert "Left out were nb svm, tfidf logistic." in " ".join(out.split())
    assert (
        main(["explain", "runs/films-gru-0001", "memory"]) == 0
        and "Memory horizon" in capsys.readouterr().out
    )
    assert main(["explain", "runs/films-gru-0001", "memory", "--pictures", "svg"]) == 0
    assert "pictures runs/films-gru-0001/findings: memory.svg" in capsys.readouterr().out
    assert (
        main(["compare", "runs/films-gru-0001", "runs/films-rnn-0001"]) == 0
        and "cell gru -> rnn" in capsys.readouterr().out
    )
    assert main(["compare", "runs/films-gru-0001", "runs/films-rnn-0001", "--memory", "memory.svg"]) == 0
    assert "How far back each looks, with 95% intervals: films-gru-0001" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "memory.svg").read_text()
    assert (
        main(["predict", "runs/films-gru-0001", "--text", "good film"]) == 0
        and "good film,1" in capsys.readouterr().out
    )
    assert (
        main(["predict", "runs/films-gru-0001", "films.csv", "--out", "p.csv"]) == 0
        and "300 rows" in capsys.readouterr().out
    )
    assert main(["eject", "runs/films-gru-0001"]) == 0 and "main.ipynb" in capsys.readouterr().out
    assert main(["report", "runs/films-gru-0001"]) == 0
    assert main(["generate", "runs/films-gru-0001"]) == 2 and "language model" in capsys.readouterr().err
    assert main(["data", "films.csv"]) == 0
    out = capsys.readouterr().out
    assert "classification" in out and "train" in out
