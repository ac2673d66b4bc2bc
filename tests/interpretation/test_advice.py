"""Advice: each rule fires on what it is for and is silent beside it, and every command is one that works."""

from __future__ import annotations

import shlex

import pytest

from elman.core.recipe import Recipe
from elman.core.results import Finding
from elman.interpretation.advice import advice

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
    ],
)
def test_no_advice_without_a_cause(made):
    assert made() == ()


@pytest.mark.parametrize(
    ("case", "change"),
    [("over-fits", "Higher dropout: dropout 0.1 → 0.3"), ("still learning, by steps", "Longer training: steps 400 → 600"),
     ("still learning, by epochs", "Longer training: epochs 4.5"),
     ("clipped", "Lower learning rate: learning_rate 0.002 → 0.0007"), ("no skill", "Larger network: hidden_size 64 → 128"),
     ("stuck gates", "Layer norm on: layer_norm false → true"), ("unused memory", "Shorter context: truncation_length 100 → 24")],
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
