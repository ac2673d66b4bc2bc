"""One long stream of tokens, read as parallel pieces with the state carried from batch to batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from elman.core.errors import DataError, RecipeError
from elman.encoding.batch import Batch

IGNORED = -100  # the target of a step that is not scored


class StreamFeed:
    """Feed over `tokens` (n,): every token but the first is a target exactly once in a pass.

    The stream is cut into `batch_size` contiguous pieces that overlap by one token (the last input of a piece is
    the first of the next). A batch is `truncation_length` steps of all pieces; only the first of a pass has
    `start=True`. The ragged end is padded and its targets are ignored. A shuffled pass starts at a random token
    and wraps round, so that cuts fall differently in every epoch. `tokens` may be memory-mapped. Raises DataError
    for fewer than two tokens, of which none could be predicted, and RecipeError for a length that is no length.
    """

    def __init__(self, tokens: np.ndarray, truncation_length: int) -> None:
        if len(tokens) < 2:
            raise DataError(f"a stream of {len(tokens)} tokens has nothing to predict; expected 2 or more.")
        if truncation_length < 1:
            raise RecipeError(
                f"truncation_length={truncation_length} is no number of steps; expected 1 or more."
            )
        self.tokens, self.truncation_length = tokens, truncation_length

    def __len__(self) -> int:
        return len(self.tokens) - 1

    def steps(self, batch_size: int) -> int:
        """Batches in one pass."""
        return -(-self._piece(batch_size) // self.truncation_length)

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """One pass: inputs and targets (pieces, steps) int64, the targets one token ahead."""
        count, piece = len(self), self._piece(batch_size)
        turn = int(shuffle.integers(count)) if shuffle is not None else 0
        firsts = np.arange(batch_size) * piece
        for start in range(0, piece, self.truncation_length):
            steps = min(self.truncation_length, piece - start)
            at = firsts[:, None] + start + np.arange(steps)
            scored = at < count
            source = (at + turn) % count
            inputs = self.tokens[source].astype(np.int64)
            targets = np.where(scored, self.tokens[source + 1].astype(np.int64), IGNORED)
            yield Batch(torch.from_numpy(inputs), torch.from_numpy(targets), start=start == 0)

    def _piece(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)
