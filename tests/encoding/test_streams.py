"""Token streams: every token is scored once, and the state belongs where it is carried."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
