"""Tokenizers, vocabulary, cuts and padding."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.encoding.sequences import SequenceFeed, restore
from elman.encoding.text import TextEncoder
from elman.encoding.vocabulary import Vocabulary

TEXT = "It was the best of times, it was the worst of times. Don't you know?\n" * 20


@given(st.text(max_size=60))
@pytest.mark.parametrize("kind", ["characters", "bytes", "bpe"])
def test_round_trip(kind, text):
    options = EncodingOptions(tokenizer=kind, vocabulary_size=None if kind != "bpe" else 300)
    text = text.replace("\x00", "")
    encoder = TextEncoder.fit([TEXT + text], options)
    if text:
        assert encoder.decode(encoder.encode(text)) == text
    again = TextEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.encode(text).tolist() == encoder.encode(text).tolist()


def test_words_keep_their_marks_and_split_apostrophes():
    encoder = TextEncoder.fit([TEXT], EncodingOptions(tokenizer="words", lowercase=True))
    assert encoder.tokens("Don't stop,<br />now!") == ["don", "'t", "stop", ",", "now", "!"]
    assert encoder.encode("zebra").tolist() == [1]
    assert encoder.encode("").tolist() == [1]
    assert encoder.unknown_share(["the zebra"]) == 0.5


def test_vocabulary_is_by_count_then_alphabet_as_counted_by_hand():
    counts = Counter(["the", "cat", "the", "dog", "a", "cat", "the"])
    assert Vocabulary.from_counts(counts).tokens == ["<pad>", "<unk>", "the", "cat", "a", "dog"]
    assert Vocabulary.from_counts(counts, size=4).tokens[2:] == ["the", "cat"]
    assert Vocabulary.from_counts(counts, min_count=2).tokens[2:] == ["the", "cat"]


@pytest.mark.parametrize(("keep", "expected"), [("start", "abcd"), ("end", "ghij"), ("both", "abij")])
def test_a_cut_keeps_the_end_it_says(keep, expected):
    options = EncodingOptions(tokenizer="characters", max_length=4, keep=keep)
    encoder = TextEncoder.fit(["abcdefghij"], options)
    assert encoder.decode(encoder.encode("abcdefghij")) == expected
    assert keep in encoder.summary() and "right" in encoder.summary()


def test_no_text_at_all_is_refused():
    with pytest.raises(DataError, match="no text"):
        TextEncoder.fit(["", ""], EncodingOptions())


@given(
    st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=12), min_size=1, max_size=40),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_sequence_once_whole_and_in_its_row(sequences, batch_size, shuffled):
    arrays = [np.array(sequence, np.int32) for sequence in sequences]
    for padding in ("right", "left"):
        feed = SequenceFeed(arrays, np.arange(len(arrays)), padding)
        seen = []
        shuffle = np.random.default_rng(0) if shuffled else None
        batches = list(feed.batches(batch_size, shuffle))
        assert len(batches) == feed.steps(batch_size)
        for batch in batches:
            for row, inputs, target in zip(batch.rows, batch.inputs.tolist(), batch.targets.tolist()):
                length = len(sequences[row])
                assert target == row
                body, rest = (
                    (inputs[:length], inputs[length:])
                    if padding == "right"
                    else (inputs[-length:], inputs[:-length])
                )
                assert body == sequences[row] and not any(rest)
                seen.append(int(row))
        assert sorted(seen) == list(range(len(sequences)))


def test_buckets_waste_little():
    lengths = np.random.default_rng(0).integers(1, 400, 5000)
    feed = SequenceFeed([np.ones(length, np.int32) for length in lengths], np.zeros(5000, np.int64))
    assert feed.waste(32, np.random.default_rng(1)) < 0.05


PIECES = {
    kind: TextEncoder.fit([TEXT], EncodingOptions(tokenizer=kind, vocabulary_size=300, max_length=9))
    for kind in ("bpe", "unigram")
}


@pytest.mark.parametrize("kind", PIECES)
def test_special_tokens_written_in_a_text_are_text(kind):
    text = "a <pad> b <unk> c"
    encoder = PIECES[kind].uncut()
    assert not (encoder.encode(text) < 2).any()
    assert encoder.decode(encoder.encode(text)) == text
    assert TextEncoder.from_dict(encoder.to_dict()).decode(encoder.encode(text)) == text


@given(st.lists(st.text(max_size=30), max_size=5), st.sampled_from(["start", "end", "both"]))
@pytest.mark.parametrize("kind", ["characters", "bytes", "words", "bpe", "unigram"])
def test_tokens_are_one_for_one_with_numbers(kind, texts, keep):
    if kind in PIECES:
        encoder = PIECES[kind]
    else:
        encoder = TextEncoder.fit([TEXT], EncodingOptions(tokenizer=kind, max_length=9, keep=keep))
    many = encoder.encode_many(texts)
    for text, numbers in zip(texts, many, strict=True):
        tokens = encoder.tokens(text)
        assert 1 <= len(numbers) == len(tokens) <= 9
        assert numbers.tolist() == encoder.encode(text).tolist()
        assert numbers.dtype == np.int32
        if kind not in PIECES:
            assert numbers.tolist() == [encoder.vocabulary.number(token) for token in tokens]
    unknown = sum(int((numbers == 1).sum()) for numbers in many) / max(1, sum(map(len, many)))
    assert encoder.unknown_share(texts) == pytest.approx(unknown)


def test_the_summary_tells_what_is_unknown():
    encoder = PIECES["bpe"]
    assert "unknown" not in encoder.summary()
    assert encoder.summary(0.0123).endswith("1.23% of validation tokens unknown")


@pytest.mark.parametrize("wrong", [{"max_length": 0}, {"vocabulary_size": 2}, {"min_count": 0}])
def test_a_size_that_is_no_size_is_refused(wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        TextEncoder.fit([TEXT], EncodingOptions(**wrong))


def test_numbers_are_given_as_float32_and_order_is_restored():
    lengths = np.random.default_rng(0).integers(1, 30, 200)
    feed = SequenceFeed([np.ones(length, np.int32) for length in lengths], lengths / 7)
    batches = list(feed.batches(16, np.random.default_rng(1)))
    assert {str(batch.targets.dtype) for batch in batches} == {"torch.float32"}
    values = np.concatenate([batch.targets.numpy() for batch in batches])
    rows = np.concatenate([batch.rows for batch in batches])
    assert restore(rows, values) == pytest.approx(lengths / 7)
    assert values != pytest.approx(lengths / 7)


def test_sequences_that_do_not_fit_their_targets_are_refused():
    with pytest.raises(DataError, match="3 sequences but 2 targets"):
        SequenceFeed([np.ones(2, np.int32)] * 3, np.zeros(2))
    with pytest.raises(DataError, match="sequence 1 is empty"):
        SequenceFeed([np.ones(2, np.int32), np.ones(0, np.int32)], np.zeros(2))
