"""What a page talks about: one run with its network, opened when first asked for, one question at a time."""

from __future__ import annotations

import functools
import threading
from typing import Any

import torch
from torch import Tensor

from elman.core.errors import DataError
from elman.encoding.text import TextEncoder
from elman.interpretation.view import View
from elman.run import Run
from elman.tasks._values import LabelledValueEncoder
from elman.tasks.tagging import TagEncoder

LONGEST = 20_000  # characters of a text that is read


class Subject:
    """A run, its network as the analyses see it, and a lock: edits and gradients leave a network to one asker at a time."""

    def __init__(self, run: Run) -> None:
        self.run, self.lock = run, threading.RLock()

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.run.name

    @functools.cached_property
    def task(self) -> str:
        """The name of its task."""
        return str(self.run.recipe.task)

    @functools.cached_property
    def kind(self) -> str:
        """What a sequence is: "text", "words" (each has a tag), "values" or "forecast"."""
        if self.task == "forecasting":
            return "forecast"
        if isinstance(self.run.encoder, TagEncoder):
            return "words"
        return "values" if isinstance(self.run.encoder, LabelledValueEncoder) else "text"

    @functools.cached_property
    def view(self) -> View:
        """The network as the analyses see it."""
        with self.lock:
            return self.run.task.view(self.run.network, self.run.encoder, self.run.recipe)

    @property
    def several(self) -> bool:
        """Whether any number of labels may be true at once."""
        return bool(getattr(self.run.encoder, "multiple", False))

    def read(self, text: Any) -> tuple[Tensor, list[str], list[bool]]:
        """A text as the network reads it: inputs (1, time, ...), its tokens as they stand, which of them it does not know.

        DataError for what is no text, or too long a one.
        """
        if not isinstance(text, str):
            raise DataError(f"a text is expected; got {type(text).__name__}.")
        if len(text) > LONGEST:
            raise DataError(f"the text has {len(text):,} characters; {LONGEST:,} at most are read here.")
        if self.kind not in ("text", "words"):
            raise DataError(f"{self.name} reads series, not texts.")
        encoder = self.run.encoder.text
        if self.kind == "words":
            words = encoder.split(text) or ["?"]
            numbers = torch.from_numpy(encoder.encode(words)).long()
            first = numbers if numbers.dim() == 1 else numbers[:, 0]
            return numbers[None], list(words), (first == 1).tolist()
        numbers = torch.from_numpy(encoder.encode(text)).long()
        tokens = [_plain(encoder, *each) for each in zip(encoder.tokens(text), numbers.tolist())]
        return numbers[None], tokens, (numbers == 1).tolist()


def _plain(encoder: TextEncoder, token: str, number: int) -> str:
    """A token as it is written: byte pairs and bytes have names of their own for it."""
    return encoder.decode([number]) if encoder.kind in ("bpe", "unigram", "bytes") else token
