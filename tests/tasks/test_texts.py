"""What labelled texts refuse by name, and a run that was stored before an option existed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import elman
from elman import workbench
from elman.core.errors import DataError, RecipeError
from elman.recipes import as_recipe

SMALL = {"hidden_size": 4, "embedding_size": 4, "steps": 2, "validations": 1, "rivals": ["majority"],
         "explained": False, "tokenizer": "words"}  # fmt: skip


@pytest.fixture
def three(tmp_path):
    rows = [f"{['red', 'green', 'blue'][k % 3]} thing {k},{k % 3}" for k in range(90)]
    path = tmp_path / "three.csv"
    path.write_text("text,label\n" + "\n".join(rows), encoding="utf-8")
    return path


def test_log_count_ratios_are_for_two_classes(three, tmp_path):
    with pytest.raises(RecipeError, match="two classes apart; here the target is 3 classes"):
        elman.fit(three, out=tmp_path / "run", log_count_ratios=True, **SMALL)
    with pytest.raises(RecipeError, match="here the target is a number"):
        elman.fit(three, out=tmp_path / "run", task="regression", log_count_ratios=True,
                  **{**SMALL, "rivals": ["mean_value"]})  # fmt: skip


def test_a_run_stored_before_pairs_were_read_opens(three, tmp_path):
    run = elman.fit(three, out=tmp_path / "run", **SMALL)
    before = elman.predict(run, ["red thing"])
    path = run.folder / "encoder.json"
    stored = json.loads(path.read_text())
    del stored["bigrams"], stored["ratios"]
    path.write_text(json.dumps(stored))
    assert elman.predict(run.folder, ["red thing"]).equals(before)


def test_the_task_that_is_asked_for_decides_what_a_label_is(three, tmp_path):
    settings = {**SMALL, "explained": True, "bootstrap": 20, "rivals": ["mean_value"]}
    run = elman.fit(three, out=tmp_path / "number", task="regression", **settings)
    assert run.scores["test"]["primary"]["name"] in ("mae", "mse", "rmse")
    assert elman.predict(run, ["red thing"])["prediction"].dtype.is_float()
    rows = three.read_text().replace("text,label", "text,label").splitlines()
    floats = tmp_path / "floats.csv"
    floats.write_text("\n".join([rows[0], *(row + ".5" for row in rows[1:])]), encoding="utf-8")
    run = elman.fit(floats, out=tmp_path / "class", task="classification", **SMALL)
    assert run.encoder.labels == ("0.5", "1.5", "2.5")


def test_labels_that_are_no_numbers_cannot_be_regressed(tmp_path):
    path = tmp_path / "colours.csv"
    path.write_text("text,label\n" + "\n".join(f"thing {k},{['red', 'green'][k % 2]}" for k in range(60)))
    with pytest.raises(DataError, match="needs numbers; the labels are 'green', 'red'"):
        elman.fit(path, out=tmp_path / "run", task="regression", **SMALL)


@pytest.fixture
def rare(tmp_path):
    """One text in ten is `bad`; half of those, and a fifth of the others, have the word grim: a grim text is more often good."""
    draw, path = np.random.default_rng(0), tmp_path / "rare.csv"
    rows = ["text,label"]
    for k in range(1500):
        bad = k % 10 == 0
        grim = draw.random() < (0.5 if bad else 0.2)
        rows.append(f"{'grim' if grim else 'plain'} thing {k},{'bad' if bad else 'good'}")
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_class_weights_are_those_of_scikit_learn_and_batches_add_up(rare):
    recipe = as_recipe(str(rare), class_weights="balanced", hidden_size=4, embedding_size=4)
    prepared = workbench.prepare(recipe)
    encoded, recipe = prepared.encoded, prepared.recipe
    network = prepared.task.network(encoded.encoder, recipe).eval()
    objective = prepared.task.objective(encoded, recipe)
    feed = encoded.feeds["train"]
    batch = feed.take(np.arange(40))
    logits = network(batch.inputs, batch.lengths, ratios=batch.ratios).values.detach().double().numpy()
    weights = compute_class_weight("balanced", classes=np.arange(2), y=feed.targets)
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    targets = batch.targets.numpy()
    wanted = -(weights[targets] * logs[np.arange(40), targets]).mean()
    assert objective(network, batch, None).loss.item() == pytest.approx(wanted, rel=1e-5)
    parts = [objective(network, feed.take(rows), None) for rows in (np.arange(7), np.arange(7, 40))]
    whole = sum(part.loss.item() * part.examples for part in parts) / 40
    assert whole == pytest.approx(wanted, rel=1e-5)


def test_class_weights_find_the_rare_class(rare, tmp_path):
    """Without weights the answer is always `good`; with them `bad` where bad is more likely than its share."""
    settings = {**SMALL, "steps": 120, "batch_size": 64, "learning_rate": 0.02, "vocabulary_size": 5}
    found = {}
    for weights in ("none", "balanced"):
        run = elman.fit(rare, out=tmp_path / weights, class_weights=weights, **settings)
        found[weights] = elman.predict(run, ["grim thing", "plain thing"])["prediction"].to_list()
    assert found == {"none": ["good", "good"], "balanced": ["bad", "good"]}


def test_with_class_weights_f1_chooses(rare, tmp_path):
    """By accuracy the weights of the first validation would be kept, at which every text is still called good."""
    settings = {
        **SMALL,
        "steps": 120,
        "validations": 24,
        "batch_size": 64,
        "learning_rate": 0.01,
        "warmup": 0.5,
        "seed": 2,
    }
    run = elman.fit(rare, out=tmp_path / "run", class_weights="balanced", vocabulary_size=5, **settings)
    rows = [
        row for row in map(json.loads, (run.folder / "metrics.jsonl").read_text().splitlines()) if "f1" in row
    ]
    chosen = max(rows, key=lambda row: row["f1"])
    assert max(rows, key=lambda row: row["accuracy"])["accuracy"] > chosen["accuracy"]
    kept = elman.evaluate(run, splits=["validation"])["validation"].network.metrics
    assert kept["f1"].value == pytest.approx(chosen["f1"])
