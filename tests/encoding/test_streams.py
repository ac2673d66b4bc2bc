"""Token streams: every token is scored once, and the state belongs where it is carried."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.core.errors import DataError, RecipeError
from elman.encoding.streams import IGNORED, StreamFeed


@given(
    count=st.integers(2, 300), batch_size=st.integers(1, 8), length=st.integers(1, 20), shuffled=st.booleans()
)
def test_every_token_but_the_first_is_a_target_once(count, batch_size, length, shuffled):
    tokens = np.arange(count)
    feed = StreamFeed(tokens, length)
    batches = list(feed.batches(batch_size, np.random.default_rng(count) if shuffled else None))
    assert len(batches) == feed.steps(batch_size)
    assert [batch.start for batch in batches] == [True] + [False] * (len(batches) - 1)
    inputs = np.concatenate([batch.inputs.numpy() for batch in batches], 1)
    targets = np.concatenate([batch.targets.numpy() for batch in batches], 1)
    scored = targets != IGNORED
    assert sorted(targets[scored]) == list(range(1, count))
    assert (inputs[scored] == targets[scored] - 1).all()
    for row, valid in zip(inputs, scored):  # within a piece the stream is contiguous (or wraps round)
        steps = np.diff(row[valid])
        assert ((steps == 1) | (steps == 2 - count)).all()


def test_a_memory_mapped_stream_is_the_stream(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 60_000, 101).astype(np.uint16)
    tokens.tofile(tmp_path / "tokens.bin")
    mapped = np.memmap(tmp_path / "tokens.bin", np.uint16, "r")
    for shuffle in (None, 3):
        pairs = zip(
            *(
                StreamFeed(each, 7).batches(4, None if shuffle is None else np.random.default_rng(shuffle))
                for each in (tokens, mapped)
            ),
            strict=True,
        )
        for plain, read in pairs:
            assert (plain.inputs == read.inputs).all() and (plain.targets == read.targets).all()


def test_cuts_fall_differently_in_every_shuffled_pass():
    feed, draw = StreamFeed(np.arange(1000), 10), np.random.default_rng(0)
    firsts = {next(feed.batches(4, draw)).inputs[0, 0].item() for _ in range(10)}
    assert len(firsts) > 5


def test_nothing_to_predict_is_refused():
    with pytest.raises(DataError, match="1 tokens has nothing to predict"):
        StreamFeed(np.zeros(1, int), 3)
    with pytest.raises(RecipeError, match="truncation_length=0"):
        StreamFeed(np.zeros(9, int), 0)
