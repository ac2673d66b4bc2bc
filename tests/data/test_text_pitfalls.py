"""Mistakes with texts and with sequences of any kind, done on purpose: impossible here, or named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import elman
from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions, Recipe
from elman.data.contract import ValueExamples
from elman.data.load import load
from elman.data.value_splits import digest, split_by_hash
from elman.data.value_splits import given as given_splits
from elman.encoding.sequences import SequenceFeed
from elman.encoding.text import TextEncoder
from elman.tasks.contract import run_batches


class Total(nn.Module):
    """Sums what it is given: its answer names its example."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, batch):
        return batch.inputs.sum(1, keepdim=True).float()


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=50), size=st.integers(1, 60), left=st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_no_last_batch_is_dropped_and_the_order_comes_back(lengths, size, left):
    draw = np.random.default_rng(len(lengths))
    sequences = [draw.integers(2, 1000, length).astype(np.int32) for length in lengths]
    feed = SequenceFeed(sequences, np.arange(len(lengths)), padding="left" if left else "right")
    model = Total()
    found = run_batches(model, feed, size, model)
    assert found[:, 0].tolist() == [sequence.sum() for sequence in sequences]
    assert feed.steps(size) == len(list(feed.batches(size))) == -(-len(lengths) // size)
    as_they_come = np.concatenate([batch.rows for batch in feed.batches(size)])
    if sorted(lengths) != lengths:  # the wrong way: buckets of like length are another order
        assert as_they_come.tolist() != list(range(len(lengths)))


def labelled_csv(tmp_path, rows, header="text,label"):
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    return str(tmp_path / "a.csv")


def test_duplicates_across_splits_cannot_be_or_are_named(tmp_path):
    rows = [f"film number {k % 150},{'good' if k % 3 else 'bad'}" for k in range(600)]
    _, data = load(DataOptions(source=labelled_csv(tmp_path, rows)))
    splits = [set(data.splits[split].texts) for split in ("train", "validation", "test")]
    assert not splits[0] & splits[2] and not splits[0] & splits[1] and not splits[1] & splits[2]
    assert any(
        "450 exact duplicate texts; equal texts are kept in one split" in note
        for note in data.provenance.notes
    )
    given = [f"{row},{'test' if k % 7 == 0 else 'train'}" for k, row in enumerate(rows)]
    _, data = load(DataOptions(source=labelled_csv(tmp_path, given, "text,label,split")))
    both = len(
        set(data.splits["test"].texts)
        & (set(data.splits["train"].texts) | set(data.splits["validation"].texts))
    )
    named = [note for note in data.provenance.notes if "WARNING" in note and "test split" in note]
    assert both == 86 and len(named) == 1 and named[0].startswith("WARNING, 86 texts")
    assert not any("kept in one split" in note for note in data.provenance.notes)


def test_copies_of_series_and_of_sentences_cannot_part_or_are_named(tmp_path):
    draw = np.random.default_rng(0)
    kinds = [draw.normal(size=(5, 1)).astype(np.float32) for _ in range(60)]
    rows = [kinds[k % 60] for k in range(180)]
    examples = ValueExamples(rows, [f"{k % 60 % 2}" for k in range(180)])
    data = split_by_hash(examples, ("0", "1"), ("x",), "mine", DataOptions())
    keys = [set(map(digest, data.splits[split].values)) for split in ("train", "validation", "test")]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    shuffled = draw.permutation(180)  # the wrong way: rows at random
    assert {digest(rows[row]) for row in shuffled[:126]} & {digest(rows[row]) for row in shuffled[126:]}
    told = given_splits(
        examples, ValueExamples(rows[:3], ["0", "1", "0"]), ("0", "1"), ("x",), "mine", DataOptions()
    )
    assert any(
        "WARNING, 3 series of the test split also stand in train" in note for note in told.provenance.notes
    )
    rest = "\t_" * 6
    sentences = "".join(f"1\tword{k % 50}\t_\t{'NV'[k % 2]}{rest}\n\n" for k in range(200))
    (tmp_path / "a.conllu").write_text(sentences)
    _, tagged = load(DataOptions(source=str(tmp_path / "a.conllu")))
    parts = [{tuple(one) for one in tagged.splits[split].words} for split in ("train", "validation", "test")]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_texts_of_one_author_stay_together(tmp_path):
    rows = [f"words of review {k},{'good' if k % 2 else 'bad'},author {k % 40}" for k in range(800)]
    path = labelled_csv(tmp_path, rows, "text,label,author")
    author = dict(zip((row.split(",")[0] for row in rows), (row.split(",")[2] for row in rows)))

    def authors(**options):
        _, data = load(DataOptions(source=path, text="text", label="label", **options))
        return data, [
            {author[text] for text in data.splits[split].texts} for split in ("train", "validation", "test")
        ]

    data, (train, validation, test) = authors(group="author")
    assert (
        not train & test
        and not train & validation
        and not validation & test
        and "hash of author" in data.provenance.split
    )
    assert authors()[1][0] & authors()[1][2]  # the wrong way
    with pytest.raises(DataError, match="no split does both"):
        authors(group="author", stratified=True)
    with pytest.raises(DataError, match="Did you mean 'author'"):
        authors(group="autor")


def test_a_stratified_split_has_the_same_share_of_a_rare_class(tmp_path):
    rows = [f"words of review {k % 970},{'rare' if k % 970 < 60 else 'often'}" for k in range(1000)]
    path = labelled_csv(tmp_path, rows)
    _, data = load(DataOptions(source=path, stratified=True))
    for split, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        unique = dict(zip(data.splits[split].texts, data.splits[split].targets))
        counts = [list(unique.values()).count(label) for label in ("rare", "often")]
        assert counts == pytest.approx([60 * share, 910 * share], abs=1)
    parts = [set(data.splits[split].texts) for split in data.splits]
    assert not parts[0] & parts[1] and not parts[0] & parts[2]  # and copies together
    with pytest.raises(DataError, match="syllables is split by a hash"):
        load(DataOptions(source="syllables", stratified=True))


def test_texts_with_dates_say_that_the_split_is_not_by_time(tmp_path):
    rows = [
        f"2024-01-{k % 28 + 1:02},a review in many words number {k},{'good' if k % 2 else 'bad'}"
        for k in range(100)
    ]
    _, data = load(
        DataOptions(source=labelled_csv(tmp_path, rows, "day,text,label"), text="text", label="label")
    )
    assert any("day holds dates, and the split is not by time" in note for note in data.provenance.notes)


@pytest.mark.parametrize(("keep", "kept"), [("start", "abcd"), ("end", "ghij"), ("both", "abij")])
def test_which_end_is_cut_off_is_said(keep, kept):
    options = EncodingOptions(tokenizer="characters", max_length=4, keep=keep, lowercase=False)
    encoder = TextEncoder.fit(["abcdefghij"] * 3, options)
    assert encoder.decode(encoder.encode("abcdefghij")) == kept
    # The wrong way shows: a text whose point comes last is another one's equal where the start is kept.
    late = encoder.encode("abcdefghiz").tolist() == encoder.encode("abcdefghij").tolist()
    assert late == (keep == "start")
    assert ("both ends" if keep == "both" else f"keep their {keep}") in encoder.summary()


def test_the_side_of_the_padding_changes_no_answer_that_stands_still_in_it():
    torch.manual_seed(0)
    sequences = [np.arange(2, 2 + length, dtype=np.int32) for length in (3, 7, 5)]
    rnn, table = elman.RNN("gru", input_size=4, hidden_size=5), torch.randn(20, 4)
    batch = SequenceFeed(sequences, np.zeros(3)).take(np.arange(3))
    output, _ = rnn(table[batch.inputs], lengths=batch.lengths)
    for row, sequence in enumerate(sequences):
        alone, _ = rnn(table[torch.from_numpy(sequence).long()][None])
        torch.testing.assert_close(output[row, len(sequence) - 1], alone[0, -1])
        assert (
            not torch.allclose(output[row, -1], rnn(table[batch.inputs])[0][row, -1]) or len(sequence) == 7
        )  # unmasked
    left = SequenceFeed(sequences, np.zeros(3), padding="left").take(np.arange(3))
    assert left.inputs[0].tolist() == [0, 0, 0, 0, 2, 3, 4] and left.lengths.tolist() == [7, 7, 7]
    assert (
        "padding on the left"
        in TextEncoder.fit(["a"], EncodingOptions(tokenizer="characters", padding="left")).summary()
    )


@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_what_comes_later_changes_nothing_before_it(cell):
    rnn, x = elman.RNN(cell, input_size=3, hidden_size=4, num_layers=2), torch.randn(2, 9, 3)
    other = x.clone()
    other[:, 5:] += 1
    torch.testing.assert_close(rnn(x)[0][:, :5], rnn(other)[0][:, :5], rtol=0, atol=0)
    both = elman.RNN(cell, input_size=3, hidden_size=4, bidirectional=True)
    assert not torch.allclose(both(x)[0][:, :5], both(other)[0][:, :5])  # so a language model refuses it


def test_a_bidirectional_language_model_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("to be or not to be " * 300)
    with pytest.raises(DataError, match="would read the answer"):
        elman.fit(
            Recipe().override({"source": str(tmp_path / "a.txt"), "bidirectional": True}),
            out=tmp_path / "run",
        )
