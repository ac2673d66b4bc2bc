"""Rivals: against slow transcriptions, closed forms and published numbers; none of them looks ahead."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.evaluation.test_metrics import problem

from elman.core.catalogue import catalogue, find
from elman.core.errors import DataError, RecipeError
from elman.core.recipe import DataOptions, EncodingOptions, EvaluationOptions
from elman.data.contract import Examples
from elman.data.load import load
from elman.encoding.text import TextEncoder
from elman.evaluation.baselines import kneser_ney, vowel_rule
from elman.evaluation.contract import TextProblem, TokenProblem
from elman.evaluation.forecast import metrics
from elman.evaluation.outside import outside
from elman.evaluation.rivals import chosen, fit_rival, hold, suitable


def slow_kneser_ney(train, vocabulary, order, context, token):
    """Chen and Goodman 1999 by the book, with dictionaries."""
    raw = [
        Counter(tuple(train[i - k + 1 : i + 1]) for i in range(k - 1, len(train)))
        for k in range(1, order + 1)
    ]
    counts = list(raw)
    for k in range(order - 1):
        before = defaultdict(set)
        for gram in raw[k + 1]:
            before[gram[1:]].add(gram[0])
        counts[k] = Counter({gram: len(before.get(gram, ())) for gram in raw[k]})

    def p(k, context):
        if k == 0:
            return 1 / vocabulary
        table = counts[k - 1]
        n = [sum(c == v for c in table.values()) for v in range(1, 5)]
        y = n[0] / max(1, n[0] + 2 * n[1])
        discount = [0.0] + [
            max(0.0, c - (c + 1) * y * n[c] / n[c - 1]) if n[c - 1] else 0.0 for c in (1, 2, 3)
        ]
        lower = p(k - 1, context[1:])
        here = {gram: c for gram, c in table.items() if gram[:-1] == context}
        total = sum(here.values())
        if not total or (k > 1 and len(context) < k - 1):
            return lower
        own = table.get((*context, token), 0)
        spare = sum(min(discount[min(c, 3)], c) for c in here.values()) / total
        return max(own - discount[min(own, 3)], 0) / total + spare * lower

    return p(order, tuple(context[-(order - 1) :]) if order > 1 else ())


def test_kneser_ney_equals_the_slow_one_and_sums_to_one():
    draw = np.random.default_rng(0)
    train = draw.choice(5, 300, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    orders = kneser_ney.learn(train, 6, 3)  # token 5 is never seen
    tokens = draw.integers(0, 6, 40)
    fast = kneser_ney.probabilities(orders, tokens, 6)
    for place in range(2, 40):
        slow = slow_kneser_ney(train.tolist(), 6, 3, tokens[:place].tolist(), int(tokens[place]))
        assert fast[place] == pytest.approx(slow, rel=1e-9)
    for prefix in (tokens[:7], tokens[:20]):
        whole = sum(kneser_ney.probabilities(orders, np.append(prefix, token), 6)[-1] for token in range(6))
        assert whole == pytest.approx(1.0)


def test_kneser_ney_reaches_the_published_number(data_folder):
    text = (data_folder / "tiny-shakespeare" / "input.txt").read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    encoder = TextEncoder.fit([text[:cut]], EncodingOptions(tokenizer="characters"))
    splits = {"train": text[:cut], "test": text[cut:]}
    tokens = {split: encoder.encode(part) for split, part in splits.items()}
    rival = kneser_ney.fit(TokenProblem(tokens, 67, "character", splits, {}), 60)
    assert rival("test").outputs.mean() == pytest.approx(1.528, abs=0.01)


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("banana", 3),
        ("elephant", 3),
        ("cake", 1),
        ("table", 2),
        ("the", 1),
        ("rhythm", 1),
        ("houses", 2),
        ("wanted", 2),
    ],
)
def test_vowel_rule(word, count):
    assert vowel_rule.count(word) == count


@pytest.mark.parametrize(
    "name",
    [n for n in catalogue("evaluation.baselines") if "forecasting" in find("evaluation.baselines", n).TASKS],
)
def test_no_forecasting_rival_sees_the_future(name):
    values = np.random.default_rng(0).normal(size=300).cumsum()
    kind = "return" if name == "zero_return" else "level"
    series = problem(values, season=5, horizon=7, kind=kind, context=20)
    first = fit_rival(name, series, 5.0).predict("test").outputs
    origin = int(series.origins["test"][10])
    changed = values.copy()
    changed[origin:] += 100.0
    other = problem(changed, season=5, horizon=7, kind=kind, context=20)
    second = fit_rival(name, other, 5.0).predict("test").outputs
    np.testing.assert_allclose(first[:11], second[:11], rtol=1e-7, atol=1e-9)


def test_seasonal_rivals_on_a_pure_season():
    series = problem(np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 60), season=5, horizon=12, context=20)
    for name in ("seasonal_naive", "seasonal_mean", "closed_form_linear"):
        found = metrics(fit_rival(name, series, 5.0).predict("test"), series)
        assert found["mse"] < 1e-3, name


def test_closed_form_linear_reaches_the_published_number(data_folder):
    from elman.encoding.series import SeriesEncoder
    from elman.evaluation.contract import SeriesProblem

    _, table = load(DataOptions(source="ett", path=str(data_folder / "ett")))
    options = EncodingOptions(
        context_length=336, horizon=96, scaler="standard", channels="joint", calendar=False
    )
    series = SeriesProblem(**SeriesEncoder.fit(table, options).encode(table).problem)
    assert {split: len(origins) for split, origins in series.origins.items()} == {
        "train": 8209,
        "validation": 2785,
        "test": 2785,
    }
    expected = {"closed_form_linear": 0.370, "seasonal_mean": 0.400, "train_mean": 1.11}
    for name, value in expected.items():
        assert metrics(fit_rival(name, series, 60.0).predict("test"), series)["mse"] == pytest.approx(
            value, abs=0.003
        )


def text_problem(count=400):
    draw = np.random.default_rng(0)
    texts = [
        ("good nice film " if k % 2 else "bad awful film ") + " ".join(draw.choice(list("abcdef"), 5))
        for k in range(count)
    ]
    examples = Examples(texts, ["pos" if k % 2 else "neg" for k in range(count)])
    return TextProblem({"train": examples, "validation": examples, "test": examples}, ("neg", "pos"))


def test_text_rivals_learn_an_easy_rule_and_suit_their_problem():
    names = suitable("classification", text_problem())
    assert set(names) == {"majority", "nb_svm", "tfidf_logistic"}
    held = hold("classification", text_problem(), EvaluationOptions())
    name, value = held.best(held.primary)
    assert name in ("nb_svm", "tfidf_logistic") and value == 1.0
    assert held.predict("test")["majority"].outputs[0].tolist() == [0.5, 0.5]
    some = hold("classification", text_problem(), EvaluationOptions(rivals=("majority",)))
    assert held.left_out == () and some.left_out == ("nb_svm", "tfidf_logistic")


def test_a_rival_that_fails_is_a_note():
    examples = Examples(["a", "b"], ["x", "x"])
    broken = TextProblem({"train": examples, "validation": examples, "test": examples}, ("x", "y"))
    rival = fit_rival("tfidf_logistic", broken, 1.0)
    assert rival.predict is None and "could not be fitted" in rival.note


def test_unigram_is_the_frequency():
    tokens = {"train": np.array([2, 2, 3]), "test": np.array([2, 2, 3, 4])}
    rival = fit_rival("unigram", TokenProblem(tokens, 5, "character", {}, {}), 1.0)
    assert rival.predict("test").outputs == pytest.approx(
        [-math.log(3 / 8), -math.log(2 / 8), -math.log(1 / 8)]
    )


def test_outside_predictions_are_read_in_their_own_order(tmp_path):
    path, problem_ = tmp_path / "mine.csv", text_problem(4)
    path.write_text("row,prediction\n1,pos\n0,neg\n3,pos\n2,neg\n")
    given = outside(str(path), problem_)
    assert list(given) == ["test"] and given["test"].outputs.argmax(1).tolist() == [0, 1, 0, 1]
    path.with_suffix(".jsonl").write_text(
        "".join(f'{{"row": {row}, "neg": 0.2, "pos": 0.8}}\n' for row in range(4))
    )
    assert outside(str(path.with_suffix(".jsonl")), problem_)["test"].outputs.tolist() == [[0.2, 0.8]] * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("row,prediction\n1,pos\n0,neg\n3,pos\n", "1 missing"),
        ("row,prediction\n1,pos\n0,neg\n3,pos\n3,neg\n", "1 missing"),
        ("row,prediction\n1,pos\n0,neg\n3,maybe\n2,neg\n", "not one of neg, pos"),
        ("row,prediction\n1,pos\n-1,neg\n3,pos\n2,neg\n", "1 missing"),
        ("row,prediction\na,pos\nb,neg\nc,pos\nd,neg\n", "whole numbers"),
        ("row,neg,pos\n0,.5,.5\n1,.5,\n2,.5,.5\n3,.5,.5\n", "holds None for row 1"),
        ("row,neg,pos\n0,.5,.5\n1,.5,x\n2,.5,.5\n3,.5,.5\n", "holds 'x' for row 1"),
        ("rwo,prediction\n0,pos\n", "Did you mean 'rwo'"),
        ("row,predicted\n0,pos\n1,pos\n2,pos\n3,pos\n", "Did you mean 'predicted'"),
        ("split,row,prediction\ntrain,0,pos\n", "validation or test"),
        ("", "is empty"),
    ],
)
def test_outside_predictions_that_do_not_fit_are_told(tmp_path, text, words):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        outside(str(tmp_path / "mine.csv"), text_problem(4))
    assert words in str(caught.value)


def test_outside_forecasts(tmp_path):
    one = problem(np.random.default_rng(0).normal(size=40), horizon=3)
    both = np.repeat(one.values, 2, 1)
    problem_ = replace(one, values=both, observed=np.ones_like(both, bool), series=("y", "z"))
    path, shape = tmp_path / "mine.parquet", problem_.future("test").shape
    rows = [
        {"row": w, "step": t, "series": problem_.series[k], "prediction": 100.0 * w + 10 * t + k}
        for w, t, k in np.ndindex(*shape)
    ]
    pl.DataFrame(rows[::-1]).write_parquet(path)
    outputs = outside(str(path), problem_)["test"].outputs
    assert outputs.shape == shape and outputs[-1, 0, 0] == 100 * (shape[0] - 1)
    pl.DataFrame([*rows[:-1], {**rows[-1], "series": "other"}]).write_parquet(path)
    with pytest.raises(DataError, match="series 'other'"):
        outside(str(path), problem_)
    pl.DataFrame([*rows[:-1], {**rows[-1], "step": 99}]).write_parquet(path)
    with pytest.raises(DataError, match="step 99; expected 0 to"):
        outside(str(path), problem_)


def test_an_outside_file_joins_the_table_for_the_splits_it_holds(tmp_path):
    (tmp_path / "majority.csv").write_text("row,prediction\n1,pos\n0,neg\n3,pos\n2,neg\n")
    options = EvaluationOptions(rivals=("majority",), rival_predictions=(str(tmp_path / "majority.csv"),))
    heard = []
    rivals = hold("classification", text_problem(4), options, told=lambda row, _: heard.append(row))
    assert set(rivals.predict("test")) == {"majority", "majority.csv"}
    assert set(rivals.predict("validation")) == {"majority"}
    assert heard[1].note == "holds predictions for test only"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("majorty", "Did you mean 'majority'"),
        ("kneser_ney", "'kneser_ney' does not suit this data"),
        ("mine.csv", "--rival FILE"),
    ],
)
def test_a_rival_that_is_none_is_told_before_anything_is_fitted(name, words):
    options = EvaluationOptions(rivals=("majority", name))
    with pytest.raises(RecipeError) as caught:
        hold("classification", text_problem(4), options, told=lambda *_: pytest.fail("fitted first"))
    assert words in str(caught.value) and "majority, " in str(caught.value)


def test_names_choose_and_files_are_added(tmp_path):
    (tmp_path / "plain").write_text("x")
    assert chosen(["majority", "a.csv", str(tmp_path / "plain")]) == {
        "rivals": ["majority"],
        "rival_predictions": ["a.csv", str(tmp_path / "plain")],
    }
    assert chosen(["b.parquet"]) == {"rival_predictions": ["b.parquet"]}


def test_looks_are_counted_per_data(tmp_path, monkeypatch):
    from elman.evaluation.looks import look, ordinal

    monkeypatch.setenv("ELMAN_STATE", str(tmp_path))
    assert [look("a"), look("a"), look("b"), look("a")] == [1, 2, 1, 3]
    (tmp_path / "test-looks.json").write_text("{ rotten")
    assert look("a") == 1
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 103)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "21st",
        "103rd",
    ]
