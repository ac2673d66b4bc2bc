"""The n-gram gap on a source whose entropy is known, and kinds of errors put there by hand."""

from __future__ import annotations

import numpy as np
import pytest

from elman.evaluation.baselines.kneser_ney import learn, probabilities
from elman.interpretation.ngrams import KINDS, kinds, ngrams, repeats, word_counts
from elman.report.charts import draw


def markov(order, count, states=3, seed=0):
    """A source that looks back `order` tokens: tokens (count,), the true nats of each, its entropy rate in nats."""
    draw = np.random.default_rng(seed)
    table = draw.dirichlet(np.full(states, 2.0), states**order)
    tokens = list(draw.integers(0, states, order))
    nats = [np.log(states)] * order
    for _ in range(count - order):
        context = 0
        for token in tokens[-order:]:
            context = context * states + token
        token = int(draw.choice(states, p=table[context]))
        tokens.append(token)
        nats.append(-np.log(table[context, token]))
    return np.array(tokens), np.array(nats)


def test_the_gap_to_the_source_itself_goes_to_zero():
    """The network is the source: what an n-gram model of its order, counted long enough, still loses goes to 0."""
    tokens, nats = markov(2, 60_000)
    held, true = tokens[50_000:], nats[50_000:]
    names = ["abc"[token] for token in held]
    gaps = []
    for learnt in (500, 5_000, 50_000):
        said = -np.log(probabilities(learn(tokens[:learnt], 3, 3), tokens[49_990:], 3))[10:]
        finding = ngrams(true, said, names, np.full(len(held), 99), order=3, learnt=learnt)
        gaps.append(finding.value)
    assert gaps[0] < gaps[1] < gaps[2] < 0 and gaps[0] < -0.01 and gaps[2] == pytest.approx(0, abs=1e-3)
    short = -np.log(probabilities(learn(tokens[:50_000], 3, 1), tokens[49_990:], 3))[10:]
    finding = ngrams(true, short, names, np.full(len(held), 99))
    low, high = finding.interval
    assert low < finding.value < high < -0.05
    assert (
        finding.value == pytest.approx((true - short).mean() / np.log(2)) and "ahead of" in finding.sentence
    )


def test_a_network_that_is_the_ngram_model_is_at_zero():
    nats = np.random.default_rng(0).exponential(size=1000)
    finding = ngrams(nats, nats, list("ab c.") * 200, np.full(1000, 9))
    assert finding.value == 0 and finding.interval == (0, 0)
    assert "orange" in finding.html and "<svg" in draw(finding.chart)


def test_what_is_true_of_one_kind_of_token_is_told_beside_the_shuffles():
    tokens = list("a b ") * 500
    nats = np.where(np.array(tokens) == " ", 0.1, 1.0)
    finding = ngrams(nats, np.full(2000, 0.5), tokens, np.full(2000, 9))
    rows = {row["token"]: row for row in finding.table}
    assert rows["white space"]["gap (bits)"] == pytest.approx(-0.4 / np.log(2))
    assert rows["letters and words"]["gap (bits)"] == pytest.approx(0.5 / np.log(2))
    assert rows["white space"]["tokens"] == 1000 and "behind" in finding.sentence
    assert "no kind of token is further than 0.0" in finding.sentence
    assert finding.arrays["gap"].shape == (2000,)


def test_each_error_is_of_the_first_kind_that_fits():
    tokens = ["a", "b", "c", "d", "e", "a", "b", "c", "d", "e", " ", "z", "q", "x"]
    count = len(tokens)
    nats = np.full(count, 2.0)
    nats[13] = 0.5  # better than half: no error
    others, counts = np.full(count, 2.0), np.full(count, 9)
    others[0] = 0.6
    counts[11] = 1
    found = [KINDS[kind] if kind >= 0 else None for kind in kinds(nats, others, tokens, counts)]
    assert found == ["n-gram", *["rest"] * 8, "repeat", "between", "rare", "rest", None]


def test_repeats_look_at_the_last_time_and_not_too_far_back():
    assert repeats(list("abcdXabcdX")).tolist() == [False] * 9 + [True]
    assert not repeats(list("abcdXabcdYabcdX"))[-1]  # the last time it was Y
    far = list("abcdX") + ["z"] * 30 + list("abcdX")
    assert repeats(far, reach=35)[-1] and not repeats(far, reach=34)[-1]
    assert not repeats(list("abc")).any()


def test_words_are_counted_as_wholes():
    assert word_counts(list("an a."), list("an a an, b")).tolist() == [2, 2, 3, 1, 0]
    assert word_counts(["the", "cat"], ["the", "dog", "the"]).tolist() == [2, 0]


def test_punctuation_digits_and_what_has_no_letters_are_kinds_of_their_own():
    finding = ngrams(
        np.ones(60), np.full(60, 0.9), ["word", "7", "\n", ",", "\x00", "b2"] * 10, np.full(60, 9)
    )
    assert {row["token"]: row["tokens"] for row in finding.table} == {
        "letters and words": 20, "digits": 10, "white space": 10, "punctuation": 10, "other": 10,
    }  # fmt: skip


def test_text_in_the_picture_is_escaped():
    finding = ngrams(np.arange(20.0), np.zeros(20), ["<b>"] * 20, np.full(20, 9))
    assert "<b>" not in finding.html.replace("<b></b>", "") and "&lt;b&gt;" in finding.html


def test_the_numbers_are_those_by_hand():
    """Five kinds of tokens with gaps of 1, 0, -1 and -2 bits, and an even interval over blocks."""
    bit = np.log(2)
    tokens = ["a", "1", " ", "!", "\x00"] * 400
    own, other = np.tile([2.0, 1.0, 1.0, 1.0, 1.0], 400) * bit, np.tile([1.0, 1.0, 2.0, 3.0, 1.0], 400) * bit
    finding = ngrams(own, other, tokens, np.full(2000, 9))
    rows = {row["token"]: row for row in finding.table}
    assert list(rows) == ["letters and words", "digits", "white space", "punctuation", "other"]
    for name, mine, theirs in (
        ("letters and words", 2, 1), ("digits", 1, 1), ("white space", 1, 2), ("punctuation", 1, 3), ("other", 1, 1),
    ):  # fmt: skip
        row = rows[name]
        assert row["tokens"] == 400 and row["gap (bits)"] == pytest.approx(mine - theirs)
        assert row["network (bits)"] == pytest.approx(mine) and row["n-gram (bits)"] == pytest.approx(theirs)
    # Blocks of 200 tokens hold whole rounds of five: no two differ.
    assert finding.value == pytest.approx(-0.4) and finding.interval == pytest.approx((-0.4, -0.4))
    # -0.4 is the mean: punctuation is 1.6 below it, letters 1.4 above.
    assert "differs most from its mean at punctuation: -2.00 bits" in finding.sentence
    assert (
        "ahead at 40% of the tokens" in finding.sentence
        and "ahead of an n-gram model, and" in finding.sentence
    )
    # Wrong are the letters alone, with 2 bits of loss; the n-gram model had just half, and so had all others.
    assert (finding.arrays["kind"] >= 0).sum() == 400 and set(finding.arrays["kind"][::5]) <= {1, 4}
    shares = {bar["kind"]: bar["share of errors (%)"] for bar in _drawn(finding.chart, "kind")}
    assert shares["n-gram"] == 0 and sum(shares.values()) == pytest.approx(100)
    assert shares["repeat"] == pytest.approx(
        99.5
    )  # all but the first two: what stood before them had not been there
    level = ngrams(other, other, tokens, np.full(2000, 9), order=3)
    assert "behind an n-gram model of order 3" in level.sentence


def _drawn(chart, column):
    """The rows of the part of a picture that has this column."""
    for part in chart["vconcat"]:
        rows = part.get("data", {}).get("values", [])
        if rows and column in rows[0]:
            return rows
    raise AssertionError(column)


def test_the_first_kind_of_all_can_be_the_only_one():
    nats = np.full(40, 3.0)
    finding = ngrams(nats, np.full(40, 0.1), list("ab") * 20, np.full(40, 9))
    assert {bar["kind"]: bar["share of errors (%)"] for bar in _drawn(finding.chart, "kind")} == {
        "n-gram": 100, "repeat": 0, "rare": 0, "between": 0, "rest": 0,
    }  # fmt: skip


def test_what_shuffles_give_is_in_bits_and_small_where_kinds_are_many_tokens():
    """Two kinds whose gaps are 1 nat apart: shuffled, the mean of each of 1,000 strays by some hundredths of a bit."""
    tokens = list("a ") * 1000
    nats = np.where(np.array(tokens) == " ", 0.0, 1.0)
    finding = ngrams(nats, np.full(2000, 0.5), tokens, np.full(2000, 9))
    told = float(finding.sentence.split("further than ")[1].split(" ")[0])
    error = (
        0.5 / np.log(2) / np.sqrt(1000) / np.sqrt(2)
    )  # standard error of half of them, drawn without replacement
    assert error < told < 4 * error


def test_the_interval_is_that_of_the_mean_of_blocks():
    """Blocks of 200 with means drawn at random: the interval is about two standard errors of their mean to either side."""
    draw_ = np.random.default_rng(0)
    levels = draw_.normal(size=100)
    gap = np.repeat(levels, 200)
    finding = ngrams(gap + 5.0, np.full(20_000, 5.0), ["a"] * 20_000, np.full(20_000, 9))
    low, high = finding.interval
    error = levels.std() / 10 / np.log(2)
    assert high - finding.value == pytest.approx(1.96 * error, rel=0.12)
    assert finding.value - low == pytest.approx(1.96 * error, rel=0.12)
    few = ngrams(gap[:30] + 5.0, np.full(30, 5.0), ["a"] * 30, np.full(30, 9))  # too few for such blocks
    assert few.interval == (pytest.approx(few.value), pytest.approx(few.value))
    assert ngrams(np.ones(5), np.ones(5), ["a"] * 5, np.full(5, 9)).value == 0


def test_borders_of_kinds_belong_to_the_right_side():
    half = np.log(2.0)
    tokens = list("abcdef")
    nats, counts = np.array([half, 1.0, 1.0, 1.0, 1.0, 1.0]), np.array([9, 9, 9, 5, 4, 9])
    others = np.array([9.0, half, 0.5, 9.0, 9.0, 9.0])
    found = kinds(nats, others, tokens, counts)
    assert found.tolist() == [-1, 4, 0, 4, 2, 4]
    assert word_counts(["ab", "a"], ["ab", "ab", "b"]).tolist() == [2, 0]
    assert word_counts(list("ab a"), list("ab ab b")).tolist() == [2, 2, 2, 0]
