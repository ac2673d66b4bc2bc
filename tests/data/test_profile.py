"""What `elman data NAME` says, against counts made by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

import elman
from elman.core.recipe import DataOptions
from elman.data import structure
from elman.data.contract import (
    Corpus,
    Examples,
    LabelledSeries,
    LabelledTexts,
    Provenance,
    TaggedExamples,
    TaggedTexts,
    ValueExamples,
)
from elman.data.counted import curve, histogram
from elman.data.load import load
from elman.data.pitfalls import suspects
from elman.data.profile import profile
from elman.web.still_section import write_run_report

NOWHERE = Provenance("mine", "", "by hand")


def said(dataset):
    lines, found, name = profile(dataset), {}, ""
    for what, text in lines:
        name = what or name
        found[name] = found.get(name, "") + text + "\n"
    return found


def test_numbers_of_some_texts_say_so():
    def texts(count):
        return LabelledTexts(
            {
                name: Examples([f"one word more than the {k} others" for k in range(size)], ["a"] * size)
                for name, size in (("train", count), ("validation", 20), ("test", 20))
            },
            ("a", "b"),
            NOWHERE,
        )

    few, many = said(texts(5_000)), said(texts(5_001))
    assert "evenly spread" not in str(few)
    assert "longest 7 (of 5,000 of them, evenly spread)" in many["train"] and "(of 5,000" in many["words"]
    assert "evenly spread" not in many["test"]


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


def test_lengths_as_bars():
    assert histogram([1] * 80 + [2] * 40 + [3] * 10) == "1 |█▄▁| 3"
    assert histogram([4, 4, 4]) == "4 |█| 4"
    long = histogram([*range(10, 110)] * 2 + [5_000])
    assert long.startswith("10 |") and long.endswith("| 109 and more")


def test_near_copies_and_examples_of_all_classes():
    train = Examples(["A good film", "another", "third", "fourth", "fifth", "sixth"], list("aabbcc"))
    test = Examples(["a  good FILM", "another"], ["a", "a"])
    other = Examples(["none of these"], ["c"])
    found = said(LabelledTexts({"train": train, "validation": other, "test": test}, ("a", "b", "c"), NOWHERE))
    assert "1 more differ in capitals or spaces alone, 1 of them across splits" in found["duplicates"]
    assert [line[0] for line in found["example"].splitlines()] == ["a", "b", "c"]


def test_the_profile_is_a_part_of_the_report(tmp_path):
    draw, hours = np.random.default_rng(0), range(300)
    frame = pl.DataFrame(
        {"time": [datetime(2024, 1, 1) + timedelta(hours=h) for h in hours], "T <b>": draw.normal(size=300)}
    )
    frame.write_csv(tmp_path / "a.csv")
    run = elman.fit(
        tmp_path / "a.csv", out=tmp_path / "run", explained=False, time="time", target=("T <b>",), steps=2, horizon=2,
        context_length=4, hidden_size=2, rivals=("last_value",), threads=1,
    )  # fmt: skip
    page = write_run_report(run).read_text(encoding="utf-8")
    assert "What is in it" in page and "T &lt;b&gt;: mean" in page and "300 from 2024-01-01" in page


def test_units_drift_and_structure_of_a_series(tmp_path):
    hours, noise = np.arange(960), np.random.default_rng(0).normal(size=960)
    warm = 10 * np.sin(2 * np.pi * hours / 24) + noise + np.where(hours > 800, 30, 0)
    frame = pl.DataFrame(
        {"time": [datetime(2024, 1, 1) + timedelta(hours=int(h)) for h in hours], "T (degC)": warm, "rh [%]": 50 + noise.cumsum()}
    )  # fmt: skip
    frame.write_csv(tmp_path / "a.csv")
    options = DataOptions(source=str(tmp_path / "a.csv"), time="time", target=("T (degC)", "rh [%]"))
    found = said(load(options)[1])
    assert found["units"] == "T in degC, rh in %\n"
    temperature, humidity = found["structure"].splitlines()
    assert "T (degC): level returns to its mean; a season of 24 steps makes 98%" in temperature
    assert "training deviations higher" in temperature and "level wanders" in humidity


def test_dickey_fuller_keeps_its_size_and_has_power():
    draw = np.random.default_rng(0)
    walks = [structure.dickey_fuller(draw.normal(size=300).cumsum()) for _ in range(200)]
    assert 0.01 < np.mean(np.array(walks) < structure.CRITICAL) < 0.11
    for phi in (0.0, 0.5):
        values, noise = np.zeros(300), draw.normal(size=300)
        for k in range(1, 300):
            values[k] = phi * values[k - 1] + noise[k]
        assert structure.dickey_fuller(values) < structure.CRITICAL


def test_dickey_fuller_against_a_regression_by_scikit_learn():
    values = np.random.default_rng(1).normal(size=120).cumsum()
    lags = int(12 * 1.2**0.25)
    change = np.diff(values)
    rows = range(lags, len(change))
    design = np.array([[values[row], *(change[row - k] for k in range(1, lags + 1))] for row in rows])
    fit = LinearRegression().fit(design, change[lags:])
    residual = change[lags:] - fit.predict(design)
    centred = design - design.mean(0)
    variance = residual @ residual / (len(rows) - lags - 2) * np.linalg.inv(centred.T @ centred)[0, 0]
    assert structure.dickey_fuller(values) == pytest.approx(fit.coef_[0] / np.sqrt(variance), rel=1e-6)


def test_season_and_period():
    steps, noise = np.arange(700), np.random.default_rng(0).normal(size=700)
    week = np.tile([0.0, 1, 2, 3, 2, 1, -5], 100)
    assert structure.seasonal_strength(week + 0.01 * steps, 7) == pytest.approx(1, abs=1e-6)
    assert structure.seasonal_strength(noise, 7) < 0.05
    assert structure.seasonal_strength(week + 3 * noise, 7) == pytest.approx(
        week.var() / (week.var() + 9), abs=0.1
    )
    assert (
        structure.strongest_period(week + 0.1 * noise)[0] == 7 and structure.strongest_period(noise) is None
    )
    assert "strongest period 7 steps" in structure.describe([week + noise], 1)
    assert (
        "strongest" not in structure.describe([week + noise], 7)
        and structure.describe([np.full(99, np.nan)], 7) == ""
    )
    assert "in 2 of 3 entities" in structure.describe([noise, noise[::-1], noise.cumsum()], 7)


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


def test_tagged_sentences_count_copies():
    one, other = ["the", "dog"], ["a", "cat"]
    train = TaggedExamples([one, one, other], [["D", "N"], ["D", "N"], ["D", "N"]])
    test = TaggedExamples([one], [["D", "V"]])
    found = said(TaggedTexts({"train": train, "validation": test, "test": test}, ("D", "N", "V"), NOWHERE))
    assert (
        found["duplicates"]
        == "3 exact copies; 1 sentences in more than one split; 1 with different targets\n"
    )
    assert "lengths 2 |█| 2" in found["train"] and "the/D dog/N" in found["example"]


def test_series_with_labels():
    draw = np.random.default_rng(0)
    values = [draw.normal(size=(length, 2)).astype(np.float32) for length in (5, 9, 12, 300)]
    values[1][3, 1] = -9999
    values[2][4, 1] = -9999
    splits = {
        "train": ValueExamples(values, ["a", "b", "a", "b"]),
        "validation": ValueExamples(values[:1], ["a"]),
        "test": ValueExamples([values[0], values[1] + 1], ["b", "b"]),
    }
    found = said(LabelledSeries(splits, ("a", "b"), ("depth [m]", "T (K)"), NOWHERE))
    assert found["units"] == "depth in m, T in K\n"
    assert "-9999 comes 2 times" in found["channels"] and "--sentinels -9999" in found["channels"]
    assert found["duplicates"].startswith("2 exact copies; 1 series in more than one split; 1 with different")
    assert "depth [m]: level returns to its mean" in found["structure"]
    assert "a 50.0%, b 50.0%" in found["train"] and "a: 5 steps, depth [m] |" in found["example"]


def test_a_curve_keeps_gaps_and_the_order_of_heights():
    assert curve(np.array([0.0, 7.0, np.nan, 3.4])) == "▁█ ▄" and curve(np.full(3, np.nan)) == "   "
    assert curve(np.arange(80.0), 8) == "▁▂▃▄▅▆▇█" and curve(np.ones(2)) == "▁▁"


def test_repeated_lines_of_running_text():
    long = "a line that is long enough to be a copy"
    found = said(Corpus({"train": f"{long}\nshort\nshort\n{long}", "validation": "x", "test": long}, NOWHERE))
    assert (
        "1 of 2 training lines of 30 characters or more repeat another; 1 of 1 such lines"
        in found["duplicates"]
    )
    assert found["lines"].startswith("characters 5 |")


def test_what_guessing_reaches_stands_in_the_profile():
    assert (
        "on the test split: accuracy 0.5" in said(load(DataOptions(source="parity", limit=50))[1])["chance"]
    )


def test_entities_of_different_lengths(tmp_path):
    rows = [
        (date(2024, 1, 1) + timedelta(days=k), shop, k % 5)
        for shop, n in (("a", 40), ("b", 90))
        for k in range(n)
    ]
    pl.DataFrame(rows, schema=["day", "shop", "units"], orient="row").write_csv(tmp_path / "a.csv")
    options = DataOptions(source=str(tmp_path / "a.csv"), time="day", target=("units",), entity="shop")
    found = said(load(options)[1])
    assert "rows of an entity: 40 to 90, median 65" in found["rows"]
    assert found["course"].startswith("units of a |")


def test_entities_that_are_zero_or_begin_late_are_named(tmp_path):
    rows = [
        (date(2024, 1, 1) + timedelta(days=k), shop, value * (k % 5))
        for shop, value, begin in (("a", 1, 0), ("nothing", 0, 0), ("late", 2, 80), ("soon", 1, 20))
        for k in range(begin, 100)
    ]
    pl.DataFrame(rows, schema=["day", "shop", "units"], orient="row").write_csv(tmp_path / "a.csv")
    options = DataOptions(source=str(tmp_path / "a.csv"), time="day", target=("units",), entity="shop")
    found = said(load(options)[1])["rows"]
    assert "zero in all training rows: 1 (nothing)\n" in found
    assert "begin after the training rows: 1 (late)\n" in found
