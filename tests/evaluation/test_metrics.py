"""Metrics and intervals against scikit-learn, SciPy and numbers worked out by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from elman.core.results import Predictions
from elman.data.contract import Examples
from elman.evaluation import classification, forecast, regression
from elman.evaluation.contract import SeriesProblem, TextProblem
from elman.evaluation.intervals import Resamples, interval
from elman.evaluation.tagging import thirds
from elman.evaluation.verdict import judge
from elman.report.page import outcome_words


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 60))
def test_classification_as_in_scikit_learn(seed, classes, count):
    draw = np.random.default_rng(seed)
    outputs, targets = draw.dirichlet(np.ones(classes), count), draw.integers(0, classes, count)
    predictions = Predictions("classes", outputs, targets, tuple(map(str, range(classes))))
    found, chosen = classification.metrics(predictions), outputs.argmax(1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(targets, chosen))
    assert found["f1"] == pytest.approx(sk.f1_score(targets, chosen, average="macro"))
    assert found["log_loss"] == pytest.approx(sk.log_loss(targets, outputs, labels=range(classes)))
    assert (
        classification.confusion(predictions) == sk.confusion_matrix(targets, chosen, labels=range(classes))
    ).all()


def test_calibration_of_a_known_case():
    outputs = np.array([[0.9, 0.1]] * 10)
    predictions = Predictions("classes", outputs, np.array([0] * 9 + [1]), ("a", "b"))
    assert classification.calibration_error(predictions) == pytest.approx(0.0)
    worse = Predictions("classes", outputs, np.array([0] * 5 + [1] * 5), ("a", "b"))
    assert classification.calibration_error(worse) == pytest.approx(0.4)


@given(st.integers(0, 999))
def test_regression_as_in_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=30), draw.normal(size=30)
    found = regression.metrics(Predictions("values", a, b))
    assert found["rmse"] == pytest.approx(sk.mean_squared_error(b, a) ** 0.5)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(b, a))
    assert found["r2"] == pytest.approx(sk.r2_score(b, a))


def problem(values, season=1, horizon=2, kind="level", context=4):
    values = np.asarray(values, float)[:, None]
    rows = len(values)
    train = np.arange(rows) < rows * 0.6
    origins = {
        "train": np.arange(context, int(rows * 0.6) - horizon + 1),
        "validation": np.arange(int(rows * 0.6), int(rows * 0.8) - horizon + 1),
        "test": np.arange(int(rows * 0.8), rows - horizon + 1),
    }
    return SeriesProblem(
        values, np.ones_like(values, bool), np.zeros((rows, 0)), np.arange(rows), np.zeros(rows, int), origins, context,
        horizon, season, kind, ("y",), train, values[train].mean(0), values[train].std(0),
    )  # fmt: skip


def test_a_forecast_that_is_no_number_is_not_left_out():
    series = problem(range(10))
    outputs = series.future("test")
    outputs[0, 0] = np.nan
    found = forecast.metrics(Predictions("forecasts", outputs, series.future("test"), ("y",)), series)
    assert np.isnan(list(found.values())).all() and "mse" in found


def test_forecast_metrics_by_hand():
    series = problem([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    truth = series.future("test")
    predictions = Predictions("forecasts", truth + 1.0, truth, ("y",))
    found = forecast.metrics(predictions, series)
    assert (
        found["mae"] == found["rmse"] == found["mase"] == pytest.approx(1.0)
    )  # the naive scale of 1, 2, 3 ... is 1
    assert found["mse"] == pytest.approx(1 / series.std[0] ** 2)
    gappy = truth.copy()
    gappy[0, 0, 0] = np.nan
    assert forecast.metrics(Predictions("forecasts", truth + 1.0, gappy, ("y",)), series)[
        "mae"
    ] == pytest.approx(1.0)


def test_pinball_and_coverage_as_in_scikit_learn():
    series = problem(np.random.default_rng(0).normal(size=200))
    truth = series.future("test")
    bands = np.random.default_rng(1).normal(size=(*truth.shape, 3)).cumsum(-1)
    predictions = Predictions("forecasts", bands[..., 1], truth, ("y",), bands, (0.1, 0.5, 0.9))
    found = forecast.metrics(predictions, series)
    each = [
        sk.mean_pinball_loss(truth.ravel(), bands[..., k].ravel(), alpha=level)
        for k, level in enumerate((0.1, 0.5, 0.9))
    ]
    assert found["pinball"] == pytest.approx(np.mean(each) / series.std[0])
    inside = (truth >= bands[..., 0]) & (truth <= bands[..., 2])
    assert found["coverage_80%"] == pytest.approx(inside.mean())


def test_an_echo_is_noticed():
    series = problem(np.random.default_rng(0).normal(size=500).cumsum(), horizon=1)
    truth = series.future("test")
    last = series.values[series.origins["test"] - 1][:, None]
    assert forecast.echo_lag(Predictions("forecasts", last, truth, ("y",)))[0] == 1
    assert forecast.echo_lag(Predictions("forecasts", truth, truth, ("y",)))[0] == 0


def test_the_bootstrap_interval_of_a_mean():
    values = np.random.default_rng(0).normal(3.0, 2.0, 2000)
    draws = Resamples.draw(2000, 2000, 1, 0).means(values)
    found = interval(draws, values.mean())
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_blocks_widen_the_interval_of_a_series_that_hangs_together():
    draw = np.random.default_rng(0)
    values = np.repeat(draw.normal(size=200), 20)
    plain, blocks = (Resamples.draw(4000, 500, block, 0).means(values).std() for block in (1, 100))
    assert blocks > 2.5 * plain
    assert blocks == pytest.approx(values.std() / np.sqrt(200), rel=0.3)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 50), st.integers(1, 60))
def test_blocks_of_a_constant_are_constant(count, block):
    assert Resamples.draw(count, 10, block, 0).means(np.full(count, 2.0)) == pytest.approx(2.0)


def texts(right, classes=("a", "b")):
    targets = ["a", "b"] * 500
    examples = Examples([f"text {k}" for k in range(1000)], targets)
    text_problem = TextProblem({"train": examples, "validation": examples, "test": examples}, classes)
    numbers = np.array([0, 1] * 500)

    def predictions(share, seed):
        good = np.random.default_rng(seed).random(1000) < share
        return Predictions("classes", np.eye(2)[np.where(good, numbers, 1 - numbers)], numbers, classes)

    return text_problem, predictions


def test_verdicts_say_better_worse_the_same_and_nothing():
    problem_, predictions = texts(None)
    rival = {
        "tfidf_logistic": predictions(0.8, 1),
        "majority": Predictions(
            "classes", np.tile([0.6, 0.4], (1000, 1)), np.array([0, 1] * 500), ("a", "b")
        ),
    }
    better = judge("test", predictions(0.95, 2), rival, problem_, looks=3)
    assert (
        better.beats_best_rival
        and "beats the best rival, tfidf logistic" in better.verdict
        and "3rd look" in better.verdict
    )
    assert [row.name for row in better.rows] == ["network", "tfidf_logistic", "majority"]
    asked = judge("test", predictions(0.95, 2), rival, problem_, left_out=("nb_svm",))
    assert (
        "beats the best of the rivals asked for, tfidf logistic" in asked.verdict
        and "Left out was nb svm." in asked.verdict
    )
    assert (
        outcome_words(asked) == "Beats the rivals asked for"
        and outcome_words(better) == "Beats its best rival"
    )
    assert better.paired[0].difference.low > 0.1 and better.paired[0].p_value < 0.01
    worse = judge("test", predictions(0.7, 2), rival, problem_)
    found = re.search(
        r"does not beat.* is better by ([\d.]+) points \(95% interval \+([\d.]+) to \+([\d.]+)\)",
        worse.verdict,
    )
    assert found and float(found[2]) < float(found[1]) < float(found[3])
    same = judge("test", predictions(0.8, 1), rival, problem_).paired[0]
    assert same.difference.value == 0 and same.p_value == 1
    assert "cannot be told apart" in judge("test", predictions(0.8, 3), rival, problem_).verdict
    assert "learnt nothing" in judge("test", predictions(0.5, 4), rival, problem_).verdict


def test_a_forecast_no_better_than_the_training_mean_is_called_that():
    series = problem(np.random.default_rng(0).normal(size=400), horizon=1)
    truth = series.future("test")
    mean = Predictions("forecasts", np.full_like(truth, series.mean[0]), truth, ("y",))
    noise = Predictions("forecasts", np.random.default_rng(1).normal(0, 0.3, truth.shape), truth, ("y",))
    assert "no better than train mean" in judge("test", noise, {"train_mean": mean}, series).verdict


def test_parts_by_length_are_named_as_people_count():
    parts = thirds(np.array([1, 1, 1, 2, 2, 5, 9]), "step")
    assert [(name, int(mask.sum())) for name, mask in parts] == [
        ("up to 1 step", 3), ("2 steps", 2), ("3 steps or more", 2),
    ]  # fmt: skip
    assert [name for name, _ in thirds(np.arange(9), "word")] == [
        "up to 2 words",
        "3 to 5 words",
        "6 words or more",
    ]
