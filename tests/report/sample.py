"""A whole run's content, with hostile text in every field that can carry words from the data."""

from __future__ import annotations

import math
from html import escape

from elman.core.results import Advice, Finding, Metric, Paired, Score, Scores, Value
from elman.report.content import ReportContent

HOSTILE = "<script>alert('x')</script>"


def scores(split: str = "test", difference: tuple[float, float, float] = (0.021, 0.009, 0.033)) -> Scores:
    value = Value(*difference)
    return Scores(
        split=split,
        primary=Metric("accuracy", "share of examples", True),
        rows=(
            Score(
                "reviews-gru-0001",
                split,
                False,
                {"accuracy": Value(0.8731, 0.8652, 0.8807), "f1_macro": Value(0.87)},
                184.2,
            ),
            Score(
                "tfidf_logistic",
                split,
                True,
                {"accuracy": Value(0.8521, 0.8440, 0.8601), "f1_macro": Value(0.851)},
                6.4,
            ),
            Score(
                "nb_svm",
                split,
                True,
                {"accuracy": Value(0.8473, 0.8391, 0.8555), "f1_macro": Value(0.846)},
                3.1,
            ),
            Score(
                "majority",
                split,
                True,
                {"accuracy": Value(0.5), "f1_macro": Value(1 / 3)},
                0.01,
                "always 'positive'",
            ),
        ),
        paired=(
            Paired("tfidf_logistic", "accuracy", value, 0.0004),
            Paired("nb_svm", "accuracy", Value(0.0258, 0.0141, 0.037), 0.0002),
            Paired("majority", "accuracy", Value(0.373, 0.361, 0.386), 0.0),
        ),
        verdict="The GRU is right on 87.3% of the test reviews, 2.1 points more than TF-IDF with logistic regression.",
        beats_best_rival=value.low is not None and value.low > 0,
        slices={
            "length": (
                ("1 to 100 words", 1204, 0.861),
                ("101 to 300", 3411, 0.88),
                ("over 300", 1602, 0.842),
            ),
            "class": (("negative", 3090, 0.869), (HOSTILE, 3127, 0.877)),
        },
        details={
            "confusion": [[2685, 405], [384, 2743]],
            "labels": ["negative", HOSTILE],
            "calibration": [(c / 10 + 0.05, c / 10 + 0.02, 100 * c) for c in range(5, 10)],
        },
        looks=2,
    )


def content(**changes: object) -> ReportContent:
    history = [
        {
            "step": step,
            "epoch": step / 352,
            "train_loss": 0.69 * math.exp(-step / 700) + 0.12 + 0.01 * math.sin(step),
            "log_loss": 0.5 * math.exp(-step / 600) + 0.31,
            "accuracy": 0.88 - 0.38 * math.exp(-step / 350),
        }
        for step in range(100, 2001, 100)
    ]
    words = [
        ("the", 0.0),
        ("plot", 0.1),
        ("is", 0.0),
        ("a", 0.0),
        ("wonderful", 0.9),
        ("mess", -0.7),
        (HOSTILE, -0.2),
    ]
    hue = {True: "47,125,209", False: "217,112,15"}
    coloured = " ".join(
        f'<span style="background:rgba({hue[weight > 0]},{abs(weight):.2f})">{escape(word)}</span>'
        for word, weight in words
    )
    gates = [
        {"lag": lag, "share": 0.9**lag, "kind": kind}
        for lag in range(1, 30)
        for kind in ("network", "shuffled control")
        if kind == "network" or lag % 3
    ]
    values: dict[str, object] = {
        "name": "reviews-gru-0001",
        "task": "classification",
        "recipe": {
            "task": "classification",
            "data": {"source": "reviews", "limit": None},
            "model": {"cell": "gru", "hidden_size": 128, "bidirectional": False},
            "training": {"seed": 7, "learning_rate": 0.002, "batch_size": 64},
        },
        "scores": {"validation": scores("validation"), "test": scores()},
        "history": history,
        "findings": (
            Finding(
                "memory",
                "How far back does it remember?",
                "It uses about 23 words; beyond them the loss changes by less than 1%.",
                value=23.4,
                unit="words",
                interval=(20.1, 27.0),
                control=1.2,
                sample="200 test reviews",
                chart={
                    "data": {"values": gates},
                    "mark": "line",
                    "encoding": {
                        "x": {"field": "lag", "type": "quantitative"},
                        "y": {"field": "share", "type": "quantitative"},
                        "color": {"field": "kind", "type": "nominal", "title": None},
                    },
                },
            ),
            Finding(
                "attribution",
                "Which words moved it?",
                f"Integrated gradients on a review that says {HOSTILE}.",
                residual=3e-7,
                sample="8 reviews",
                html=coloured,
            ),
            Finding(
                "errors",
                "What does it get wrong?",
                "It is most sure of itself on sarcasm.",
                table=(
                    {
                        "text": f"oh great, another sequel {HOSTILE}",
                        "true": "negative",
                        "predicted": "positive",
                        "confidence": 0.9812,
                    },
                    {
                        "text": "not bad at all " * 12,
                        "true": "positive",
                        "predicted": "negative",
                        "confidence": 0.91,
                    },
                ),
            ),
        ),
        "advice": (
            Advice(
                "The training loss is still falling while validation loss is flat.",
                "Add dropout 0.3",
                "elman train reviews --dropout 0.3 --seed 7",
            ),
        ),
        "provenance": {
            "source": "movie reviews",
            "data_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "split": "25,000 given training reviews, 10% of them held out at random under the seed.",
            "notes": ["96 duplicates across train and test removed", HOSTILE],
            "licence": "see the source's page",
            "citation": "Maas et al. 2011",
        },
        "sizes": {"train": 22500, "validation": 2500, "test": 6217},
        "summary": ("vocabulary 20,000 words cover 97.1% of test tokens",),
        "environment": {
            "python": "3.11.7",
            "platform": "Linux",
            "cores": 2,
            "packages": {"torch": "2.13.0", "numpy": "2.3.1"},
        },
        "plan": "vendor: gru, float32, cpu\nscan refused: gru is not linear in its state",
        "parameters": 2_709_890,
        "command": "elman train runs/reviews-gru-0001/recipe.toml",
        "started": "2026-11-23T14:28:56+0000",
        "seconds": 184.2,
        "version": "0.1.0",
    }
    return ReportContent(**(values | changes))  # type: ignore[arg-type]
