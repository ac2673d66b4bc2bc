"""Behaviour of planted classifiers: one that counts a word fails just the tests that change the word."""

from __future__ import annotations

import numpy as np
import pytest

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.behaviour import behaviour, wilson
from elman.interpretation.changes import (
    OF_SERIES,
    OF_TEXTS,
    drop_words,
    missing_steps,
    negate,
    noise,
    replacing,
    shorter,
    swap_numbers,
    time_shift,
    typo,
)
from elman.interpretation.suite import Behaviour, default_suite, read_suite

LABELS = ("negative", "positive")


def by_word(texts):
    """Positive where "good" stands in the text without "not"."""
    good = np.array([0.9 if "good" in text and "not" not in text else 0.1 for text in texts])
    return np.stack([1 - good, good], 1)


TEXTS = ["it is good", "it is bad", "a good film was made", "nothing here"]


def one(test, answer=by_word, examples=TEXTS, labels=LABELS):
    return behaviour(answer, examples, [test], labels)


def test_a_change_of_the_word_fails_and_another_does_not():
    broken = one(Behaviour("good", "invariance", replace={"good": "goood"}))
    assert broken.value == 1 and broken.table[0]["examples"] == 2
    assert broken.interval is None and "goood" in broken.html and "positive 90%" in broken.html
    assert one(Behaviour("film", "invariance", replace={"film": "movie"})).value == 0
    assert one(Behaviour("nothing to change", "invariance", replace={"whale": "cow"})) is None


def test_negation_must_move_the_answer_it_gave():
    down = one(Behaviour("negation", "directional", "negate", expect="down"))
    assert down.table[0]["examples"] == 3 and down.value == pytest.approx(
        1 / 3
    )  # "it is bad" stays as it was
    up = one(Behaviour("negation", "directional", "negate", expect="up", label="negative"))
    assert up.value == pytest.approx(1 / 3)
    against = one(Behaviour("negation", "directional", "negate", expect="down", label="negative"))
    assert against.value == 1
    forgiven = one(
        Behaviour("negation", "directional", "negate", expect="up", label="positive", tolerance=0.9)
    )
    assert forgiven.value == 0


def test_minimum_functionality_is_the_share_of_wrong_answers():
    test = Behaviour(
        "praise", "minimum_functionality", examples=("good", "so good", "great"), expect="positive"
    )
    finding = one(test)
    assert finding.value == pytest.approx(1 / 3) and "great: <b>negative 90%</b>" in finding.html
    assert finding.arrays["count"].tolist() == [3]


def test_the_control_is_the_answers_to_other_examples():
    half = [f"{'good' if k % 2 else 'bad'} number {k}" for k in range(400)]
    finding = one(Behaviour("typo", "invariance", replace={"number": "nubmer"}), examples=half)
    assert finding.value == 0 and finding.control == pytest.approx(0.5, abs=0.08)
    assert "no example" not in finding.sentence.lower()


def test_numbers_are_judged_by_their_spread():
    mean = lambda many: np.array([[float(np.mean(each))] for each in many])
    series = [np.full((6, 1), float(k)) for k in range(-5, 6)]
    spread = float(np.std(range(-5, 6)))
    shift = lambda by: lambda each, draw: each + by
    assert one(Behaviour("little", "invariance", shift(0.24 * spread)), mean, series, ()).value == 0
    assert one(Behaviour("much", "invariance", shift(0.26 * spread)), mean, series, ()).value == 1
    assert (
        one(Behaviour("allowed", "invariance", shift(0.26 * spread), tolerance=0.5), mean, series, ()).value
        == 0
    )
    assert one(Behaviour("up", "directional", shift(0.1), expect="up"), mean, series, ()).value == 0
    assert one(Behaviour("up", "directional", shift(-0.1), expect="up"), mean, series, ()).value == 1
    near = Behaviour(
        "near", "minimum_functionality", examples=(series[0], series[1]), expect=-5.0, tolerance=0.5
    )
    assert one(near, mean, series, ()).value == 0.5


def test_pairs_of_the_users_are_taken_as_they_are():
    test = Behaviour("pairs", "invariance", examples=("good", "bad"), changed=("good!", "good"))
    assert one(test).value == 0.5
    far = Behaviour("pairs", "invariance", examples=("good",), changed=("bad",), tolerance=0.9)
    assert one(far).value == 0


def test_all_tests_together_weigh_by_their_examples():
    tests = [
        Behaviour("broken", "invariance", replace={"good": "goood"}),
        Behaviour("praise", "minimum_functionality", examples=("good",) * 6, expect="positive"),
        Behaviour("never", "invariance", replace={"whale": "cow"}),
    ]
    finding = behaviour(by_word, TEXTS, tests, LABELS)
    assert finding.value == 0.25 and "No example for: never" in finding.sentence
    assert (
        finding.sentence.startswith("25.0% of 8 examples fail in 2 tests")
        and "Most fail in broken" in finding.sentence
    )
    assert finding.chart is not None


def test_intervals_are_wilsons():
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(10, 10)[1] == pytest.approx(1)


def test_what_texts_become():
    draw = np.random.default_rng(0)
    for _ in range(20):
        changed = typo("wonderful day", draw)
        assert (
            sorted(changed) == sorted("wonderful day")
            and changed != "wonderful day"
            and changed.endswith(" day")
        )
    assert typo("a cat 1234 oooo", draw) is None
    assert negate("It was good and is", draw) == "It was not good and is"
    assert negate("it is not so", draw) is None and negate("this good", draw) is None
    assert OF_TEXTS["drop_punctuation"]("so good!! ", draw) == "so good"
    assert (
        OF_TEXTS["drop_punctuation"]("so good", draw) is None
        and OF_TEXTS["drop_punctuation"]("...", draw) is None
    )
    assert OF_TEXTS["twice"]("a b", draw) == "a b a b"
    words = [str(k) for k in range(20)]
    left = drop_words(" ".join(words), draw).split()
    assert (
        len(left) == 18
        and left == [word for word in words if word in left]
        and drop_words("a b c", draw) is None
    )
    for _ in range(20):
        number = swap_numbers("in 1999, 7 of us", draw)
        first, second = number.split(", ")[0][3:], number.split(", ")[1][0]
        assert (
            len(first) == 4
            and first != "1999"
            and first[0] != "0"
            and second != "7"
            and number.endswith(" of us")
        )
    assert swap_numbers("none", draw) is None
    assert replacing({"Ann": "Bob", "Bob": "Ann"})("Ann met Bob, Annie", draw) == "Bob met Ann, Annie"


def test_what_series_become():
    draw, ramp = np.random.default_rng(0), np.arange(40.0).reshape(20, 2)
    assert time_shift(ramp, draw)[:, 0].tolist() == [0, 0, *range(2, 38, 2)]
    held = missing_steps(ramp, draw)
    gone = np.flatnonzero((held != ramp).any(1))
    assert len(gone) == 2 and all((held[k] == held[k - 1]).all() for k in gone) and gone[0] > 0
    moved = noise(ramp, draw) - ramp
    assert moved.std(0) == pytest.approx(0.05 * ramp.std(0), rel=0.5)
    assert np.array_equal(shorter(ramp, draw), ramp[2:])
    flat = np.ones((9, 1))
    assert noise(flat, draw) is None and missing_steps(flat, draw) is None
    assert all(change(ramp[:2], draw) is None for name, change in OF_SERIES.items() if name != "noise")
    gaps = np.where(ramp == 6, np.nan, ramp)
    assert np.isnan(noise(gaps, draw)).sum() == 1 and noise(gaps, draw).shape == ramp.shape


def test_a_suite_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[test]]\nname = "a"\nkind = "invariance"\nreplace = { "x" = "y" }\n'
        '[[test]]\nname = "b"\nkind = "minimum_functionality"\nexamples = ["good"]\nexpect = "positive"\n'
    )
    first, second = read_suite(path)
    assert first == Behaviour("a", "invariance", replace={"x": "y"}) and second.examples == ("good",)
    for text, kind, match in (
        ("x = 1", RecipeError, "test"),
        ("x = ", RecipeError, "not a TOML"),
        ('[[test]]\nkind = "invariance"', RecipeError, "no name"),
        (
            '[[test]]\nname = "a"\nkind = "invariance"\nchange = "typo"\ntolerance = "much"',
            RecipeError,
            "a number",
        ),
        ('[[test]]\nname = "a"\nkind = "invariance"\nexamples = "much"', RecipeError, "a list"),
        ('[[test]]\nname = "a"\nkind = "invariant"', UnknownName, "invariance"),
        ('[[test]]\nname = "a"\nkind = "invariance"\nchnge = "typo"', UnknownName, "change"),
        ('[[test]]\nname = "a"\nkind = "invariance"\nchange = "typos"', UnknownName, "typo"),
        ('[[test]]\nname = "a"\nkind = "invariance"\nchange = "typo"\nexpect = "up"', RecipeError, "Drop"),
        (
            '[[test]]\nname = "a"\nkind = "directional"\nchange = "typo"\nexpect = "left"',
            RecipeError,
            "'up' or 'down'",
        ),
        (
            '[[test]]\nname = "a"\nkind = "invariance"\nchange = "typo"\nreplace = { "x" = "y" }',
            RecipeError,
            "2 are given",
        ),
        ('[[test]]\nname = "a"\nkind = "minimum_functionality"\nchange = "typo"', RecipeError, "examples"),
        (
            '[[test]]\nname = "a"\nkind = "invariance"\nexamples = ["a"]\nchanged = ["b", "c"]',
            RecipeError,
            "1 examples and 2",
        ),
    ):
        path.write_text(text)
        with pytest.raises(kind, match=match):
            read_suite(path)
    with pytest.raises(RecipeError, match="no suite"):
        read_suite(tmp_path / "other.toml")


def test_classes_that_are_not_there_are_told():
    with pytest.raises(UnknownName, match="positive"):
        one(Behaviour("a", "directional", "negate", expect="down", label="positiv"))
    with pytest.raises(RecipeError, match="numbers"):
        one(Behaviour("a", "minimum_functionality", examples=("x",), expect="good"), labels=())


def test_the_default_suite_fits_the_labels():
    assert [test.name for test in default_suite("texts", ("neg", "pos"))][-1] == "negation"
    assert "negation" not in [test.name for test in default_suite("texts", ("sport", "politics"))]
    assert [test.change for test in default_suite("series")] == list(OF_SERIES)
    assert "length" not in [test.name for test in default_suite("series", whole_windows=True)]


PAIR = [np.array([-1.0, -2.0]), np.array([1.0, 2.0])]  # standard deviations of 1 and 2 over the split
CLOSE = [each / 5 for each in PAIR]  # of 0.2 and 0.4
VALUES = lambda rows: np.stack(rows)


def numbers(test, examples=PAIR):
    return behaviour(VALUES, examples, [test]).arrays["share"][0]


def test_a_number_is_wrong_where_it_is_off_by_more_than_a_quarter_of_the_largest_deviation():
    given = tuple(np.array(row) for row in ([3.5, 3.0], [3.0, 3.625], [2.25, 3.0], [3.0, 3.0]))
    test = {"name": "three", "kind": "minimum_functionality", "examples": given, "expect": 3.0}
    assert numbers(Behaviour(**test)) == 0.5  # 0.625 and 0.75 are more than a quarter of 2, 0.5 is not
    assert numbers(Behaviour(**test, tolerance=0.625)) == 0.25
    assert numbers(Behaviour(**test, tolerance=0.25)) == 0.75


def test_a_number_has_moved_in_units_of_the_mean_deviation():
    before, after = (np.array([0.0, 0.0]),), (np.array([-1.0, -2.0]),)
    test = {"name": "up", "kind": "directional", "examples": before, "changed": after, "expect": "up"}
    assert numbers(Behaviour(**test, tolerance=1.0)) == 1 and numbers(Behaviour(**test, tolerance=1.01)) == 0
    assert (
        numbers(Behaviour(**test, tolerance=4.9), CLOSE) == 1
        and numbers(Behaviour(**test, tolerance=5.1), CLOSE) == 0
    )
    assert numbers(Behaviour(**test | {"expect": "down"})) == 0


def test_a_number_stays_within_a_quarter_of_the_mean_deviation():
    def stays(change, examples=PAIR, **options):
        changed = (np.array(change),)
        return numbers(
            Behaviour("stays", "invariance", examples=(np.zeros(2),), changed=changed, **options), examples
        )

    assert stays([0.25, 0.5]) == 0 and stays([0.25, -0.75]) == 1
    assert stays([0.05, 0.1], CLOSE) == 0 and stays([0.25, 0.5], CLOSE) == 1
    assert stays([0.25, 0.5], tolerance=0.25) == 0 and stays([0.25, 0.5], tolerance=0.125) == 1


def test_a_class_within_a_tolerance_is_held_to_the_largest_change():
    before = (np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.25, 0.25]))
    after = (np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.25, 0.25]))
    test = {"name": "stays", "kind": "invariance", "examples": before, "changed": after}
    share = lambda tolerance: behaviour(
        VALUES, list(before), [Behaviour(**test, tolerance=tolerance)], ("a", "b", "c")
    ).arrays["share"][0]
    assert share(0.25) == 0 and share(0.125) == 0.5


def test_examples_of_the_users_are_asked_about_themselves_before_their_change():
    """The split's first text is negative: taken for the user's, no answer would seem to change."""
    test = Behaviour("worse", "invariance", replace={"good": "bad"}, examples=("so good", "quite good"))
    finding = one(test, examples=["it is bad", "nothing here", "it is good"])
    assert finding.value == 1 and "so good" in finding.html and finding.table[0]["examples"] == 2
    assert finding.table[0]["low"] < finding.table[0]["high"] == 1.0
    assert finding.arrays["low"][0] == pytest.approx(wilson(2, 2)[0])
    none = behaviour(by_word, TEXTS, [Behaviour("x", "invariance", replace={"whale": "cow"}), test], LABELS)
    assert none.table[0]["test"] == "worse" and "No example for: x." in none.sentence
