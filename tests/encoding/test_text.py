"""Tokenizers, vocabulary, cuts and padding."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import EncodingOptions
from elman.encoding.sequences import SequenceFeed
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
