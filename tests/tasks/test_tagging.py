"""Tagging: what is read of a word, what is scored, the whole road on small data, and symbols as words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import f1_score, precision_recall_fscore_support

import elman
from elman import workbench
from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions, EvaluationOptions
from elman.data.contract import TaggedExamples
from elman.encoding.tagged import UNSCORED, TaggedFeed, WordEncoder, pieces, shape
from elman.evaluation.compare import compare
from elman.evaluation.contract import TaggedProblem
from elman.evaluation.intervals import Resamples
from elman.evaluation.measure import groups
from elman.evaluation.rivals import fit_rival, hold
from elman.evaluation.tagging import in_sentence, per_tag, places, scored_words, tag_numbers
from elman.evaluation.verdict import judge
from elman.models.inputs import TokenInputs
from elman.recipes import as_recipe

SMALL = {"hidden_size": 16, "steps": 150, "validations": 3, "bootstrap": 50, "learning_rate": 0.02}
ENDS = {"ing": "VERB", "ly": "ADV", "s": "NOUN", "al": "ADJ"}


def sentence(draw):
    """Words whose end says the tag, but for "mix": a VERB after an ADV, else a NOUN."""
    words, tags = [], []
    for _ in range(draw.integers(2, 9)):
        if draw.random() < 0.4:
            tags.append("VERB" if tags and tags[-1] == "ADV" else "NOUN")
            words.append("mix")
        else:
            end = str(draw.choice(list(ENDS), p=(0.2, 0.4, 0.2, 0.2)))
            words.append("".join(draw.choice(list("bdfkmnoau"), draw.integers(2, 5))) + end)
            tags.append(ENDS[end])
    return words, tags


def conllu(sentences):
    rows = []
    for words, tags in sentences:
        for number, (word, tag) in enumerate(zip(words, tags), 1):
            rows.append(f"{number}\t{word}\t_\t{tag or '_'}\t_\t_\t_\t_\t_\t_")
        rows.append("")
    return "\n".join(rows) + "\n"


@pytest.fixture(autouse=True, scope="module")
def state(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("ELMAN_STATE", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tagging")


@pytest.fixture(scope="module")
def own(folder):
    draw = np.random.default_rng(0)
    path = folder / "my.conllu"
    path.write_text(conllu(sentence(draw) for _ in range(500)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(own, folder):
    return elman.fit(own, out=folder / "run", rivals=("most_frequent_tag",), **SMALL)


# What is read of a word


def test_pieces_and_shape_of_a_word():
    assert pieces("Boats", 3) == ["b:b", "b:bo", "b:boa", "e:s", "e:ts", "e:ats", "s:Xx"]
    assert pieces("a", 2) == ["b:a", "", "e:a", "", "s:x"] and pieces("any", 0) == []
    assert shape("McDonald's") == "XxXx'x" and shape("2,500.00") == "d,d.d" and shape("USA") == "X"


def test_the_encoder_is_fitted_on_training_words_and_stored_whole():
    train = [["The", "walking", "man"], ["the", "talking", "dog"]]
    encoder = WordEncoder.fit(train, EncodingOptions(lowercase=True, affixes=3))
    known, unknown = encoder.encode(["THE", "balking"])
    words, names = encoder.vocabulary.tokens, ["", *encoder.pieces]
    assert words[known[0]] == "the" and unknown[0] == 1 and len(known) == 8
    heard = [names[number - len(words) + 1] for number in unknown if number >= len(words)]
    assert heard == ["e:g", "e:ng", "e:ing", "s:x"]  # no two training words begin with b
    again = WordEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    np.testing.assert_array_equal(again.encode(["balking", "the"]), encoder.encode(["balking", "the"]))
    plain = WordEncoder.fit(train, EncodingOptions(affixes=0))
    assert plain.encode(["the", "The", "cat"]).shape == (3,) and len(plain) == 2 + 6
    with pytest.raises(RecipeError, match="affixes=-1"):
        WordEncoder.fit(train, EncodingOptions(affixes=-1))


def test_a_word_is_the_sum_of_its_vectors_and_dropping_it_leaves_its_pieces():
    torch.manual_seed(0)
    inputs = TokenInputs(9, 4, token_dropout=1.0).eval()
    tokens = torch.tensor([[[2, 5, 0], [3, 0, 7]]])
    table = inputs.embedding.weight
    torch.testing.assert_close(inputs(tokens)[0], torch.stack([table[2] + table[5], table[3] + table[7]]))
    inputs.train()
    torch.testing.assert_close(inputs(tokens)[0], torch.stack([table[1] + table[5], table[1] + table[7]]))


def test_texts_are_split_as_training_was():
    train = [["I", "do", "n't", "know", "Mr.", "Fox", "'s", "$", "."]]
    language = WordEncoder.fit(train, EncodingOptions(lowercase=True, affixes=2))
    assert language.split("I don't know Mr. Fox's (new) $5.") == [
        "I", "do", "n't", "know", "Mr.", "Fox", "'s", "(", "new", ")", "$", "5", ".",
    ]  # fmt: skip
    symbols = WordEncoder.fit([["(", ")"]], EncodingOptions(affixes=0))
    assert symbols.split("(() ) x)") == ["(", "(", ")", ")", "x)"] and symbols.split(" ") == []


def test_the_feed_gives_every_word_once_beside_its_tag():
    draw = np.random.default_rng(1)
    sentences = [draw.integers(1, 9, (length, 3)) for length in draw.integers(1, 7, 25)]
    tags = [np.where(draw.random(len(one)) < 0.3, UNSCORED, one[:, 0]) for one in sentences]
    feed = TaggedFeed(sentences, tags)
    seen = {}
    for batch in feed.batches(4, np.random.default_rng(0)):
        for row, length, words, marks in zip(batch.rows, batch.lengths, batch.inputs, batch.targets):
            seen[int(row)] = (words[:length].numpy(), marks[:length].numpy())
            assert (words[length:] == 0).all() and (marks[length:] == UNSCORED).all()
    assert len(seen) == len(feed) == 25 and feed.steps(4) == 7
    for row, (words, marks) in seen.items():
        np.testing.assert_array_equal(words, sentences[row])
        np.testing.assert_array_equal(marks, tags[row])
        np.testing.assert_array_equal(feed.tags(row), tags[row])
    with pytest.raises(DataError, match="2 words and 1 tags"):
        TaggedFeed([np.ones(2)], [np.ones(1)])
    with pytest.raises(DataError, match="sentence 0 is empty|sequence 0 is empty"):
        TaggedFeed([np.ones(0)], [np.ones(0)])


def test_the_loss_of_a_batch_is_the_mean_of_its_parts_and_words_without_a_tag_add_nothing(own):
    prepared = workbench.prepare(as_recipe(own, dropout=0.0, token_dropout=0.0))
    network = prepared.task.network(prepared.encoded.encoder, prepared.recipe)
    objective = prepared.task.objective(prepared.encoded, prepared.recipe)
    batch = prepared.encoded.feeds["train"].take(np.arange(7))
    whole = objective(network, batch, None)
    parts = [batch.part(number, 3) for number in range(3)]
    together = sum(share * objective(network, part, None).loss for part, share in parts)
    torch.testing.assert_close(together, whole.loss)
    nothing = objective(network, replace(batch, targets=torch.full_like(batch.targets, UNSCORED)), None)
    assert nothing.loss.item() == 0 and whole.examples == 7


# What is measured


@pytest.fixture
def problem():
    train = TaggedExamples(
        [["a", "run"], ["run", "b"], ["run", "once"]], [["D", "V"], ["N", "D"], ["N", "N"]]
    )
    test = TaggedExamples([["a", "new", "run"], ["new"], ["b", "a"]], [["D", "N", "V"], [""], ["", "D"]])
    return TaggedProblem({"train": train, "validation": train, "test": test}, ("D", "N", "V"))


def test_words_without_a_tag_are_not_scored(problem):
    test = problem.splits["test"]
    assert tag_numbers(problem, "test").tolist() == [0, 1, 2, 0]
    assert places(test)[0].tolist() == [0, 0, 0, 2] and places(test)[1].tolist() == [0, 1, 2, 1]
    assert scored_words(test) == ["a", "new", "run", "a"]
    assert in_sentence(test, 1) == "a [new] run" and in_sentence(test, 3) == "b [a]"
    assert in_sentence(test, 2, around=1) == "… new [run]"


def test_the_most_frequent_tag_by_hand(problem):
    predict = fit_rival("most_frequent_tag", problem, 10).predict
    found = predict("test")
    # "a" is D, "run" is N two times of three; words seen once are a, b (D, D) and once (N), so an unknown word is D.
    assert [found.labels[k] for k in found.outputs.argmax(1)] == ["D", "D", "N", "D"]
    np.testing.assert_allclose(found.outputs.sum(1), 1)
    assert found.outputs[2, 1] == pytest.approx(2 / 3, abs=1e-3)


def test_the_window_rival_sees_what_stands_beside_a_word():
    draw = np.random.default_rng(0)
    every = [sentence(draw) for _ in range(400)]
    parts = {"train": every[:300], "validation": every[300:350], "test": every[350:]}
    splits = {name: TaggedExamples(*map(list, zip(*part))) for name, part in parts.items()}
    problem = TaggedProblem(splits, ("ADJ", "ADV", "NOUN", "VERB"))
    window, word = (
        fit_rival(name, problem, 60).predict("test") for name in ("word_window", "most_frequent_tag")
    )
    right = [(one.outputs.argmax(1) == one.targets).mean() for one in (window, word)]
    assert right[0] > 0.97 > right[1] + 0.2


def test_scores_of_each_tag_are_those_of_sklearn(problem):
    draw = np.random.default_rng(0)
    from elman.core.results import Predictions

    targets, outputs = draw.integers(0, 3, 200), draw.dirichlet(np.ones(4), 200)
    rows = per_tag(Predictions("classes", outputs, targets, ("D", "N", "V", "X")))
    given = precision_recall_fscore_support(targets, outputs.argmax(1), labels=range(4), zero_division=0)
    for label, count, *values in rows:
        k = "DNVX".index(label)
        assert values == pytest.approx([part[k] for part in given[:3]]) and count == given[3][k]
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    macro = f1_score(targets, outputs.argmax(1), average="macro", zero_division=0)
    assert np.mean([row[-1] for row in rows]) == pytest.approx(macro)


def test_sentences_are_drawn_whole():
    draw = np.random.default_rng(0)
    of, values = np.repeat([3, 5, 9, 11], [4, 1, 7, 2]), draw.random(14)
    resamples = Resamples.draw(14, 500, 1, 7, of)
    expected = []
    for row in np.random.default_rng(7).integers(0, 4, (500, 4)):
        expected.append(np.concatenate([values[of == (3, 5, 9, 11)[k]] for k in row]).mean())
    np.testing.assert_allclose(resamples.means(values), expected)


def test_intervals_of_words_that_go_wrong_together_are_wider(problem):
    from elman.core.results import Predictions

    words = [["w"] * 20 for _ in range(60)]
    examples = TaggedExamples(words, [["D"] * 20 for _ in words])
    splits = dict.fromkeys(("train", "validation", "test"), examples)
    same = TaggedProblem(splits, ("D", "N"))
    wrong = np.repeat(np.random.default_rng(0).random(60) < 0.3, 20)
    outputs = np.where(wrong[:, None], [[0.1, 0.9]], [[0.9, 0.1]])
    scores = judge("test", Predictions("classes", outputs, np.zeros(1200, int), ("D", "N")), {}, same)
    value = scores.network.metrics["accuracy"]
    share = wrong.mean()
    assert value.high - value.low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 60), rel=0.15)
    assert len(np.unique(groups(same, "test"))) == 60


# The road


def test_it_learns_ends_of_words_it_has_not_seen_and_what_stands_before(run):
    scores = run.scores["test"]
    value = next(row for row in scores["rows"] if not row["is_rival"])["metrics"]["accuracy"]["value"]
    parts = {label: share for label, _, share in scores["slices"]["word"]}
    assert value > 0.97 and scores["beats_best_rival"] and parts["not in training"] > 0.95
    assert {row[0] for row in scores["details"]["per_tag"]} == set(ENDS.values())
    assert run.recipe.model.bidirectional and run.recipe.encoding.affixes == 4


def test_findings_and_report(run):
    asked = {finding["question"] for finding in run.findings}
    assert {"errors", "context", "gates", "left_out"} <= asked and not {
        "memory",
        "attribution",
        "dynamics",
    } & asked
    near = next(finding for finding in run.findings if finding["question"] == "context")
    assert near["value"] == 1 and "needs 1 on the left and 0 on the right" in near["sentence"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "By tag" in page and "not in training" in page and "Not asked" in page
    with pytest.raises(RecipeError, match="memory is no question to run: it reads from both ends"):
        elman.explain(run, ["memory"])
    table = pl.read_parquet(run.folder / "predictions-test.parquet")
    assert {"sentence", "place", "word", "target", "prediction"} <= set(table.columns)


def test_predicting_words(run, folder):
    table = elman.predict(run, ["Koomly mix nabing!", "mix"])
    assert table["word"].to_list() == ["Koomly", "mix", "nabing", "!", "mix"]
    assert table["tag"].to_list()[:3] == ["ADV", "VERB", "VERB"] and table["tag"][4] == "NOUN"
    assert table["sentence"].to_list() == [0, 0, 0, 0, 1] and table["probability"].min() > 0.25
    (folder / "new.conllu").write_text(conllu([(["fabs", "mix"], ["", ""])]))
    (folder / "new.txt").write_text("fabs mix\n")
    same = [
        elman.predict(run, given) for given in ([["fabs", "mix"]], folder / "new.conllu", folder / "new.txt")
    ]
    assert same[0].equals(same[1]) and same[0].equals(same[2])
    with pytest.raises(DataError, match="no words"):
        elman.predict(run, [" "])
    with pytest.raises(DataError, match="no words"):
        elman.predict(run, [["mix"], []])


def test_predictions_do_not_depend_on_their_neighbours_in_a_batch(run):
    prepared = workbench.prepare(run.recipe, run.encoder)
    whole = run.task.predict(run.network, prepared.encoded, "test", run.recipe)
    words = prepared.dataset.splits["test"].words
    single = np.concatenate([elman.predict(run, [one])["probability"].to_numpy() for one in words[:20]])
    np.testing.assert_allclose(whole.outputs.max(1)[: len(single)], single, atol=1e-5)


def test_comparing_resuming_and_repeating(run, own, folder, monkeypatch):
    again = elman.fit(run.folder / "recipe.toml", out=folder / "again", explained=False)
    assert again.history[-1]["accuracy"] == run.history[-1]["accuracy"]
    other = elman.fit(own, out=folder / "other", rivals=(), **{**SMALL, "steps": 3, "validations": 1})
    row = compare([run, other], "validation").rows[1]
    assert row.difference.value < 0 and row.difference.high < 0

    import elman.training.loop as loop

    real, calls = loop.save_state, []

    def dying(*arguments, **facts):
        real(*arguments, **facts)
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("power cut")

    monkeypatch.setattr(loop, "save_state", dying)
    with pytest.raises(RuntimeError, match="power cut"):
        elman.fit(run.folder / "recipe.toml", out=folder / "cut", explained=False)
    monkeypatch.setattr(loop, "save_state", real)
    resumed = elman.fit(folder / "cut" / "recipe.toml", resume=folder / "cut", explained=False)
    assert resumed.history[-1]["accuracy"] == run.history[-1]["accuracy"]


def test_an_outside_model_is_one_more_rival(run, folder):
    prepared = workbench.prepare(run.recipe, run.encoder)
    truth = tag_numbers(prepared.encoded.problem, "test")
    names = [run.encoder.labels[k] for k in truth]
    pl.DataFrame({"row": range(len(truth)), "prediction": names}).write_csv(folder / "perfect.csv")
    options = EvaluationOptions(rivals=(), rival_predictions=(str(folder / "perfect.csv"),))
    held = hold("tagging", prepared.encoded.problem, options).predict("test")
    scores = judge("test", held["perfect"], {}, prepared.encoded.problem)
    assert scores["accuracy"] == 1.0


def test_what_does_not_fit_is_refused_by_name(own, run, folder):
    from elman.eject.write import eject

    for name, value in (("tokenizer", "words"), ("max_length", 5), ("pooling", "max"), ("horizon", 3)):
        with pytest.raises(RecipeError, match=f"{name} is a setting of"):
            workbench.prepare(as_recipe(own, **{name: value}))
    with pytest.raises(RecipeError, match="affixes is a setting of tagging"):
        workbench.prepare(as_recipe("syllables", affixes=2))
    with pytest.raises(RecipeError, match="task=tagging"):
        eject(run, folder / "ejected")
    with pytest.raises(RecipeError, match="needs a language model"):
        elman.generate(run)
    with pytest.raises(DataError, match="tagged sentences, for tagging"):
        workbench.prepare(as_recipe(own, task="classification"))


def test_options_compose(own, folder):
    settings = {
        "label_smoothing": 0.1,
        "class_weights": "balanced",
        "num_layers": 2,
        "cell": "mingru",
        "min_count": 2,
    }
    few = {**SMALL, "steps": 3, "validations": 1, "rivals": (), "limit": 50}
    assert elman.fit(own, out=folder / "options", **settings, **few).scores["test"]["rows"]
    (folder / "v.txt").write_text("mix 1 2\nunheard 5 5\n")
    run = elman.fit(own, out=folder / "vectors", vectors=str(folder / "v.txt"), embedding_size=2, **few)
    assert any("word vectors: 1 of" in line for line in run.facts["summary"])


def test_symbols_as_words_are_read_plainly_and_in_one_direction(folder):
    run = elman.fit(
        "dyck1",
        out=folder / "dyck",
        rivals=("most_frequent_tag",),
        **{**SMALL, "limit": 1500, "hidden_size": 8},
    )
    assert run.recipe.encoding.affixes == 0 and not run.recipe.model.bidirectional
    asked = {finding["question"] for finding in run.findings}
    assert {
        "errors",
        "memory",
        "attribution",
        "gates",
        "dynamics",
        "left_out",
    } <= asked and "context" not in asked
    assert run.scores["test"]["beats_best_rival"]
    assert elman.predict(run, ["(()"])["word"].to_list() == ["(", "(", ")"]
