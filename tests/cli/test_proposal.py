"""The question that `elman train FILE` asks, and what happens where there is nobody to ask."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from elman.__main__ import main
from elman.cli import _proposal
from elman.cli._terminal import Terminal
from elman.core.recipe import Recipe


@pytest.fixture
def two(tmp_path):
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(90)]
    path = tmp_path / "two.csv"
    draw = np.random.default_rng(0)
    pl.DataFrame({"date": days, "alpha": draw.random(90), "beta": draw.random(90)}).write_csv(path)
    return str(path)


def agreed(path, *answers, monkeypatch, yes=False, person=True):
    given = iter(answers)
    monkeypatch.setattr(_proposal, "interactive", lambda: person)
    monkeypatch.setattr("builtins.input", lambda prompt: next(given))
    return _proposal.agreed(Recipe().override({"source": path}), Terminal(), yes=yes)


@pytest.mark.parametrize(
    ("answers", "target"), [(["2"], "alpha"), ([""], "beta"), (["0", "x", "4", "1"], "beta")]
)
def test_a_person_chooses(two, answers, target, monkeypatch, capsys):
    recipe = agreed(two, *answers, monkeypatch=monkeypatch)
    assert (recipe.data.target, recipe.data.time, recipe.task) == ((target,), "date", "forecasting")
    shown = capsys.readouterr().out.replace("\n", " ")
    assert "1  elman train" in shown and f"--target {target}" in shown and "observed" in shown


def test_the_command_keeps_the_flags_that_were_given(two, capsys):
    assert main(["train", two, "--cell", "lstm", "--horizon", "3"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "--target beta" in line]
    assert lines[0].endswith("--target beta --observed alpha --frequency 1d --cell lstm --horizon 3")


def test_data_shows_the_first_reading_and_names_the_others(two, capsys):
    assert main(["data", two]) == 0
    shown = capsys.readouterr().out
    assert (
        "reads as elman train" in shown
        and shown.count("or as    elman train") == 2
        and "forecast    beta:" in shown
    )


def test_yes_takes_the_first(two, monkeypatch):
    assert agreed(two, monkeypatch=monkeypatch, yes=True).data.target == ("beta",)


def test_nobody_to_ask_is_status_2_with_the_commands(two, capsys):
    assert main(["train", two]) == 2
    error = capsys.readouterr().err
    assert f"elman train {two} --time date --target beta --observed alpha --frequency 1d --horizon 7" in error
    assert "--target alpha" in error and "--yes" in error and "Traceback" not in error


def test_the_guess_is_printed_as_the_whole_command_and_trained_on(two, tmp_path, capsys):
    assert main(["train", two, "--yes", "--steps", "2", "--hidden-size", "4", "--context-length", "9", "--out", str(tmp_path / "run"), "--rival", "last_value"]) == 0  # fmt: skip
    shown = " ".join(capsys.readouterr().out.split())
    assert "reads as elman train" in shown and "target beta" in shown
    recipe = Recipe.read(tmp_path / "run" / "recipe.toml")
    assert (recipe.data.time, recipe.data.target, recipe.encoding.horizon) == ("date", ("beta",), 7)


def test_what_is_said_is_not_said_again(two, monkeypatch, capsys):
    monkeypatch.setattr(_proposal, "interactive", lambda: False)
    recipe = Recipe().override({"source": two, "time": "date", "target": ("alpha",), "horizon": 3})
    assert _proposal.agreed(recipe, Terminal()).override({"task": None}) == recipe
    assert "reads as" not in capsys.readouterr().out


def test_a_named_source_is_not_looked_at(monkeypatch):
    recipe = Recipe().override({"source": "syllables"})
    assert _proposal.agreed(recipe, Terminal()) is recipe
