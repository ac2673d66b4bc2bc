"""What labelled texts refuse by name, and a run that was stored before an option existed."""

from __future__ import annotations

import json

import pytest

import elman
from elman.core.errors import DataError, RecipeError

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
