"""Several labels for each text: how they are read, metrics against scikit-learn, rivals, and the road."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

import elman
from elman.core.errors import DataError, ElmanError
from elman.core.recipe import DataOptions, EvaluationOptions, Recipe
from elman.core.results import Predictions
from elman.data.contract import Examples, MultiLabelledTexts
from elman.data.load import load
from elman.evaluation.baselines import frequent_labels, tfidf_one_vs_rest
from elman.evaluation.contract import MultiLabelProblem
from elman.evaluation.measure import from_errors
from elman.evaluation.multilabel import errors, label_matrix, metrics, per_label
from elman.evaluation.outside import outside
from elman.evaluation.rivals import hold, suitable
from elman.evaluation.slices import slices
from elman.examples import dataset_of, worst
from elman.workbench import prepare

WORDS = {
    "money": ["bank", "price", "stock"],
    "sport": ["goal", "match", "team"],
    "war": ["army", "tank", "peace"],
}


@pytest.fixture(autouse=True, scope="module")
def state(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    for name in ("ELMAN_STATE", "ELMAN_CACHE"):
        patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    yield
    patch.undo()


def rows(count=500, seed=0):
    """Texts with words of each of their labels, and the labels."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        labels = [label for label in WORDS if draw.random() < 0.4]
        words = [str(draw.choice(WORDS[label])) for label in labels for _ in range(2)] + ["the", "of"]
        draw.shuffle(words)
        found.append((" ".join([*words, str(number)]), labels))
    return found


def table(folder, kind=";", count=500):
    texts, sets = zip(*rows(count))
    frame = pl.DataFrame({"text": texts})
    if kind == "columns":
        frame = frame.with_columns(pl.Series(name, [int(name in one) for one in sets]) for name in WORDS)
        frame.write_csv(folder / "t.csv")
    elif kind == "lists":
        frame.with_columns(pl.Series("tags", list(map(list, sets)))).write_parquet(folder / "t.parquet")
        return folder / "t.parquet"
    else:
        frame.with_columns(pl.Series("tags", [kind.join(one) for one in sets])).write_csv(folder / "t.csv")
    return folder / "t.csv"


# Reading.


@pytest.mark.parametrize(
    ("kind", "label"), [(";", "tags"), ("|", "tags"), ("lists", "tags"), ("columns", "money,sport,war")]
)
def test_however_they_are_written(tmp_path, kind, label):
    source, data = load(DataOptions(source=str(table(tmp_path, kind)), text="text", label=label))
    assert (
        source.task == "multilabel" and isinstance(data, MultiLabelledTexts) and data.labels == tuple(WORDS)
    )
    wanted = {text: tuple(labels) for text, labels in rows()}
    found = {text: target for part in data.splits.values() for text, target in zip(part.texts, part.targets)}
    assert found == wanted and () in found.values()


def test_guessed_columns(tmp_path):
    source, data = load(DataOptions(source=str(table(tmp_path))), "multilabel")
    assert source.task == "multilabel" and data.labels == tuple(WORDS)


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "one.csv").write_text(
        "text,tags\n" + "".join(f"some words {k},{'ab'[k % 2]}\n" for k in range(40))
    )
    one = {"source": str(tmp_path / "one.csv"), "text": "text", "label": "tags"}
    assert load(DataOptions(**one))[0].task == "classification"
    with pytest.raises(DataError, match="no cell of column 'tags' .* holds several labels.*--label a,b,c"):
        load(DataOptions(**one), "multilabel")
    (tmp_path / "two.csv").write_text(
        "text,a,b\n" + "".join(f"some words {k},{k % 2},{k % 3}\n" for k in range(40))
    )
    with pytest.raises(DataError, match="column 'b' of .* holds '2' in row 3; expected 0 or 1"):
        load(DataOptions(source=str(tmp_path / "two.csv"), text="text", label="a,b"))
    with pytest.raises(DataError, match="no column 'c'"):
        load(DataOptions(source=str(tmp_path / "two.csv"), text="text", label="a,c"))


# Metrics.


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 5))
def test_metrics_against_scikit_learn(seed, count, labels):
    draw = np.random.default_rng(seed)
    true, shares = (draw.random((count, labels)) < 0.4).astype(float), draw.random((count, labels))
    predictions = Predictions("labels", shares, true, tuple("abcde"[:labels]))
    said, found = (shares >= 0.5).astype(int), metrics(predictions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = f1_score(true, said, average="samples", zero_division=1)
        micro = f1_score(true, said, average="micro", zero_division=0)
        each = f1_score(true, said, average=None, zero_division=np.nan)
    assert found["example_f1"] == pytest.approx(samples)
    assert found["micro_f1"] == pytest.approx(micro)
    assert found["macro_f1"] == pytest.approx(np.nanmean(each) if np.isfinite(each).any() else 0)
    assert found["exact"] == pytest.approx((said == true).all(1).mean())
    whole = np.mean([log_loss(true[:, k], shares[:, k], labels=[0, 1]) for k in range(labels)])
    assert found["log_loss"] == pytest.approx(whole)
    for label, wanted, _, _, f1 in per_label(predictions):
        number = "abcde".index(label)
        assert wanted == true[:, number].sum() and f1 == pytest.approx(each[number])


def problem():
    draw, splits = rows(600), {}
    for split, part in (("train", draw[:400]), ("validation", draw[400:480]), ("test", draw[480:])):
        splits[split] = Examples([text for text, _ in part], [tuple(labels) for _, labels in part])
    return MultiLabelProblem(splits, tuple(WORDS))


def test_the_mean_of_errors_is_the_metric():
    asked = problem()
    said = frequent_labels.fit(asked, 1)("test")
    assert float(from_errors(errors(said).mean(), asked)) == pytest.approx(metrics(said)["example_f1"])


def test_rivals():
    asked = problem()
    assert suitable("multilabel", asked) == ["frequent_labels", "tfidf_one_vs_rest"]
    rivals = hold("multilabel", asked, EvaluationOptions(bootstrap=50))
    found = {name: metrics(one)["example_f1"] for name, one in rivals.predict("test").items()}
    assert found["tfidf_one_vs_rest"] > 0.95 > found["frequent_labels"] > 0.2
    assert rivals.scores[0].name == "tfidf_one_vs_rest"


def test_the_most_frequent_labels_are_the_best_constant_set():
    asked = problem()
    true = label_matrix(asked, "train")
    said = frequent_labels.fit(asked, 1)("train").outputs[0] >= 0.5
    order = np.argsort(-true.mean(0))
    best = max(
        metrics(Predictions("labels", np.tile(np.isin(np.arange(3), order[:k]), (len(true), 1)), true, asked.labels))["example_f1"]
        for k in range(4)
    )  # fmt: skip
    own = metrics(Predictions("labels", np.tile(said.astype(float), (len(true), 1)), true, asked.labels))
    assert own["example_f1"] == pytest.approx(best)


def test_a_label_that_training_never_or_always_has():
    asked = problem()
    splits = {
        split: Examples(part.texts, [(*labels, "all") for labels in part.targets])
        for split, part in asked.splits.items()
    }
    wider = MultiLabelProblem(splits, (*WORDS, "all", "none"))
    outputs = tfidf_one_vs_rest.fit(wider, 60)("test").outputs
    assert (outputs[:, 3] == 1).all() and (outputs[:, 4] == 0).all()
    assert np.isfinite(metrics(tfidf_one_vs_rest.fit(wider, 60)("test"))["log_loss"])


def test_outside_predictions(tmp_path):
    asked = problem()
    true = label_matrix(asked, "test")
    frame = pl.DataFrame({"row": range(len(true))} | {label: true[:, k] for k, label in enumerate(WORDS)})
    frame.write_csv(tmp_path / "o.csv")
    assert metrics(outside(str(tmp_path / "o.csv"), asked)["test"])["exact"] == 1


# The road.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multilabel")
    small = {"hidden_size": 12, "learning_rate": 0.02, "epochs": 12, "threads": 1, "bootstrap": 50}
    return elman.fit(table(folder), out=folder / "run", text="text", label="tags", **small)


def test_it_learns_and_is_held_against_its_rivals(run):
    assert run.recipe.task == "multilabel"
    scores = run.scores["test"]
    network = next(row for row in scores["rows"] if not row["is_rival"])["metrics"]
    assert network["example_f1"]["value"] > 0.8 and scores["primary"]["name"] == "example_f1"
    assert "Example F1" in scores["verdict"] or "example F1" in scores["verdict"]
    assert {"length", "labels", "rare words"} == set(scores["slices"])
    assert sorted(row[0] for row in scores["details"]["per_tag"]) == list(WORDS)


def test_findings_and_report(run):
    asked = {finding["question"]: finding for finding in run.findings}
    assert {"errors", "memory", "attribution", "gates", "left_out"} <= set(asked)
    assert "several labels at once" in asked["left_out"]["sentence"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "By label" in page and "F1 of an example" in page


def test_predictions(run):
    stored = pl.read_parquet(run.folder / "predictions-test.parquet")
    _, data = load(run.recipe.data, "multilabel")
    said = elman.predict(run, list(data.splits["test"].texts))
    assert said["prediction"].to_list() == stored["prediction"].to_list()
    np.testing.assert_allclose(said["p(war)"], stored["p(war)"], atol=1e-6)
    one = elman.predict(run, ["goal match bank price"]).row(0, named=True)
    assert one["prediction"] == "money; sport"


def test_evaluated_again_it_is_the_same(run):
    before = run.scores["validation"]["rows"]
    elman.evaluate(run, splits=["validation"])
    assert [row["metrics"] for row in before] == [row["metrics"] for row in run.scores["validation"]["rows"]]


def test_slices_hold_every_example(run):
    asked = problem()
    for parts in slices(frequent_labels.fit(asked, 1)("test"), asked, "test").values():
        assert sum(count for _, count, _ in parts) == 120


def test_what_means_nothing_here(tmp_path):
    path = str(table(tmp_path, count=60))
    for setting, value, said in (
        ("label_smoothing", 0.1, "label_smoothing is a setting of"),
        ("log_count_ratios", True, "two classes"),
        ("stratified", True, "--stratified evens out classes"),
    ):
        with pytest.raises(ElmanError, match=said):
            prepare(Recipe().override({"source": path, "text": "text", "label": "tags", setting: value}))


def test_what_it_got_worst_can_be_looked_at(run):
    found = worst(run, dataset_of(run), 10)
    errors = [one.error for one in found]
    assert len(found) == 10 and errors == sorted(errors, reverse=True) and all(one.text for one in found)
    assert (run.folder / "views.json").exists()
