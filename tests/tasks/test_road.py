"""The whole road on small data, for every task: train, verdict, findings, report, predict, eject, compare."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import elman
from elman.__main__ import main as command
from elman.core.errors import ElmanError, RecipeError, RunError
from elman.interpretation.suite import Behaviour
from elman.report.assemble import with_stored
from elman.run import Run

SMALL = {"hidden_size": 12, "steps": 60, "validations": 3, "rivals": (), "bootstrap": 50}


@pytest.fixture(autouse=True, scope="module")
def state(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("ELMAN_STATE", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("road")


@pytest.fixture(scope="module")
def words(folder):
    draw = np.random.default_rng(0)
    rows = [("".join(draw.choice(list("bcdfg"), 6)), k) for k in range(600)]
    rows = [(text + ("aa" if k % 2 else "ee"), "soft" if k % 2 else "bright") for text, k in rows]
    pl.DataFrame(rows, schema=["text", "label"], orient="row").write_csv(folder / "words.csv")
    return elman.fit(
        folder / "words.csv",
        out=folder / "words",
        tokenizer="characters",
        learning_rate=0.02,
        **{**SMALL, "rivals": ("majority",)},
    )


@pytest.fixture(scope="module")
def numbers(folder):
    draw = np.random.default_rng(0)
    rows = [(" ".join(draw.choice(["up", "down", "flat"], 8)), 0.0) for _ in range(500)]
    rows = [(text, text.count("up") - text.count("down") + draw.normal(0, 0.1)) for text, _ in rows]
    pl.DataFrame(rows, schema=["text", "score"], orient="row").write_csv(folder / "numbers.csv")
    return elman.fit(
        folder / "numbers.csv",
        out=folder / "numbers",
        learning_rate=0.02,
        **{**SMALL, "rivals": ("mean_value",)},
    )


@pytest.fixture(scope="module")
def language(folder):
    (folder / "text.txt").write_text(
        "the cat sat on the mat. the dog ate the cat's hat. " * 120, encoding="utf-8"
    )
    return elman.fit(
        folder / "text.txt",
        out=folder / "language",
        cell="lstm",
        truncation_length=20,
        batch_size=8,
        learning_rate=0.02,
        **{**SMALL, "rivals": ("unigram",)},
    )


@pytest.fixture(scope="module")
def series(folder):
    days = [date(2023, 1, 1) + timedelta(days=k) for k in range(500)]
    noise = np.random.default_rng(0).normal(0, 0.3, 500)
    rows = {"day": days, "units": [10 + 3 * np.sin(2 * np.pi * k / 7) + noise[k] for k in range(500)]}
    pl.DataFrame(rows).write_csv(folder / "sales.csv")
    return elman.fit(
        folder / "sales.csv", out=folder / "series", time="day", target="units", horizon=7, context_length=21, learning_rate=0.01,
        **{**SMALL, "rivals": ("train_mean", "seasonal_naive")},
    )  # fmt: skip


RUNS = ("words", "numbers", "language", "series")


@pytest.fixture(params=RUNS)
def run(request):
    return request.getfixturevalue(request.param)


def test_it_learns_what_there_is(words, numbers, language, series):
    assert (
        words.scores["test"]["beats_best_rival"] and elman.Run.open(words.folder).scores["test"]["looks"] >= 1
    )
    assert numbers.scores["test"]["beats_best_rival"]
    assert language.scores["test"]["beats_best_rival"]
    rows = {row["name"]: row["metrics"]["mse"]["value"] for row in series.scores["test"]["rows"]}
    assert rows["series"] < rows["train_mean"] / 3


def test_pictures_and_arrays_lie_beside_the_findings(words, language, capsys):
    from elman.cli import explain

    assert explain.main([str(words.folder), "memory", "gates", "--pictures", "svg"]) == 0
    shown = capsys.readouterr().out
    assert "asking  memory: " in shown and "passes over them" in shown
    names = {path.name for path in (words.folder / "findings").iterdir()}
    (found,) = elman.explain(language.folder, ["dynamics"], at=["a", "t"])
    assert "Under a it has" in found.sentence and "points t" in found.arrays
    assert {"memory.svg", "gates.svg", "memory.npz", "gates.npz", "connectivity.npz"} <= names


def test_a_suite_of_behaviour_is_asked(words, numbers, language, series, folder, capsys):
    from elman.cli import explain

    (folder / "mine.toml").write_text(
        '[[test]]\nname = "letters"\nkind = "directional"\nreplace = { "bcdbcdaa" = "bcdbcdee" }\nlabel = "bright"\nexpect = "up"\n'
        'examples = ["bcdbcdaa"]\n'
        '[[test]]\nname = "plain"\nkind = "minimum_functionality"\nexamples = ["bcbcbcaa", "bcbcbcee"]\nexpect = "soft"\n',
        encoding="utf-8",
    )
    assert explain.main([str(words.folder), "behaviour", "--suite", str(folder / "mine.toml")]) == 0
    assert "behave" in capsys.readouterr().out
    found = next(each for each in words.findings if each["question"] == "behaviour")
    assert {row["test"]: row["failing"] for row in found["table"]} == {"letters": 0.0, "plain": 0.5}
    assert "no example" not in found["sentence"].lower()
    with pytest.raises(RecipeError, match="--suite"):
        elman.explain(words, ["behaviour"])  # the order of letters is the signal
    with pytest.raises(RecipeError, match="behaviour --suite"):
        elman.explain(words, ["memory"], suite=folder / "mine.toml")
    asked = next(each for each in numbers.findings if each["question"] == "behaviour")
    assert {row["test"] for row in asked["table"]} == {"typos", "missing words", "length"}
    lost = {row["test"]: row["failing"] for row in asked["table"]}
    assert lost["missing words"] > 0.2  # an up or a down less is another score
    (shifted,) = elman.explain(series, ["behaviour"])
    assert {row["test"] for row in shifted.table} == {"time shift", "missing inputs", "noise"}
    own = Behaviour("higher", "directional", lambda window, draw: window, expect="up")
    assert (
        elman.explain(series, ["behaviour"], suite=[own])[0].value == 1.0
    )  # what does not change does not rise
    with pytest.raises(RecipeError, match="Use changes"):
        elman.explain(series, ["behaviour"], suite=[Behaviour("a", "invariance", "noise", examples=(1,))])
    with pytest.raises(RecipeError, match="language_modelling"):
        elman.explain(language, ["behaviour"], suite=[own])
    saturation, told = elman.explain(language, ["behaviour", "saturation"])
    assert (
        saturation.question == "saturation"
        and "behaviour is not asked of" in told.sentence
        and "--suite" not in told.sentence
    )


def test_a_language_model_is_held_against_ngrams(language, words):
    found = {each["question"]: each for each in language.findings}
    assert {"ngrams", "calibration", "units", "spans", "saturation"} <= set(found)
    assert found["ngrams"]["unit"] == "bits per token" and found["ngrams"]["interval"]
    with pytest.raises(RecipeError, match="language model"):
        elman.explain(words, ["ngrams"])


def test_a_run_that_is_watched_trains_to_the_same_bit(folder, words):
    told = {
        "tokenizer": "characters",
        "learning_rate": 0.02,
        **SMALL,
        "rivals": ("majority",),
    }
    plain = elman.fit(folder / "words.csv", out=folder / "plain", **told)
    seen = elman.fit(folder / "words.csv", out=folder / "seen", watch=True, **told)
    assert [row["train_loss"] for row in plain.history] == [row["train_loss"] for row in seen.history]
    ours, theirs = seen.network.state_dict(), plain.network.state_dict()
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    rows = [json.loads(line) for line in (folder / "seen" / "watched.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 20, 40, 60] and not (
        folder / "plain" / "watched.jsonl"
    ).exists()
    (found,) = elman.explain(seen, ["training"])
    assert found.residual < 1e-4 and found.control is not None and "before training" in found.sentence
    with pytest.raises(RecipeError, match="--watch"):
        elman.explain(plain, ["training"])


def test_the_folder_holds_what_it_promises(run):
    names = {
        "recipe.toml",
        "run.json",
        "encoder.json",
        "environment.json",
        "metrics.jsonl",
        "scores.json",
        "findings.json",
        "findings",
        "report.html",
        "predictions-test.parquet",
    }
    assert names <= {path.name for path in run.folder.iterdir()}
    assert {"best.safetensors", "last.safetensors"} <= {
        path.name for path in (run.folder / "checkpoints").iterdir()
    }
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "verdict" in page.lower() and not re.search(r"""(src|href)=["']https?://""", page)
    assert len(run.findings) >= 3 and all(finding["sentence"] for finding in run.findings)
    assert run.recipe.training.steps == 60 and run.recipe.task
    assert "verdict" not in repr(run) and run.name in repr(run)


def test_opening_a_run_again_gives_the_same_network(run):
    import torch

    again = Run.open(run.folder)
    for name, value in run.network.state_dict().items():
        torch.testing.assert_close(value, again.network.state_dict()[name], rtol=0, atol=0)


def test_the_recipe_of_a_run_repeats_it(words, folder):
    again = elman.fit(words.folder / "recipe.toml", out=folder / "again", explained=False)
    first, second = (
        json.loads((f / "metrics.jsonl").read_text().splitlines()[-1]) for f in (words.folder, again.folder)
    )
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_the_ejected_script_reproduces_the_validation_number(run, folder):
    from elman.eject.write import eject

    script = eject(run, folder / f"ejected-{run.name}")
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200 and "import elman" not in text
    for heading in ("Dataset", "Preprocessing", "Model", "Training", "Evaluation", "Analysis"):
        assert f"# %% {heading}" in text
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    stated = run.scores["validation"]
    network = next(row for row in stated["rows"] if not row["is_rival"])
    own = network["metrics"][stated["primary"]["name"]]["value"]
    found = float(re.search(r"validation \S+ ([0-9.]+)", answer).group(1))
    assert found == pytest.approx(own, rel=2e-3)
    notebook = json.loads((script.parent / "main.ipynb").read_text())
    assert [cell["cell_type"] for cell in notebook["cells"]].count("code") >= 6


def test_the_ejected_script_trains_to_the_same_place(words, folder):
    from elman.eject.write import eject

    script = eject(words, folder / "ejected-train")
    answer = subprocess.run(
        [sys.executable, str(script), "--train"], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    found = float(re.search(r"validation accuracy ([0-9.]+)", answer).group(1))
    own = words.history[-1]["accuracy"]
    assert found == pytest.approx(own, abs=0.03)


def test_predicting_texts(words, numbers):
    table = elman.predict(words, ["bcdfgbaa", "ccddffee"])
    assert table["prediction"].to_list() == ["soft", "bright"]
    assert elman.predict(numbers, ["up up up up", "down down down"])["prediction"].is_sorted(descending=True)


def test_forecasting_what_comes_after_the_file(series, folder):
    table = elman.predict(series, folder / "sales.csv")
    assert table["day"].to_list()[0] == date(2023, 1, 1) + timedelta(days=500) and table.height == 7
    assert (table["low"] < table["prediction"]).all() and (table["prediction"] < table["high"]).all()
    expected = 10 + 3 * np.sin(2 * np.pi * np.arange(500, 507) / 7)
    assert np.abs(table["prediction"].to_numpy() - expected).max() < 1.5


@pytest.mark.parametrize("distribution", ["quantiles", "student_t"])
def test_probabilistic_forecasts(folder, series, distribution):
    run = elman.fit(
        folder / "sales.csv", out=folder / distribution, time="day", target="units", horizon=7, context_length=21, learning_rate=0.01,
        distribution=distribution, **SMALL,
    )  # fmt: skip
    metrics = next(row for row in run.scores["test"]["rows"] if not row["is_rival"])["metrics"]
    assert 0.5 < metrics["coverage_90%"]["value"] <= 1.0 and metrics["pinball"]["value"] > 0
    table = elman.predict(run, folder / "sales.csv")
    assert (table["low"] <= table["high"]).all()


def test_writing(language):
    text = elman.generate(language, "the ", length=30, seed=1)
    assert (
        text.startswith("the ")
        and len(text) == 34
        and text == elman.generate(language, "the ", length=30, seed=1)
    )
    with pytest.raises(RecipeError, match="temperature"):
        elman.generate(language, temperature=-1)


def test_comparing_runs(words, numbers, folder, capsys):
    from elman.evaluation.compare import compare

    other = elman.fit(
        folder / "words.csv",
        out=folder / "rnn",
        tokenizer="characters",
        cell="rnn",
        learning_rate=0.02,
        **SMALL,
    )
    capsys.readouterr()
    assert command(["compare", str(words.folder), str(other.folder)]) == 0
    assert "horizon" in capsys.readouterr().out
    result = compare([words, other], "validation")
    assert (
        result.rows[0].difference is None
        and result.rows[1].p is not None
        and "cell gru -> rnn" in result.changes["rnn"]
    )
    for row, run in zip(result.rows, (words, other)):
        (memory,) = (finding for finding in run.findings if finding["question"] == "memory")
        assert row.memory.value == memory["value"]
        assert [row.memory.low, row.memory.high] == (memory["interval"] or [None, None])
    with pytest.raises(RunError, match="different data"):
        compare([words, numbers], "validation")


def test_explaining_one_question_and_an_unknown_one(words):
    before = {finding["question"] for finding in words.findings}
    assert [finding.question for finding in elman.explain(words, ["memory"])] == ["memory"]
    assert {finding["question"] for finding in words.findings} == before > {"memory"}
    stored = {finding.question: finding for finding in with_stored(words.folder, ())}
    assert set(stored) == before and "order" in stored["interventions"].arrays and not stored["errors"].arrays
    with pytest.raises(ElmanError, match="Did you mean 'memory'"):
        elman.explain(words, ["memroy"])
    elman.explain(words)


def test_damaged_and_newer_runs(words, folder):
    import shutil

    broken = folder / "broken"
    shutil.copytree(words.folder, broken)
    (broken / "run.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99"):
        Run.open(broken)
    (broken / "run.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        Run.open(broken)
    with pytest.raises(RunError, match="no run folder"):
        Run.open(folder / "nowhere")


def test_resuming_an_interrupted_run(folder, words, monkeypatch):
    import elman.training.loop as loop

    real, calls = loop.save_state, []

    def dying(*arguments, **facts):
        real(*arguments, **facts)
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("power cut")

    monkeypatch.setattr(loop, "save_state", dying)
    with pytest.raises(RuntimeError, match="power cut"):
        elman.fit(words.folder / "recipe.toml", out=folder / "cut", explained=False)
    monkeypatch.setattr(loop, "save_state", real)
    again = elman.fit(folder / "cut" / "recipe.toml", resume=folder / "cut", explained=False)
    assert again.history[-1]["accuracy"] == words.history[-1]["accuracy"]


def test_other_tokenizers_and_options(folder, words):
    for number, settings in enumerate(({"tokenizer": "bpe", "vocabulary_size": 300}, {"tokenizer": "bytes"}, {"bigrams": 2, "bidirectional": True, "pooling": "mean_max"},
                     {"bigrams": 2, "log_count_ratios": True, "token_dropout": 0.1},
                     {"tokenizer": "characters", "layer_norm": True, "zoneout": 0.1, "cell": "mingru", "average": 0.9, "class_weights": "balanced"})):  # fmt: skip
        run = elman.fit(
            folder / "words.csv",
            out=folder / f"options{number}",
            **{**SMALL, "steps": 4, "validations": 1},
            **settings,
        )
        assert run.scores["test"]["rows"]


def test_the_estimator():
    texts = [f"{'fine good' if k % 2 else 'bad awful'} number{k}" for k in range(200)]
    y = [k % 2 for k in range(200)]
    model = elman.RecurrentClassifier(hidden_size=8, steps=60, learning_rate=0.02).fit(texts, y)
    assert repr(model) == "RecurrentClassifier(hidden_size=8, steps=60, learning_rate=0.02)"
    assert model.score(texts, y) > 0.95 and model.predict(["good fine"]).tolist() == [1]
    assert model.predict_proba(texts[:3]).sum(1) == pytest.approx(1.0)
    assert model.get_params()["hidden_size"] == 8
