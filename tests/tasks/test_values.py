"""Series with a class or a number: encoding, network, rivals, and the whole road from a file to a prediction."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions, ModelOptions, Recipe
from elman.data.contract import ValueExamples
from elman.data.load import load
from elman.encoding.sequences import SequenceFeed
from elman.encoding.values import ValueEncoder
from elman.evaluation.baselines import dtw_neighbour, majority, mean_value, summary_logistic, summary_ridge
from elman.evaluation.contract import ValueProblem
from elman.evaluation.measure import metrics
from elman.evaluation.rivals import suitable
from elman.evaluation.slices import slices
from elman.evaluation.values import Scaled, summaries
from elman.models.network import ValueNetwork
from elman.workbench import prepare


@pytest.fixture(autouse=True, scope="module")
def state(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    for name in ("ELMAN_STATE", "ELMAN_CACHE"):
        patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    yield
    patch.undo()


def ragged(count=12, channels=2, seed=0, gaps=0.0, shortest=1):
    draw = np.random.default_rng(seed)
    found = [
        draw.normal(size=(draw.integers(shortest, 9), channels)).astype(np.float32) for _ in range(count)
    ]
    for one in found:
        one[draw.random(one.shape) < gaps] = np.nan
    return found


# Encoding.


def test_scaled_by_training_rows_alone():
    train = ragged(20)
    encoder = ValueEncoder.fit(train, ("a", "b"), EncodingOptions())
    flat = np.concatenate(train).astype(np.float64)
    other = 100 + 3 * ragged(4, seed=1)[0]
    wanted = (other - flat.mean(0)) / flat.std(0)
    np.testing.assert_allclose(encoder.encode(other), wanted, rtol=1e-5)
    assert encoder.feature_names == ("a", "b") and encoder.features == 2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(["standard", "min_max", "robust", "none"]))
def test_one_by_one_or_together_stored_or_not(seed, scaler):
    train = [*ragged(8, seed=seed, gaps=0.2), np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)]
    encoder = ValueEncoder.fit(train, ("a", "b"), EncodingOptions(scaler=scaler, max_length=5, keep="end"))
    again = ValueEncoder.from_dict(encoder.to_dict())
    for one, together in zip(train, encoder.encode_many(train)):
        np.testing.assert_array_equal(encoder.encode(one), together)
        np.testing.assert_array_equal(again.encode(one), together)
        assert together.shape == (min(5, len(one)), encoder.features) and np.isfinite(together).all()


def test_missing_values_are_the_last_one_seen_and_flagged():
    nan = np.nan
    train = [np.array([[nan, 1], [2, 2], [nan, 3], [4, 4]], np.float32), np.array([[nan, 5]], np.float32)]
    encoder = ValueEncoder.fit(train, ("a", "b"), EncodingOptions(scaler="none"))
    assert encoder.feature_names == ("a", "b", "a was missing")
    first, second = encoder.encode_many(train)
    # Before the first value the training mean, 3; nothing crosses from one series to the next, or comes from later.
    np.testing.assert_allclose(first, [[3, 1, 1], [2, 2, 0], [2, 3, 1], [4, 4, 0]])
    np.testing.assert_allclose(second, [[3, 5, 1]])
    gap = encoder.encode(
        np.array([[1, nan]], np.float32)
    )  # a channel that had no gaps in training has no flag
    np.testing.assert_allclose(gap, [[1, 3, 0]])


def test_what_cannot_be_encoded():
    with pytest.raises(DataError, match="b has no value in the 2 training series"):
        ValueEncoder.fit([np.array([[1, np.nan]])] * 2, ("a", "b"), EncodingOptions())
    encoder = ValueEncoder.fit(ragged(), ("a", "b"), EncodingOptions())
    for wrong, said in (
        (np.zeros((3, 3)), r"shape \(3, 3\); expected \(steps, 2\)"),
        (np.zeros((0, 2)), "no step"),
        (np.full((2, 2), np.inf), "infinite"),
    ):
        with pytest.raises(DataError, match=said):
            encoder.encode(wrong)
    with pytest.raises(RecipeError, match="max_length=0"):
        ValueEncoder.fit(ragged(), ("a", "b"), EncodingOptions(max_length=0))


def test_a_feed_gives_every_series_once_with_zeros_behind_it():
    series = ragged(23)
    feed = SequenceFeed(series, np.arange(23, dtype=np.float64))
    seen = []
    for batch in feed.batches(5, np.random.default_rng(0)):
        assert batch.inputs.dtype == torch.float32 and batch.inputs.shape[2] == 2
        for row, values, length, target in zip(batch.rows, batch.inputs, batch.lengths, batch.targets):
            np.testing.assert_array_equal(values[:length], series[row])
            assert not values[length:].any() and int(target) == row
            seen.append(row)
    assert sorted(seen) == list(range(23))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "mean_max"])
@pytest.mark.parametrize("both", [False, True])
def test_padding_changes_nothing(pooling, both):
    torch.manual_seed(0)
    network = ValueNetwork(ModelOptions(hidden_size=6, bidirectional=both), 2, 3, pooling=pooling).eval()
    series = ragged(9)
    batch = SequenceFeed(series, np.zeros(9, np.int64)).take(np.arange(9))
    with torch.no_grad():
        together = network(batch.inputs, batch.lengths).values
        for row, one in enumerate(series):
            alone = network(torch.from_numpy(one)[None], torch.tensor([len(one)])).values[0]
            torch.testing.assert_close(together[row], alone, rtol=1e-5, atol=1e-6)


# Rivals.


def warping(one, other):
    """Dynamic time warping as it is defined, by recursion over cells."""
    table = {(-1, -1): 0.0}
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            before = [table.get(cell, np.inf) for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1))]
            table[i, j] = float(((a - b) ** 2).sum()) + min(before)
    return table[len(one) - 1, len(other) - 1]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_warping_against_its_definition(seed, channels):
    one, *others = (values.astype(float) for values in ragged(7, channels, seed))
    wanted = [warping(one, other) for other in others]
    np.testing.assert_allclose(dtw_neighbour.distances(one, others), wanted, rtol=1e-9)


def test_warping_in_pieces(monkeypatch):
    one, *others = (values.astype(float) for values in ragged(9))
    whole = dtw_neighbour.distances(one, others)
    monkeypatch.setattr(dtw_neighbour, "TOGETHER", 1)
    np.testing.assert_array_equal(dtw_neighbour.distances(one, others), whole)


def test_warping_against_aeon():
    distances = pytest.importorskip("aeon.distances", reason="aeon is not installed", exc_type=ImportError)
    one, *others = (values.astype(float) for values in ragged(9, shortest=3))
    theirs = [distances.dtw_distance(one.T.copy(), other.T.copy()) for other in others]
    np.testing.assert_allclose(dtw_neighbour.distances(one, others), theirs, rtol=1e-9)


def problem(labels=("x", "y"), seed=0, gaps=0.0):
    """Two classes that differ in the slope of the second channel, or that slope as a number."""
    draw = np.random.default_rng(seed)
    splits = {}
    for split, count in (("train", 60), ("validation", 20), ("test", 40)):
        values, targets = [], []
        for _ in range(count):
            length, slope = draw.integers(2, 9), draw.normal()
            one = np.stack([draw.normal(size=length), slope * np.linspace(-1, 1, length)], 1)
            one[draw.random(one.shape) < gaps] = np.nan
            values.append(one.astype(np.float32))
            targets.append(slope if labels is None else labels[int(slope > 0)])
        splits[split] = ValueExamples(values, targets)
    return ValueProblem(splits, labels, ("a", "b"))


def test_summaries_against_numpy():
    toy = problem()
    scaled = Scaled.fit(toy)
    flat = np.concatenate(toy.splits["train"].values).astype(np.float64)
    found = summaries(toy, "test", scaled)
    for row, raw in zip(found, toy.splits["test"].values):
        values = (raw - flat.mean(0)) / flat.std(0)
        time = np.linspace(-1, 1, len(values))
        slope = np.polyfit(time, values, 1)[0]
        wanted = [*values.mean(0), *values.std(0), *values[0], *values[-1], *slope, np.log(len(values)), 0]
        np.testing.assert_allclose(row, wanted, rtol=1e-5, atol=1e-6)


def test_which_rivals_series_have():
    assert suitable("classification", problem()) == ["dtw_neighbour", "majority", "summary_logistic"]
    assert suitable("regression", problem(None)) == ["mean_value", "summary_ridge"]


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_rivals_learn_what_is_there(gaps):
    toy = problem(gaps=gaps)
    shares = {
        rival.__name__.rpartition(".")[2]: metrics(rival.fit(toy, 60)("test"), toy)["accuracy"]
        for rival in (majority, summary_logistic, dtw_neighbour)
    }
    assert shares["summary_logistic"] > 0.8 and shares["dtw_neighbour"] > 0.6 and shares["majority"] < 0.7
    numbers = problem(None, gaps=gaps)
    ridge, mean = (metrics(rival.fit(numbers, 60)("test"), numbers) for rival in (summary_ridge, mean_value))
    assert ridge["rmse"] < 0.6 * mean["rmse"] and mean["r2"] <= 0


def test_rivals_never_see_the_test_split():
    toy = problem()
    other = ValueProblem({**toy.splits, "test": problem(seed=5).splits["test"]}, toy.labels, toy.channels)
    for rival in (summary_logistic, dtw_neighbour):
        first, second = (rival.fit(one, 60)("validation").outputs for one in (toy, other))
        np.testing.assert_array_equal(first, second)


def test_a_neighbour_is_one_observation():
    toy = problem()
    outputs = dtw_neighbour.fit(toy, 60)("test").outputs
    np.testing.assert_allclose(outputs.sum(1), 1)
    assert 0.98 < outputs.max() < 1 and len(np.unique(outputs.round(9))) == 4


def test_slices_by_length_class_and_gaps():
    toy = problem(gaps=0.1)
    parts = slices(majority.fit(toy, 1)("test"), toy, "test")
    assert set(parts) == {"length", "class", "missing values"}
    for rows in parts.values():
        assert sum(count for _, count, _ in rows) == 40
    assert "steps" in parts["length"][0][0]


# The road.


def ts(folder, kind, gaps=0.0):
    """A pair of .ts files with the toy's series."""
    toy = problem(("x", "y") if kind == "class" else None, gaps=gaps)
    target = "@classLabel true x y" if kind == "class" else "@targetLabel true"
    for part, splits in (("TRAIN", ("train", "validation")), ("TEST", ("test",))):
        rows = []
        for split in splits:
            for values, one in zip(toy.splits[split].values, toy.splits[split].targets):
                channels = (
                    ",".join("?" if np.isnan(v) else repr(float(v)) for v in column) for column in values.T
                )
                rows.append(":".join([*channels, str(one)]))
        head = f"@problemName toy\n@dimensions 2\n{target}\n@data\n"
        (folder / f"toy_{part}.ts").write_text(head + "\n".join(rows) + "\n")
    return folder / "toy_TRAIN.ts"


SMALL = {"hidden_size": 8, "epochs": 25, "learning_rate": 0.01, "threads": 1, "bootstrap": 100}


@pytest.fixture(scope="module", params=["class", "number"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return elman.fit(ts(folder, request.param, gaps=0.05), out=folder / "run", **SMALL)


def test_it_learns_and_is_held_against_its_rivals(run):
    test = run.scores["test"]
    classes = run.recipe.task == "classification"
    rivals = {row["name"] for row in test["rows"] if row["is_rival"]}
    assert rivals == (
        {"majority", "summary_logistic", "dtw_neighbour"} if classes else {"mean_value", "summary_ridge"}
    )
    value = next(row for row in test["rows"] if not row["is_rival"])["metrics"]
    assert value["accuracy"]["value"] > 0.8 if classes else value["r2"]["value"] > 0.3
    assert {"length", "missing values"} <= set(test["slices"])


def test_findings_and_report(run):
    found = {finding["question"]: finding for finding in run.findings}
    assert {"errors", "memory", "attribution", "gates"} <= set(found)
    assert found["attribution"]["residual"] < 0.05
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "channel 2" in page and "steps" in page
    if run.recipe.task == "classification":
        assert "Most confident errors" in page and "confusion" in page.lower()


def test_the_channel_that_tells_gets_the_credit(run):
    credit = elman.explain(run, ["attribution"])[0].arrays["features"].sum(0)
    assert credit[1] > 1.5 * credit[0]


def test_predictions_are_those_of_the_evaluation(run, tmp_path):
    stored = pl.read_parquet(run.folder / "predictions-test.parquet")
    path = run.folder.parent / "toy_TEST.ts"
    said = elman.predict(run, path)
    assert said.height == 40 and said["steps"].min() >= 2
    if run.recipe.task == "classification":
        assert said["prediction"].to_list() == stored["prediction"].to_list()
        np.testing.assert_allclose(said["p(x)"], stored["p(x)"], atol=1e-6)
    else:
        np.testing.assert_allclose(said["prediction"], stored["prediction"], rtol=1e-5, atol=1e-6)
    _, dataset = load(run.recipe.data)
    arrays = list(dataset.splits["test"].values)
    assert elman.predict(run, arrays)["prediction"].to_list() == said["prediction"].to_list()
    rows = pl.concat(
        [
            pl.DataFrame(one, schema=["channel 1", "channel 2"]).with_columns(pl.lit(f"s{k}").alias("series"))
            for k, one in enumerate(arrays)
        ]
    )
    rows.fill_nan(None).write_csv(tmp_path / "rows.csv")
    table = elman.predict(run, tmp_path / "rows.csv")
    assert table["series"][1] == "s1" and table["prediction"].to_list() == said["prediction"].to_list()
    with pytest.raises(DataError, match="not texts"):
        elman.predict(run, ["a text"])


def test_evaluated_again_it_is_the_same(run):
    before = run.scores["validation"]["rows"]
    elman.evaluate(run, splits=["validation"])
    after = run.scores["validation"]["rows"]
    assert [row["metrics"] for row in before] == [row["metrics"] for row in after]


def test_resumed_it_is_the_same(tmp_path):
    path = ts(tmp_path, "class")
    whole = elman.fit(path, out=tmp_path / "whole", explained=False, **{**SMALL, "epochs": 2})
    again = elman.fit(path, resume=whole.folder, explained=False)
    assert again.facts["history"]["steps"] == whole.facts["history"]["steps"]


def test_settings_of_texts_are_refused_by_name_and_the_other_way_round(tmp_path):
    path = ts(tmp_path, "class")
    for setting, value in (
        ("lowercase", True),
        ("tokenizer", "words"),
        ("bigrams", 2),
        ("embedding_size", 8),
        ("text", "review"),
        ("padding", "left"),
    ):
        with pytest.raises(RecipeError, match=f"{setting} means nothing for series with labels"):
            prepare(Recipe().override({"source": str(path), setting: value}))
    with pytest.raises(RecipeError, match="horizon is a setting of forecasting"):
        prepare(Recipe().override({"source": str(path), "horizon": 3}))
    with pytest.raises(RecipeError, match="scaler means nothing for texts with labels"):
        prepare(Recipe().override({"source": "syllables", "scaler": "standard"}))


def test_classes_that_are_numbers_as_numbers_and_back(tmp_path):
    rows = "\n".join(f"{k},1:{k % 5},2:{k % 3 + 1}" for k in range(60))
    path = tmp_path / "n.ts"
    path.write_text(f"@classLabel true 1 2 3\n@data\n{rows}\n")
    prepared = prepare(Recipe().override({"source": str(path), "task": "regression"}))
    assert prepared.dataset.labels is None and prepared.recipe.model.pooling == "last"
    path.write_text(f"@targetLabel true\n@data\n{rows}\n")
    prepared = prepare(Recipe().override({"source": str(path), "task": "classification"}))
    assert prepared.dataset.labels == ("1.0", "2.0", "3.0")


def test_the_adding_problem_is_a_regression():
    prepared = prepare(Recipe().override({"source": "adding", "length": 6, "limit": 50}))
    assert prepared.task.name == "regression" and prepared.encoded.problem.channels == ("value", "marker")
    batch = next(iter(prepared.encoded.feeds["train"].batches(4)))
    assert batch.inputs.shape[2] == 2 and batch.targets.dtype == torch.float32
    mean = mean_value.fit(prepared.encoded.problem, 1)("test")
    assert metrics(mean, prepared.encoded.problem)["rmse"] == pytest.approx(np.sqrt(1 / 6), rel=0.1)
