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
