"""Trials whose conditions are known to move the state, from an event on, or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

import elman
from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.trials import between, classes_of, conditions_named, leveled, told, trials
from elman.report.charts import draw

from .networks import sample_of, tokens, view_of

SIDES = np.array(["left", "right"] * 20)


def moved(events, length=20):
    """States (40, length, 2): noise of a tenth, with 1 or -1 in the first number from an event on."""
    states = np.random.default_rng(0).normal(size=(40, length, 2)) * 0.1
    for row, event in enumerate(events):
        states[row, event:, 0] += 1.0 if SIDES[row] == "right" else -1.0
    return states


def test_a_condition_explains_the_state_from_its_event_on():
    events = np.random.default_rng(1).integers(3, 9, 40)
    found = trials("side", SIDES, moved(events), [20] * 40, events)
    assert found.levels == ("left", "right") and found.steps[0] <= -3 and found.steps[-1] >= 11
    before, after = found.steps < 0, found.steps >= 0
    assert found.share[after].min() > 0.95 and found.share[before].max() < 0.2
    assert found.control.max() < 0.1
    np.testing.assert_allclose(found.means[0, after, 0], -1.0, atol=0.1)
    np.testing.assert_allclose(found.means[1, after, 0], 1.0, atol=0.1)
    np.testing.assert_allclose(found.means[..., 1], 0.0, atol=0.15)
    # Counted from the first step the border is washed out.
    plain = trials("side", SIDES, moved(events), [20] * 40)
    assert plain.steps.tolist() == list(range(20)) and 0.2 < plain.share[6] < 0.95


def test_numbers_have_a_rank_and_words_have_none():
    numbers = trials("coherence", np.where(SIDES == "right", 0.8, -0.8), moved([0] * 40), [20] * 40)
    words = trials("side", SIDES, moved([0] * 40), [20] * 40)
    assert numbers.levels == ("-0.8", "0.8") and numbers.ranked and not words.ranked


def test_steps_count_that_half_of_the_sequences_and_every_level_have():
    found = trials("side", SIDES, moved([0] * 40), [20] * 19 + [10] * 21)
    assert found.steps.tolist() == list(range(10))
    found = trials("side", SIDES, moved([0] * 40), [20] * 20 + [10] * 20)
    assert found.steps.tolist() == list(range(20))
    found = trials("side", SIDES, moved([0] * 40), [20 if side == "left" else 7 for side in SIDES])
    assert found.steps.tolist() == list(range(7))


def test_the_share_is_that_of_a_regression_on_the_levels():
    numbers = np.random.default_rng(0)
    states, level = numbers.normal(size=(30, 4, 3)), numbers.integers(0, 3, 30)
    states[level == 1] += 0.7
    states[5, 2:] = np.nan
    found = between(states, level, 3)
    for step in range(4):
        there = np.isfinite(states[:, step, 0])
        y, x = states[there, step], np.eye(3)[level[there]]
        left = y - LinearRegression().fit(x, y).predict(x)
        expected = 1 - (left**2).sum() / ((y - y.mean(0)) ** 2).sum()
        assert found[step] == pytest.approx(expected)
    assert between(np.ones((4, 2, 1)), np.array([0, 1, 0, 1]), 2).tolist() == [0.0, 0.0]


def test_levels_of_words_of_few_numbers_and_of_many():
    level, names = leveled(np.array([3, 1, 3]))
    assert names == ("1", "3") and level.tolist() == [1, 0, 1]
    level, names = leveled(np.arange(101) / 100)
    assert names == ("0 to 0.25", "0.25 to 0.5", "0.5 to 0.75", "0.75 to 1")
    assert np.bincount(level).tolist() == [25, 25, 25, 26]
    level, names = leveled(np.array([0.0] * 60 + list(np.arange(40.0))))
    assert len(names) == len(set(level)) < 4 and max(level) == len(names) - 1
    assert leveled(np.array([0.5, -1.0] * 5))[1] == ("-1.0", "0.5")
    level, names = leveled(np.array(list("aabbccddeeffgghi")))
    assert names == (*"abcdefg", "others") and level.tolist()[-3:] == [6, 7, 7]
    assert leveled(np.array(list("aabbccddeeffgghh")))[1] == tuple("abcdefgh")


def test_what_fits_no_sequence_is_said():
    assert trials("side", np.array(["left"] * 40), moved([0] * 40), [20] * 40) is None
    with pytest.raises(RecipeError, match="for each of 40 sequences"):
        trials("side", SIDES[:39], moved([0] * 40), [20] * 40)
    for wrong in ([20] * 40, [-1] * 40, [0] * 39):
        with pytest.raises(RecipeError, match="align wants a step"):
            trials("side", SIDES, moved([0] * 40), [20] * 40, np.array(wrong))


def test_in_words():
    found = trials("side", SIDES, moved([4] * 40), [20] * 40, np.full(40, 4))
    at = lambda best: told(replace(found, share=np.eye(20)[best], control=np.zeros(20)), True)
    assert at(7).startswith("Side explains 100% of the state's variance 3 steps after its event (conditions")
    assert "1 step before its event" in at(3) and "variance at its event (" in at(4)
    plain = replace(found, steps=found.steps + 4, share=np.eye(20)[0])
    assert "at the first step (" in told(plain, False)


def test_a_networks_trials_are_in_its_dynamics():
    """A step that adds up its input, which is 1 on one side and -1 on the other from a cue on."""
    cues = np.random.default_rng(0).integers(2, 6, 40)
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(40, 12)) * 0.1)
    for row, cue in enumerate(cues):
        x[row, cue:] += 1.0 if SIDES[row] == "right" else -1.0
    options = {"start": torch.zeros(1).double(), "conditions": {"side": SIDES}}
    step = lambda state, value: 0.9 * state + value
    (found,) = elman.inspect(step, x, questions=["dynamics"], align=cues, **options)
    assert "Side explains" in found.sentence and "its event" in found.sentence
    share = dict(zip(found.arrays["steps side"], found.arrays["share side"]))
    assert share[3] > 0.95 > 0.3 > share[-1] and found.arrays["ways side"].shape[::2] == (2, 2)
    assert "<svg" in draw(found.chart) and "Mean ways by side" in str(found.chart)
    few = elman.inspect(step, x, questions=["dynamics"], align=cues, sizes={"dynamics": 20}, **options)[0]
    assert few.arrays["share side"].max() > 0.95
    with pytest.raises(RecipeError, match="conditions and align"):
        elman.inspect(step, x, questions=["memory"], **options)
    with pytest.raises(RecipeError, match="'align' has 3 values"):
        elman.inspect(step, x, align=[1, 2, 3], **options)


def test_a_classifier_has_its_classes_as_conditions():
    view, sample = view_of(labels=("no", "yes")), sample_of(tokens(6), torch.tensor([0, 1, 1, 0, 1, 0]))
    assert classes_of(view, sample)["class"].tolist() == ["no", "yes", "yes", "no", "yes", "no"]
    for other in (
        replace(view, labels=()), replace(view, labels=tuple("abcdefghi")), replace(view, names_next_step=True),
        replace(view, asked=lambda lengths: lengths),
    ):  # fmt: skip
        assert classes_of(other, sample) == {}
    assert classes_of(view, sample_of(tokens(6), torch.zeros(6))) == {}
    series = torch.arange(24.0).reshape(2, 4, 3)
    some = sample_of(series, torch.tensor([0, 1]), torch.tensor([4, 2]))
    view = replace(view, feature_names=("x", "y", "z"))
    named = conditions_named(view, some, ["class", "y"])
    assert named["class"].tolist() == ["no", "yes"] and named["y"].tolist() == [5.5, 14.5]
    with pytest.raises(UnknownName, match="class, x, y"):
        conditions_named(view, some, ["w"])
