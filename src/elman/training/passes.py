"""Endless batches over passes of a feed, with a place that can be stored and found again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from elman.core.errors import DataError
from elman.encoding.batch import Batch, Feed


class Passes:
    """An endless iterator of batches; every pass is shuffled by one generator under the seed.

    `place` counts the batches that were reported `done`, not those taken: one that was interrupted half way
    comes again after a resume. Raises DataError for a feed without a single batch.
    """

    def __init__(self, feed: Feed, batch_size: int, seed: int) -> None:
        self.feed, self.batch_size = feed, batch_size
        self.shuffle = np.random.default_rng(seed)
        self._begin()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = next(self._batches, None)
        if batch is None:
            self._begin()
            batch = next(self._batches, None)
        if batch is None:
            raise DataError("the training split has no example: nothing to train on. Give more data.")
        return batch

    def done(self) -> None:
        """The batch taken last has been learnt from."""
        self.taken += 1

    def place(self) -> dict[str, Any]:
        """Generator state at the start of this pass, and batches learnt from since."""
        return {"generator": self._at_start, "taken": self.taken}

    def go_to(self, place: dict[str, Any]) -> None:
        """Back to a stored place."""
        self.shuffle.bit_generator.state = place["generator"]
        self._begin()
        for _ in range(place["taken"]):
            next(self._batches)
        self.taken = place["taken"]

    def _begin(self) -> None:
        self._at_start = self.shuffle.bit_generator.state
        self._batches = self.feed.batches(self.batch_size, self.shuffle)
        self.taken = 0
