"""Vectors of another model as a rival: against scikit-learn on the same rows, and every file that does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from elman.cli._terminal import Terminal
from elman.core.errors import DataError
from elman.core.recipe import EvaluationOptions
from elman.data.contract import Examples
from elman.evaluation.contract import TextProblem, TokenProblem
from elman.evaluation.embeddings import embedded
from elman.evaluation.measure import metrics
from elman.evaluation.rivals import chosen, hold

SIZES = {"train": 80, "validation": 20, "test": 30}


def problem(labels=("bad", "good")):
    draw = np.random.default_rng(0)
    vectors = {split: draw.normal(size=(size, 5)) * [1, 10, 100, 1, 1] for split, size in SIZES.items()}
    splits = {}
    for split, found in vectors.items():
        signal = found[:, 0] + found[:, 2] / 100
        targets = [labels[int(one > 0)] for one in signal] if labels else list(map(float, 3 + signal))
        splits[split] = Examples([f"text {k}" for k in range(len(found))], targets)
    return TextProblem(splits, labels), vectors


def saved(folder, vectors, kind="npz"):
    path = folder / f"frozen.{kind}"
    if kind == "npz":
        np.savez(path, **vectors)
    else:
        np.save(path, np.concatenate(list(vectors.values())))
    return str(path)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_as_scikit_learn_does_it(tmp_path, kind):
    asked, vectors = problem()
    found = embedded(saved(tmp_path, vectors, kind), asked, 60)("test")
    mean, deviation = vectors["train"].mean(0), vectors["train"].std(0)
    scaled = {split: (one - mean) / deviation for split, one in vectors.items()}
    model = LogisticRegression(C=1.0, max_iter=200).fit(scaled["train"], asked.splits["train"].targets)
    np.testing.assert_allclose(found.outputs, model.predict_proba(scaled["test"]), atol=1e-6)
    assert metrics(found, asked)["accuracy"] > 0.9


def test_numbers(tmp_path):
    asked, vectors = problem(None)
    assert metrics(embedded(saved(tmp_path, vectors), asked, 60)("test"), asked)["r2"] > 0.99


def test_it_stands_among_the_rivals(tmp_path):
    asked, vectors = problem()
    path = saved(tmp_path, vectors)
    assert chosen([path, "majority"]) == {"rivals": ["majority"], "rival_predictions": [path]}
    options = EvaluationOptions(rivals=("majority",), rival_predictions=(path,), bootstrap=50)
    rivals = hold("classification", asked, options)
    assert [row.name for row in rivals.scores] == ["frozen", "majority"]
    assert set(rivals.predict("test")) == {"frozen", "majority"}
    assert not any(row.note for row in rivals.scores)


def test_which_rows_a_plain_array_was_cut_into_is_said(tmp_path, capsys):
    asked, vectors = problem()
    options = EvaluationOptions(rivals=(), rival_predictions=(saved(tmp_path, vectors, "npy"),), bootstrap=50)
    sizes = ", ".join(f"{len(one):,} {split}" for split, one in vectors.items())
    told = []
    hold("classification", asked, options, told=lambda row, metric: told.append(row))
    assert (
        told[0].metrics
        and told[0].note == f"rows taken for {sizes}, in the order of the splits and not of a table"
    )
    Terminal().rival(told[0], "accuracy")
    assert told[0].note in capsys.readouterr().out


def test_files_that_do_not_fit(tmp_path):
    asked, vectors = problem()
    for changed, said in (
        ({**vectors, "test": vectors["test"][1:]}, r"test of .* has the shape \(29, 5\); expected 30 rows"),
        ({**vectors, "test": vectors["test"][:, 1:]}, "4 to 5 numbers a row"),
        ({"train": vectors["train"]}, "holds train; expected the arrays train, validation and test"),
        ({**vectors, "train": np.full((80, 5), np.nan)}, "row 0 of train .* not finite"),
        ({**vectors, "train": np.zeros(80)}, "shape"),
    ):
        with pytest.raises(DataError, match=said):
            embedded(saved(tmp_path, changed), asked, 60)
    with pytest.raises(DataError, match="expected 130 rows of numbers: 80 train, 20 validation, 30 test"):
        embedded(saved(tmp_path, {"train": vectors["train"]}, "npy"), asked, 60)
    (tmp_path / "x.npy").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as NumPy arrays"):
        embedded(str(tmp_path / "x.npy"), asked, 60)
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read as NumPy arrays"):
        embedded(str(tmp_path / "o.npy"), asked, 60)
    tokens = TokenProblem({}, 3, "word", {}, {})
    with pytest.raises(DataError, match="classes and numbers"):
        embedded(saved(tmp_path, vectors), tokens, 60)
