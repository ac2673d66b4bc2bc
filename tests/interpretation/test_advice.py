"""Advice: each rule fires on what it is for and is silent beside it, and every command is one that works."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

import elman
from elman.analyses import advise
from elman.core.files import write_json
from elman.core.recipe import Recipe
from elman.core.results import Finding
from elman.interpretation.advice import advice
from elman.preparation import prepare

SETTINGS = {"dropout": 0.1, "clip_norm": 1.0, "learning_rate": 0.002, "steps": 400, "hidden_size": 64}


def rows(values, losses, norm=0.5):
    return [
        {"step": 100 * k, "epoch": k, "train_loss": loss, "accuracy": value, "grad_norm": norm}
        for k, (value, loss) in enumerate(zip(values, losses), 1)
    ]


def ask(history=(), findings=(), *, beats=True, settings=SETTINGS, context=None, higher=True):
    return advice(
        history, findings, monitor="accuracy", higher_is_better=higher, settings=settings, command="elman train imdb",
        beats_best_rival=beats, context_length=context,
    )  # fmt: skip


def memory(value, low, high):
    return Finding("memory", "", "", value, "steps", (low, high))


GATED = {**SETTINGS, "cell": "lstm", "initialisation": "cell"}


def sure(low=0.05, sentence="it is too sure."):
    return Finding("calibration", "", sentence, 0.06, "share", (low, 0.08), 0.02)


def repeating(share, errors=100):
    kind = np.where(np.arange(errors) < share * errors, 1, 4)
    return Finding("ngrams", "", "", arrays={"kind": np.concatenate([kind, np.full(50, -1)])})


def frail(test, low):
    row = {"test": test, "failing": 0.2, "low": low, "high": 0.3}
    return Finding("behaviour", "", "", table=(row, {**row, "test": "length", "low": 0.0}))


def faded(value):
    return Finding("training", "", "", value)


def spare(rise, sizes=(1, 32)):
    arrays = {"sizes": np.array(sizes), "loss_whole": np.ones(4), "units": np.arange(64)}
    return Finding(
        "interventions", "", "", arrays={**arrays, "loss_random": np.array([1.0, 1.0 + rise])[:, None, None]}
    )


def chaotic(low):
    return Finding("dynamics", "", "", 0.1, "nats per step", (low, 0.2))


CASES = {
    "over-fits": (lambda: ask(rows([0.8, 0.9, 0.8], [1, 0.5, 0.1])), "--dropout 0.3"),
    "still learning, by steps": (lambda: ask(rows([0.7, 0.8, 0.9], [1, 0.8, 0.6])), "--steps 600"),
    "still learning, by epochs": (
        lambda: ask(rows([0.7, 0.8, 0.9], [1, 0.8, 0.6]), settings={**SETTINGS, "steps": None}),
        "--epochs 4.5",
    ),
    "clipped": (lambda: ask(rows([0.9, 0.9], [1, 0.5], norm=8.0)), "--learning-rate 0.0007"),
    "loss rose": (lambda: ask(rows([0.9, 0.9, 0.9], [1, 0.5, 0.7])), "--learning-rate 0.0007"),
    "loss flat": (lambda: ask(rows([0.5, 0.5, 0.5], [0.69, 0.689, 0.688])), "--learning-rate 0.006"),
    "stuck gates": (lambda: ask(findings=[Finding("gates", "", "Stuck.", 0.8)]), "--layer-norm"),
    "unused memory": (
        lambda: ask(
            findings=[memory(9.0, 8.0, 12.0)], context=100, settings={**SETTINGS, "truncation_length": 100}
        ),
        "--truncation-length 24",
    ),
    "exhausted memory": (
        lambda: ask(
            findings=[memory(96.0, 96.0, 96.0)], context=96, settings={**SETTINGS, "context_length": 96}
        ),
        "--context-length 192",
    ),
    "too sure": (lambda: ask(findings=[sure()]), "--label-smoothing 0.1"),
    "repeats": (
        lambda: ask(findings=[repeating(0.3)], settings={**SETTINGS, "truncation_length": 100}),
        "--truncation-length 200",
    ),
    "frail": (lambda: ask(findings=[frail("typos", 0.11)]), "--token-dropout 0.1"),
    "faded": (
        lambda: ask(
            findings=[faded(0.009)], beats=False, settings={**GATED, "hidden_size": None}, context=80
        )[:1],
        "--initialisation chrono --longest-memory 80.0",
    ),
    "units to spare": (lambda: ask(findings=[spare(0.01)]), "--hidden-size 32"),
    "chaotic": (lambda: ask(findings=[chaotic(0.01)], settings=GATED), "--initialisation orthogonal"),
    "no skill": (lambda: ask(beats=False), "--hidden-size 128"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_gives_one_piece_of_advice_with_a_command_that_the_command_line_takes(case):
    from elman.cli._flags import parse
    from elman.cli.train import Train

    made, flags = CASES[case]
    (found,) = made()
    assert found.command == f"elman train imdb {flags}"
    parse(Train, shlex.split(found.command)[3:], "train imdb", Train(Recipe()))


@pytest.mark.parametrize(
    "made",
    [
        lambda: ask(),
        lambda: ask(rows([0.9], [0.5])),
        lambda: ask(rows([0.7, 0.9, 0.899], [1, 0.6, 0.5])),  # a tie is not over-fitting
        lambda: ask(rows([0.8, 0.9, 0.8], [0.5, 0.3, 0.31])),  # training loss did not fall: not over-fitting
        lambda: ask(rows([0.9, 0.9, 0.9005], [1, 0.8, 0.6])),  # hardly better: done
        lambda: ask(findings=[memory(60.0, 50.0, 70.0)], context=100),
        lambda: ask(
            findings=[Finding("memory", "", "", 1.0, "steps")], context=100
        ),  # nothing could be shown
        lambda: ask(findings=[Finding("gates", "", "", 0.3)]),
        lambda: ask(
            findings=[Finding("gates", "", "", 0.9)], settings={**SETTINGS, "layer_norm": True}
        ),  # it is on already
        lambda: ask(beats=None),
        lambda: ask(findings=[sure(low=0.04)]),
        lambda: ask(findings=[sure(sentence="it is not sure enough.")]),
        lambda: ask(findings=[sure()], settings={**SETTINGS, "label_smoothing": 0.1}),
        lambda: ask(findings=[repeating(0.2)], settings={**SETTINGS, "truncation_length": 100}),
        lambda: ask(findings=[repeating(0.3)]),
        lambda: ask(findings=[repeating(0.0, 0)], settings={**SETTINGS, "truncation_length": 100}),
        lambda: ask(findings=[frail("typos", 0.1)]),
        lambda: ask(findings=[frail("negation", 0.5)]),
        lambda: ask(findings=[frail("typos", 0.5)], settings={**SETTINGS, "token_dropout": 0.1}),
        lambda: ask(findings=[faded(0.009)], settings=GATED, context=80),
        lambda: ask(findings=[spare(0.02)]),
        lambda: ask(findings=[spare(0.01, sizes=(1, 16))]),
        lambda: ask(findings=[spare(0.01)], settings={**SETTINGS, "hidden_size": 8}),
        lambda: ask(findings=[Finding("interventions", "", "")]),
        lambda: ask(findings=[chaotic(1e-9)], settings=GATED),
        lambda: ask(findings=[chaotic(0.01)], settings={**GATED, "initialisation": "orthogonal"}),
    ],
)
def test_no_advice_without_a_cause(made):
    assert made() == ()


@pytest.mark.parametrize(
    ("case", "change"),
    [("over-fits", "Higher dropout: dropout 0.1 → 0.3"), ("still learning, by steps", "Longer training: steps 400 → 600"),
     ("still learning, by epochs", "Longer training: epochs 4.5"),
     ("clipped", "Lower learning rate: learning_rate 0.002 → 0.0007"), ("no skill", "Larger network: hidden_size 64 → 128"),
     ("stuck gates", "Layer norm on: layer_norm false → true"), ("unused memory", "Shorter context: truncation_length 100 → 24"),
     ("chaotic", "Initialisation: initialisation cell → orthogonal"), ("too sure", "Higher label smoothing: label_smoothing 0.1")],
)  # fmt: skip
def test_a_change_is_said_in_words_and_in_the_names_of_the_recipe(case, change):
    (found,) = CASES[case][0]()
    assert found.change == change


def test_a_loss_that_falls_is_better():
    history = rows([1.0, 0.8, 0.9], [1, 0.6, 0.2])
    (found,) = ask(history, higher=False)
    assert "over-fits" in found.observation and "0.8 to 0.9" in found.observation


def test_rows_without_validation_are_no_validation():
    history = rows([0.7, 0.8], [1, 0.8])
    del history[1]["accuracy"]
    assert ask(history) == ()


def test_gradients_that_fade_are_no_advice_where_chrono_is_on_or_no_gates_are():
    for settings in ({**GATED, "initialisation": "chrono"}, {**GATED, "cell": "rnn"}):
        found = ask(findings=[faded(0.001)], beats=False, settings=settings, context=80)
        assert [each.change for each in found] == ["Larger network: hidden_size 64 → 128"]
    assert len(ask(findings=[faded(0.02)], beats=False, settings=GATED, context=80)) == 1


def test_one_size_of_the_network_is_advised_and_not_two():
    found = ask(findings=[spare(0.01)], beats=False)
    assert [each.change for each in found] == ["Smaller network: hidden_size 64 → 32"]


def test_the_place_of_repeats_is_that_of_the_kinds():
    from elman.interpretation.measured_advice import REPEAT
    from elman.interpretation.ngrams import KINDS

    assert KINDS[REPEAT] == "repeat"


def test_a_network_that_cannot_be_better_is_not_told_to_grow(tmp_path: Path) -> None:
    run = elman.fit(
        "parity", out=tmp_path / "run", limit=60, steps=3, hidden_size=4, rivals=("majority",), bootstrap=20
    )  # fmt: skip
    encoded, scores = prepare(run.recipe, run.encoder).encoded, run.scores
    for name, higher, value, advised in (
        ("accuracy", True, 1.0, 0), ("accuracy", True, 0.9, 1), ("mse", False, 0.0, 0), ("mse", False, 0.1, 1),
    ):  # fmt: skip
        row = {"is_rival": False, "metrics": {name: {"value": value}}}
        primary = {"name": name, "higher_is_better": higher}
        changed = {**scores["validation"], "beats_best_rival": False, "rows": [row], "primary": primary}
        write_json(run.folder / "scores.json", {**scores, "validation": changed})
        found = advise(run, [], encoded)
        assert sum("does not beat the best rival" in one.observation for one in found) == advised
