"""A command line that does not fit is told in one sentence: what was given, what was expected, the nearest name."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from elman.__main__ import main
from elman.cli import _mistakes
from elman.cli._flags import parse
from elman.cli.bench import Bench
from elman.cli.compare import Compare
from elman.cli.data import Data
from elman.cli.demo import Demo
from elman.cli.eject import Eject
from elman.cli.evaluate import Evaluate
from elman.cli.explain import Explain
from elman.cli.generate import Generate
from elman.cli.open import Open
from elman.cli.predict import Predict
from elman.cli.report import Report
from elman.cli.train import Train
from elman.core.errors import RecipeError

VERBS = (Bench, Compare, Data, Demo, Eject, Evaluate, Explain, Generate, Open, Predict, Report, Train)


@pytest.mark.parametrize(
    ("kind", "line", "words"),
    [
        (Train, "--hidden-size abc", "--hidden-size is 'abc'; expected a whole number. Example, the default: --hidden-size 128"),
        (Train, "--hidden_size abc", "--hidden-size is 'abc'"),
        (Train, "--hidden-size=2.5", "--hidden-size is '2.5'; expected a whole number"),
        (Train, "--steps 1e9", "--steps is '1e9'; expected a whole number. Write 1000000000."),
        (Train, "--epochs ten", "--epochs is 'ten'; expected a number."),
        (Train, "--dropout half", "--dropout is 'half'; expected a number. Example, the default: --dropout 0.0"),
        (Train, "--pooling lsat", "expected one of last, mean, max, mean_max, none. Did you mean 'last'?"),
        (Train, "--lowercase true", "expected one of True, False. Did you mean 'True'?"),
        (Train, "--sentinels -9999 abc", "--sentinels is 'abc'; expected a number."),
        (Train, "--bidirectional maybe", "--bidirectional takes no value (--no-bidirectional for no), and 'maybe' comes after it"),
        (Train, "--hiden-size 3", "there is no option --hiden-size. Did you mean --hidden-size?"),
        (Train, "--no-bidirectionl", "Did you mean --no-bidirectional?"),
        (Train, "--xyzzy 3", "there is no option --xyzzy. `elman train --help` lists them."),
        (Train, "--hidden-size", "--hidden-size is given without a value; expected a whole number."),
        (Train, "--hidden-size --cell gru", "--hidden-size is given without a value"),
        (Train, "--cell gru a.csv", "--cell takes one value, and 'a.csv' comes after it; put a value with spaces in quotes, sources and runs before"),
        (Train, "--dry-run a.csv", "'a.csv' comes after it; sources and runs come before the options"),
        (Demo, "runs", "'runs' is one word too many. Expected: elman demo [options]."),
        (Evaluate, "one two", "'two' is one word too many. Expected: elman evaluate RUN [options]."),
        (Evaluate, "run --split tset", "--split is 'tset'; expected one of validation, test. Did you mean 'test'?"),
        (Evaluate, "", "which run? Expected: elman evaluate RUN [options]."),
        (Explain, "run memory --pictures pdf", "expected one of svg, png, html."),
        (Generate, "run --length ten", "--length is 'ten'"),
        (Generate, "run --prompt", "--prompt is given without a value; expected a value."),
        (Open, "--port abc", "--port is 'abc'; expected a whole number."),
        (Bench, "gru --hidden 8 x", "--hidden is 'x'; expected a whole number."),
        (Predict, "run --texts a", "Did you mean --text?"),
        (Data, "a.csv --txt review", "Did you mean --text?"),
    ],
)  # fmt: skip
def test_what_was_given_and_expected(kind, line, words, capsys):
    with pytest.raises(RecipeError, match=re.escape(words)) as raised:
        parse(kind, line.split(), kind.__name__.lower())
    out, error = capsys.readouterr()
    assert not out and not error and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Train, "--hidden-size 3 --target a b --no-bidirectional --rival x y --rival z --lowercase True --sentinels -9 -.5 --budget None"),
        (Train, "--hidden_size=3 --known"),
        (Predict, "run a.csv --out b.csv"),
        (Explain, "run memory gates --at 0.5,-1 --horizon 3"),
        (Compare, "one two three --memory m.svg"),
        (Bench, "gru lstm --hidden 8 9"),
        (Open, ""),
    ],
)  # fmt: skip
def test_what_fits_is_no_mistake(kind, line):
    assert isinstance(parse(kind, line.split(), "verb"), kind)
    assert _mistakes.mistake(kind, line.split(), "verb") is None


@pytest.mark.parametrize("kind", VERBS)
def test_every_option_of_the_help_is_known(kind, capsys):
    """What names the mistake reads the same options as what parses them."""
    with pytest.raises(SystemExit) as leaving:
        parse(kind, ["--help"], "verb")
    assert not leaving.value.code
    shown = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", capsys.readouterr().out))
    known = {option.flag for option in _mistakes._options(kind) if not option.placed}
    assert known <= shown
    assert {flag for flag in shown if not flag.startswith("--no-")} - known <= {"--help", "--resume", "--gaps", "--path"} | known  # fmt: skip


def test_what_the_explainer_does_not_find_is_still_one_line(monkeypatch):
    monkeypatch.setattr(_mistakes, "mistake", lambda *arguments: None)
    with pytest.raises(RecipeError, match=r"--port.*'abc'") as raised:
        parse(Open, ["--port", "abc"], "open")
    assert "\n" not in str(raised.value) and "\u2502" not in str(raised.value)


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    rows = "".join(f"2024-{1 + day // 28:02}-{1 + day % 28:02},{day % 7},{day % 5}\n" for day in range(300))
    path.write_text("date,units,price\n" + rows)
    return str(path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--cell lstn", "unknown cell 'lstn'. Did you mean 'lstm'?"),
        ("--cell lstm --activation relu", "cell 'lstm' takes no 'activation'. Cells that do: rnn."),
        ("--cell mingru --weight-drop 0.1", "because it has no recurrent weights"),
        ("--initialisation chrono", "longest_memory"),
        ("--hidden-size 0", "hidden_size is 0; expected 1 or more, and at most 100000."),
        ("--num-layers -2", "num_layers is -2; expected 1 or more, and at most 1000."),
        ("--dropout 1.5", "dropout is 1.5"),
        ("--horizon 0", "horizon is 0; expected 1 or more."),
        ("--history 0", "history is 0; expected 1 or more."),
        ("--stride -1", "stride is -1; expected 1 or more."),
        ("--executor nativ", "unknown executor 'nativ'. Did you mean 'native'?"),
        ("--device cuda:9", "device 'cuda:9'"),
        ("--budget soon", "budget 'soon'"),
        ("--task forcasting", "unknown task 'forcasting'. Did you mean 'forecasting'?"),
        ("--rival majoritty", "unknown rival 'majoritty'. Did you mean 'majority'?"),
        ("--rival nothing.csv", "nothing at nothing.csv"),
    ],
)
def test_flags_are_judged_before_the_table_is_read(flags, words, sales, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", sales, *flags.split()]) == 2
    out, error = capsys.readouterr()
    assert (
        words in error and not out and len(error.strip().splitlines()) == 1 and not list(tmp_path.iterdir())
    )


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a folder that root itself cannot write to")
@pytest.mark.parametrize("verb", ["train", "demo"])
def test_a_folder_that_only_seems_writable_is_found_out_at_once(verb, sales, capsys):
    arguments = {"train": ["train", sales, "--time", "date", "--target", "units"], "demo": ["demo"]}[verb]
    assert main([*arguments, "--out", "/proc/x"]) == 2
    out, error = capsys.readouterr()
    assert "/proc cannot be written to" in error and "--out" in error and not out


def test_a_box_of_the_parser_never_shows():
    ended = subprocess.run([sys.executable, "-m", "elman", "train", "x.csv", "--seed", "x"], capture_output=True, text=True)  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (
        ended.stderr
        == "elman train: --seed is 'x'; expected a whole number. Example, the default: --seed 0\n"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 120 bytes."), "120 bytes more were wanted"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0"), "2.00 GiB more were wanted"),
        (MemoryError(), "not enough memory. Smaller are --hidden-size"),
    ],
)  # fmt: skip
def test_a_network_that_does_not_fit_says_what_is_smaller(error, words, sales, capsys, monkeypatch):
    def full(*arguments, **options):
        raise error

    monkeypatch.setattr("elman.trial.dry_run", full)
    assert main(["train", sales, "--time", "date", "--target", "units", "--dry-run", "--quiet"]) == 1
    assert words in capsys.readouterr().err
