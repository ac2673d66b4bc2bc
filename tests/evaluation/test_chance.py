"""Chance in closed form: a row beside the rivals, and the verdict on who is not beyond it."""

from __future__ import annotations

import numpy as np
import pytest

import elman
from elman.cli import data as data_verb
from elman.core.results import Predictions
from elman.data.contract import Chance, Examples
from elman.evaluation.contract import TextProblem
from elman.evaluation.verdict import judge
from elman.report.tables import scores_table

HALF = Chance("accuracy", 0.5, "both classes are alike")


@pytest.fixture
def coins():
    draw = np.random.default_rng(0)
    true = draw.integers(0, 2, 1000)
    examples = Examples([f"text {row}" for row in range(1000)], ["ab"[number] for number in true])

    def guess(share):
        given = np.where(draw.permutation(1000) < 1000 * share, true, 1 - true)  # so many are right
        return Predictions("classes", np.eye(2)[given], true, ("a", "b"))

    return TextProblem({"train": examples, "validation": examples, "test": examples}, ("a", "b")), guess


def test_chance_is_a_row_without_interval_or_difference(coins):
    problem, guess = coins
    scores = judge("test", guess(0.9), {"tfidf_logistic": guess(0.7)}, problem, chance=HALF)
    row = scores.rows[-1]
    assert (row.name, row.is_rival, row.note) == ("chance", True, "in closed form")
    assert row.metrics["accuracy"].value == 0.5 and row.metrics["accuracy"].low is None
    assert [pair.rival for pair in scores.paired] == ["tfidf_logistic"] and scores.beats_best_rival
    assert "Chance is 50.0%: both classes are alike." in scores.verdict
    shown = scores_table(scores).rows[-1]
    assert (shown.name, shown.interval, shown.difference, shown.note) == ("chance", "", "", "in closed form")


def test_who_is_not_beyond_chance_has_learnt_nothing_even_where_rivals_are_worse(coins):
    problem, guess = coins
    for rivals in ({}, {"tfidf_logistic": guess(0.4)}):
        scores = judge("test", guess(0.5), rivals, problem, chance=HALF)
        assert "has learnt nothing that shows" in scores.verdict and not scores.beats_best_rival
        assert "Chance is 50.0%" in scores.verdict
    alone = judge("test", guess(0.9), {}, problem, chance=HALF).verdict
    assert "no rival was run, so chance alone says whether that is good. Chance is 50.0%" in alone
    assert "Chance" not in judge("test", guess(0.9), {}, problem).verdict


def test_for_errors_lower_is_better():
    true = np.random.default_rng(1).random((1000, 2)).sum(1)
    problem = TextProblem(
        {"test": Examples(["a b"] * 1000, true.tolist()), "train": Examples(["a"], [1.0])}, None
    )
    chance = Chance("rmse", 6**-0.5, "always answering 1")
    always = Predictions("values", np.ones(1000), true)
    assert "learnt nothing" in judge("test", always, {}, problem, chance=chance).verdict
    near = Predictions("values", true + 0.1, true)
    scores = judge("test", near, {"mean_value": always}, problem, chance=chance)
    assert scores.beats_best_rival and "Chance is 0.4082: always answering 1." in scores.verdict


def test_a_run_shows_chance_everywhere(tmp_path, capsys):
    few = {"length": 4, "test_length": 8, "limit": 200}
    run = elman.fit(
        "parity", **few, epochs=1, hidden_size=4, rivals=["majority"], out=tmp_path / "run", explained=False
    )
    elman.evaluate(run)
    elman.explain(run, ["errors"])
    test, validation = run.scores["test"], run.scores["validation"]
    assert [row["name"] for row in test["rows"] if row["note"]] == ["chance"]
    assert "chance" not in [row["name"] for row in validation["rows"]]  # it is that of the test's lengths
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "chance on the test split" in page and "a guess is right half of the time" in page
    assert data_verb.main(["parity", "--length", "4", "--test-length", "8"]) == 0
    assert "accuracy 0.5: both classes are alike" in capsys.readouterr().out


@pytest.mark.parametrize(
    "source", ["adding", "copy_memory", "dyck1", "dyck2", "modular_arithmetic", "parity"]
)
def test_every_drawn_source_trains_and_stands_beside_chance(source, tmp_path):
    settings = {"length": 22, "test_length": 30, "limit": 100, "epochs": 1, "hidden_size": 4, "rivals": ()}
    run = elman.fit(source, **settings, out=tmp_path / "run", explained=False)
    scores = elman.evaluate(run, splits=["test"])["test"]
    row = next(row for row in scores.rows if row.name == "chance")
    assert set(row.metrics) == {scores.primary.name} and "Chance is" in scores.verdict
