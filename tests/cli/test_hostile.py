"""What a user can do wrong, through the command line: status 2, one sentence with the fix, nothing overwritten."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest
import torch
from safetensors.torch import load_file, save_file

from elman.__main__ import main
from elman.core.errors import RunError
from elman.core.recipe import Recipe
from elman.workbench import fit, prepare

SMALL = ["--steps", "4", "--hidden-size", "4", "--bootstrap", "20", "--quiet"]


def films(count=120, label=lambda k: str(k % 2)):
    return "".join(f"{'good' if k % 2 else 'bad'} film {k},{label(k)}\n" for k in range(count))


def days(count=120, value=lambda k: str(k % 7)):
    return "".join(f"{date(2024, 1, 1) + timedelta(days=k)},{value(k)}\n" for k in range(count))


FILES = {
    "ok.csv": "text,label\n" + films(),
    "bom.csv": b"\xef\xbb\xbf" + ("text,label\n" + films()).encode(),
    "semicolons.csv": ("text,label\n" + films()).replace(",", ";"),
    "tabs.csv": ("text,label\n" + films()).replace(",", "\t"),
    "filme \u00fc \u65e5\u672c.csv": "text,label\n" + films(),
    "comma.csv": "day;units\n"
    + days(value=lambda k: f"{k % 7},5").replace(",", ";", 10**9).replace(";5\n", ",5\n"),
    "empty.csv": "",
    "latin.txt": ("caf\u00e9 " * 900).encode("latin-1"),
    "one_class.csv": "text,label\n" + films(label=lambda k: "a"),
    "blank_label.csv": "text,label\n" + films(label=lambda k: " " if k % 2 else "a"),
    "many.csv": "text,label\n" + films(10_000, lambda k: f"c{k}"),
    "one_row.csv": "text,label\nfilm,1\n",
    "ragged.csv": "text,label\n" + "a film, long,1\n" * 9,
    "binary.csv": b"\x89PNG\r\n" + bytes(range(256)),
    "bad.parquet": b"no parquet",
    "bad.jsonl": '{"text": "x", "label": 1}\n{oops\n',
    "days.csv": "day,units\n" + days(),
    "many_units.csv": "day,units\n" + days(value=lambda k: "many" if k == 44 else "1"),
    "no_units.csv": "day,units\n" + days(value=lambda k: "NaN"),
    "twice.csv": "day,units\n" + days() + "2024-01-05,99\n",
    "short.csv": "day,units\n" + days(25),
    "vectors.txt": "good 1 2 3\nbad 1 2 3\n",
    "text.txt": "to be or not to be, that is the question. " * 80,
}
SERIES = ["--time", "day", "--target", "units"]


@pytest.fixture(autouse=True, scope="module")
def place(tmp_path_factory):
    folder, patch = tmp_path_factory.mktemp("hostile"), pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setenv("ELMAN_STATE", str(folder / "state"))
    for name, content in FILES.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "folder.csv").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("mine")
    for name, source, more in (
        ("words", "ok.csv", ["--rival", "majority"]),
        ("series", "days.csv", [*SERIES, "--rival", "train_mean"]),
        ("writer", "text.txt", ["--rival", "unigram"]),
    ):
        assert main(["train", source, "--out", name, *more, *SMALL]) == 0
    yield folder
    patch.undo()


def refused(arguments, words, capsys):
    capsys.readouterr()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["empty.csv"], "is empty"),
        (["latin.txt"], "not UTF-8: byte 0xe9"),
        (["one_class.csv"], "one class only"),
        (["blank_label.csv"], "one class only"),  # where there is a label at all
        (["many.csv"], "10,000 different values in 10,000 rows: too many to be classes"),
        (["one_row.csv"], "one class only"),
        (["ragged.csv"], "equally many fields"),
        (["binary.csv"], "not UTF-8"),
        (["bad.parquet"], "cannot be read as a parquet table"),
        (["bad.jsonl"], "cannot be read as a jsonl table"),
        (["folder.csv"], "no .txt or .md file"),
        (["many_units.csv", *SERIES], "'many' in row 45"),
        (["no_units.csv", *SERIES], "no value in the"),
        (["twice.csv", *SERIES], "different rows for the same time"),
        (["short.csv", *SERIES], "too few for one window"),
        (["days.csv", "--time", "dya", "--target", "units"], "Did you mean 'day'"),
        (["days.csv", *SERIES, "--horizon", "0"], "horizon is 0; expected 1 or more"),
        (["days.csv", *SERIES, "--frequency", "3parsecs"], "expected e.g. 15m"),
        (["days.csv", "--task", "classification"], "for forecasting; classification cannot use it"),
        (["ok.csv", "--task", "forecasting"], "forecasting cannot use it"),
        (["days.csv", *SERIES, "--text", "note"], "drop one or the other"),
        (["Ok.csv"], "Did you mean 'ok.csv'?"),
        (["https://example.com/a.csv"], "is an address; expected a file"),
        (["ok.csv", "--text", "txt"], "Did you mean 'text'"),
        (["ok.csv", "--epochs", "-1"], "epochs is -1.0; expected more than 0"),
        (["ok.csv", "--batch-size", "0"], "batch_size is 0; expected 1 or more"),
        (["ok.csv", "--learning-rate", "nan"], "learning_rate is nan"),
        (["ok.csv", "--dropout", "1.5"], "dropout is 1.5; expected 0 or more, and less than 1"),
        (["ok.csv", "--bootstrap", "0"], "bootstrap is 0"),
        (["ok.csv", "--seed", "-1"], "seed is -1"),
        (["ok.csv", "--test-share", "0.6", "--validation-share", "0.5"], "1.1 together"),
        (["ok.csv", "--tied"], "tied is a setting of language_modelling; classification does not use it"),
        (["ok.csv", "--horizon", "3"], "horizon is a setting of forecasting"),
        (["ok.csv", "--loss", "mae"], "loss is a setting of forecasting and regression"),
        (["ok.csv", "--task", "regression", "--class-weights", "balanced"], "setting of classification"),
        (
            ["text.txt", "--max-length", "9"],
            "max_length is a setting of classification, multilabel and regression",
        ),
        (["text.txt", "--pooling", "mean"], "pooling is a setting of"),
        (["days.csv", *SERIES, "--tied"], "tied is a setting of language_modelling"),
        (["days.csv", *SERIES, "--tokenizer", "words"], "tokenizer is a setting of"),
        (["days.csv", *SERIES, "--context-length", "9", "--patch-length", "10"], "expected at most 9"),
        (["ok.csv", "--vectors", "nothing.txt"], "nothing.txt: No such file"),
        (["ok.csv", "--vectors", "vectors.txt", "--embedding-size", "5"], "Use --embedding-size 3"),
        (["ok.csv", "--out", "words"], "words holds a run already"),
        (["ok.csv", "--out", "full"], "something in it"),
        (["ok.csv", "--out", "ok.csv"], "ok.csv is a file"),
        (["ok.csv", "--resume", "words"], "keeps its own source and settings"),
        (["--resume", "folder.csv"], "no run.json"),
        (["--resume", "nowhere"], "no run folder"),
    ],
)
def test_training(arguments, words, capsys):
    refused(["train", *arguments], words, capsys)


def test_python_overwrites_no_run_either(place):
    before = (place / "words" / "run.json").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        fit("ok.csv", out="words", steps=4, hidden_size=4)
    assert (place / "words" / "run.json").read_bytes() == before


@pytest.mark.parametrize("name", ["words", "series", "writer"])
def test_the_recipe_of_a_run_is_not_refused(name, place):
    assert prepare(Recipe.read(place / name / "recipe.toml")).task.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "words", "days.csv"], "no column 'text'"),
        (["predict", "words", "folder.csv"], "is a folder"),
        (["predict", "words", "full"], "is a folder"),
        (["predict", "words", "latin.txt"], "not UTF-8"),
        (["predict", "series", "ok.csv"], "no column 'day'"),
        (["predict", "series", "short.csv"], "the network reads 28"),
        (["predict", "series", "nothing.csv"], "nothing at nothing.csv"),
        (["predict", "series", "--text", "hello"], "forecasts series"),
        (["predict", "writer", "ok.csv"], "elman generate"),
        (["generate", "words"], "needs a language model"),
        (["generate", "writer", "--temperature", "nan"], "temperature"),
        (["predict", "words", "ok.csv", "--text", "x"], "both ok.csv and --text are given"),
        (["predict", "wrods", "--text", "x"], "no run folder at wrods. Did you mean 'words'?"),
        (["evaluate", "ok.csv"], "ok.csv is a file; a run is a folder"),
        (["explain", "words", "memory", "--at", "good"], "at: an option of dynamics"),
        (["generate", "writer", "--length", "0"], "length is 0; expected 1 or more"),
        (["generate", "writer", "--top-k", "-1"], "top_k is -1; expected 1 or more"),
        (["open", "words", "--port", "99999999"], "port is 99999999; expected 0 to 65535"),
        (["compare", "words", "series"], "words on ok.csv (hash"),
        (["compare", "words", "./words"], "given twice"),
        (["compare", "words", "series", "--memory", "m.pdf"], "m.pdf is no name for a picture"),
        (["eject", "words", "--out", "ok.csv/deep"], "ok.csv is a file; expected a folder"),
        (["compare", "words", "folder.csv"], "no run.json"),
        (["eject", "words", "--out", "ok.csv"], "ok.csv"),
        (["data", "folder.csv"], "no .txt or .md file"),
        (["demo", "--epochs", "0"], "epochs is 0.0"),
    ],
)
def test_other_verbs(arguments, words, capsys):
    refused(arguments, words, capsys)


@pytest.mark.parametrize("name", ["bom.csv", "semicolons.csv", "tabs.csv", "filme \u00fc \u65e5\u672c.csv"])
def test_tables_as_people_have_them(name, capsys):
    assert main(["train", name, "--dry-run", "--steps", "3"]) == 0
    assert "85 train" in capsys.readouterr().out


def test_a_decimal_comma(capsys):
    assert main(["data", "comma.csv", *SERIES]) == 0
    assert "0.5 to 6.5" in capsys.readouterr().out


def copied(place, name, to):
    shutil.rmtree(place / to, ignore_errors=True)
    shutil.copytree(place / name, place / to)
    return place / to


def test_checkpoints_that_are_not_this_runs(place, capsys):
    run = copied(place, "words", "broken")
    best, last = (run / "checkpoints" / f"{name}.safetensors" for name in ("best", "last"))
    whole = best.read_bytes()
    best.write_bytes(whole[:-9])
    refused(["predict", "broken", "--text", "x"], "damaged", capsys)
    save_file({"bert.weight": torch.zeros(2)}, best)
    refused(["predict", "broken", "--text", "x"], "not written by Elman", capsys)
    shutil.copy(place / "writer" / "checkpoints" / "best.safetensors", best)
    refused(["predict", "broken", "--text", "x"], "does not fit", capsys)
    assert load_file(best)
    best.write_bytes(whole)
    last.write_bytes(b"rubbish")
    refused(["train", "--resume", "broken"], "damaged", capsys)
    last.unlink()
    refused(["train", "--resume", "broken"], "no checkpoint", capsys)
    best.unlink()
    refused(["generate", "broken"], "needs a language model", capsys)
    refused(["predict", "broken", "--text", "x"], "no checkpoint", capsys)


def test_an_encoder_with_a_key_less(place, capsys):
    path = copied(place, "words", "older") / "encoder.json"
    stored = json.loads(path.read_text())
    del stored["bigrams"]  # younger than the first runs: read as none
    path.write_text(json.dumps(stored))
    assert main(["predict", "older", "--text", "x"]) == 0
    del stored["labels"]
    path.write_text(json.dumps(stored))
    refused(["predict", "older", "--text", "x"], "encoder.json has no key 'labels'", capsys)


@pytest.mark.parametrize(
    ("name", "content", "arguments", "words"),
    [
        ("run.json", b"{", ["predict", "half", "--text", "x"], "run.json is damaged"),
        ("run.json", b"null", ["predict", "half", "--text", "x"], "run.json is damaged (it holds nothing, not a dict)"),
        ("recipe.toml", b"[data", ["predict", "half", "--text", "x"], "recipe.toml is not a TOML recipe"),
        ("recipe.toml", b"\xff\xfe\x00", ["open", "half"], "recipe.toml is not a TOML recipe"),
        ("recipe.toml", b"", ["open", "half"], "recipe.toml does not say task and data.source"),
        ("recipe.toml", b"", ["report", "half"], "recipe.toml does not say task and data.source"),
        ("recipe.toml", b"[model]\ncel = 3", ["open", "half"], "recipe.toml: unknown setting 'cel' in [model]"),
        ("recipe.toml", b"[model]\nhidden_size = 'big'", ["report", "half"], "recipe.toml: [model] hidden_size is 'big'"),
        ("encoder.json", b"[]", ["predict", "half", "--text", "x"], "encoder.json is damaged (it holds a list, not a dict)"),
        ("encoder.json", b'{"text": 3, "labels": ["0", "1"]}', ["predict", "half", "--text", "x"], "encoder.json does not fit the recipe"),
        ("scores.json", b'{"validation": {', ["evaluate", "half"], "scores.json is damaged"),
        ("scores.json", b"[1]", ["compare", "words", "half"], "scores.json is damaged"),
        ("findings.json", b"[{", ["explain", "half", "memory"], "findings.json is damaged"),
        ("findings.json", b"[{", ["report", "half"], "findings.json is damaged"),
        ("views.json", b"{", ["report", "half"], "views.json is damaged"),
        ("predictions-validation.parquet", b"PAR1", ["compare", "words", "half"], "is damaged. Make it anew: elman evaluate half --split validation"),
        ("findings/attribution.npz", b"PK", ["explain", "half", "memory"], "attribution.npz is damaged"),
        ("checkpoints/best.safetensors", b"PK\x03\x04" + b"0" * 99, ["predict", "half", "--text", "x"], "is damaged or no safetensors file"),
    ],
)  # fmt: skip
def test_a_file_that_was_half_written(name, content, arguments, words, place, capsys):
    (copied(place, "words", "half") / name).write_bytes(content)
    capsys.readouterr()
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert words in error and len(error.strip().splitlines()) == 1
    if arguments[0] == "evaluate":  # before the test split is looked at once more
        assert not out


def test_a_file_that_is_gone(place, capsys):
    run = copied(place, "words", "half")
    (run / "predictions-validation.parquet").unlink()
    refused(["compare", "words", "half"], "is missing. Make it anew", capsys)
    text = (run / "recipe.toml").read_text()
    (run / "recipe.toml").unlink()
    for verb in ("open", "report", "explain"):
        refused(
            [verb, "half"],
            "half has no recipe.toml. A run cannot be read without its recipe: restore the file",
            capsys,
        )
    (run / "recipe.toml").write_text(text.replace('"ok.csv"', '"OK.csv"'))
    refused(["evaluate", "half"], "no file or folder at OK.csv. Did you mean 'ok.csv'?", capsys)
    (run / "recipe.toml").write_text(text.replace('"ok.csv"', '"gone/ok.csv"'))
    refused(["eject", "half"], "There is no folder gone.", capsys)


@pytest.mark.parametrize("verb", ["predict", "evaluate", "explain", "report", "eject", "generate"])
def test_a_run_of_a_newer_version(verb, place, capsys):
    run = copied(place, "words", "newer")
    (run / "run.json").write_text(json.dumps({"format": 99}))
    text = ["--text", "x"] if verb == "predict" else []
    refused([verb, "newer", *text], "format 99; this version of Elman reads format", capsys)


def test_a_full_disk_ends_a_training_with_what_was_saved(place, capsys, monkeypatch):
    copied(place, "words", "filled")
    before = (place / "filled" / "checkpoints" / "best.safetensors").read_bytes()
    whole = os.replace

    def full(first, second):
        if str(second).endswith("safetensors"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(first, second)

    monkeypatch.setattr(os, "replace", full)
    (place / "filled" / "recipe.toml").write_text(
        (place / "filled" / "recipe.toml").read_text().replace("steps = 4", "steps = 8")
    )
    assert main(["train", "ok.csv", "--out", "filled-too", "--rival", "majority", *SMALL]) == 1
    error = capsys.readouterr().err
    assert "No space left" in error and "intact" in error and len(error.strip().splitlines()) == 1
    assert (place / "filled" / "checkpoints" / "best.safetensors").read_bytes() == before


def test_a_loss_that_is_no_number_says_what_to_try(capsys):
    wild = ["--learning-rate", "1e30", "--clip-norm", "0", "--cell", "rnn", "--activation", "relu"]
    arguments = ["train", "days.csv", *SERIES, "--rival", "train_mean", "--out", "wild", *wild, *SMALL]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "not a number" in error and "--learning-rate" in error and len(error.strip().splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as on Unix")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(times, place):
    """Once: the step is finished, what is saved is whole, and the run is measured. Twice: it ends at once."""
    shutil.rmtree(place / f"stopped-{times}", ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "elman",
        "train",
        "ok.csv",
        "--rival",
        "majority",
        "--out",
        f"stopped-{times}",
    ]
    more = ["--steps", "1000000", "--validations", "20000", "--hidden-size", "4", "--bootstrap", "20"]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics, began = place / f"stopped-{times}" / "metrics.jsonl", time.monotonic()
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2) and time.monotonic() - began < 60:
        time.sleep(0.05)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    assert process.returncode == 0 if times == 1 else process.returncode in (0, 130)
    if times == 1:
        assert (
            "interrupted after" in out
            and "elman train --resume stopped-1" in out
            and (place / "stopped-1" / "scores.json").exists()
        )
    assert (place / f"stopped-{times}" / "checkpoints" / "last.safetensors").exists()
