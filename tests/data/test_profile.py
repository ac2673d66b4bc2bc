"""What `elman data NAME` says, against counts made by hand."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Examples, LabelledTexts, Provenance
from elman.data.load import load
from elman.data.pitfalls import suspects
from elman.data.profile import profile

NOWHERE = Provenance("mine", "", "by hand")


def said(dataset):
    lines, found, name = profile(dataset), {}, ""
    for what, text in lines:
        name = what or name
        found[name] = found.get(name, "") + text + "\n"
    return found


def test_texts():
    train = Examples(["a good film at last, yes", "a bad film", "a bad film", " "], ["+", "-", "+", "-"])
    test = Examples(["a bad film", "an unseen thing"], ["-", "-"])
    found = said(
        LabelledTexts({"train": train, "validation": test, "test": test}, ("+", "-"), NOWHERE, ["more"])
    )
    assert "4 texts; words: 0 to 6 (90%), median 3, longest 7" in found["train"]
    assert "+ 50.0%, - 50.0%" in found["train"] and "+ 0.0%, - 100.0%; none of +" in found["test"]
    assert found["words"].startswith("8 different in training, 62% of them once only; 50.0% of the test's")
    assert found["duplicates"] == "4 exact copies; 2 texts in more than one split; 1 with different targets\n"
    assert found["empty"] == "1 texts are empty\n" and found["unlabelled"].startswith("1 texts")


def test_single_words_are_measured_in_characters_and_many_classes_are_summed_up():
    names = [f"c{k}" for k in range(40)]
    examples = Examples(["word"] * 45, names + ["c0"] * 5)
    splits = {"train": examples, "validation": examples, "test": examples}
    found = said(LabelledTexts(splits, tuple(names), NOWHERE))
    assert "characters: 4 to 4" in found["train"] and "words" not in found
    assert (
        "40 classes, most frequent c0 13.3%" in found["train"] and "40 have fewer than 10" in found["train"]
    )


def test_numbers_to_predict():
    examples = Examples(["x y z u v w"] * 3, [1.0, 2.0, 6.0])
    found = said(LabelledTexts({"train": examples, "validation": examples, "test": examples}, None, NOWHERE))
    assert "target: mean 3, deviation 2.16, 1 to 6, median 2" in found["train"]


def test_running_text():
    found = said(Corpus({"train": "ab ab\ncd", "validation": "ab", "test": "ab xy"}, NOWHERE))
    assert found["train"] == "8 characters, 6 different; 3 words, 2 lines\n"
    assert found["characters"] == "2 of the test split are never seen in training: 'xy'\n"
    assert "50.0% of the test's words" in found["words"]


def test_series(tmp_path):
    rows = []
    for shop in "ab":
        for k in range(100):
            units = None if 10 <= k < 14 else -9999 if k in (30, 31, 32) and shop == "a" else k % 7
            rows.append((date(2024, 1, 1) + timedelta(days=k), shop, units, 5.0))
    frame = pl.DataFrame(rows, schema=["day", "shop", "units", "price"], orient="row")
    frame.write_csv(tmp_path / "shops.csv")
    options = DataOptions(
        source=str(tmp_path / "shops.csv"), time="day", target=("units",), entity="shop", known=("price",)
    )
    found = said(load(options)[1])
    assert "200 from 2024-01-01 to 2024-04-09, 2 entities by shop; step 1 day, season 7" in found["rows"]
    assert found["test"] == "40 rows, 2024-03-21 to 2024-04-09\n"
    assert "8 missing (4.0%), longest gap 4" in found["forecast"]
    assert "-9999 comes 3 times" in found["forecast"] and "--sentinels -9999" in found["forecast"]
    assert "none missing; constant" in found["known"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], []),
        ([1.0] * 9 + [500.0], []),
        ([*range(50), 4000, 3900], []),  # a long tail is no sentinel
        ([*range(50), 9999, 9999], [(9999.0, 2)]),
        ([*range(50), 200], []),
        ([*range(50), 1048], [(1048.0, 1)]),
    ],
)
def test_suspects(values, expected):
    assert suspects(pl.Series(values, dtype=pl.Float64)) == expected
