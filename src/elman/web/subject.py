"""What a page talks about: one run with its network, opened when first asked for, one question at a time."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import DataError
from elman.data.contract import Dataset
from elman.encoding.text import TextEncoder
from elman.examples import dataset_of
from elman.interpretation.view import View
from elman.run import Run
from elman.tasks._values import LabelledValueEncoder
from elman.tasks.tagging import TagEncoder

if TYPE_CHECKING:
    from elman.web.shelf import Shelf

LONGEST = 20_000  # characters of a text that is read
KEPT = 64  # series that were dropped or picked, held while the page may ask about them


class Subject:
    """A run, its network as the analyses see it, and a lock: edits and gradients leave a network to one asker at a time."""

    shelf: Shelf  # where it stands, for what is asked about runs beside it

    def __init__(self, run: Run) -> None:
        self.run, self.lock = run, threading.RLock()
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._loading, self._dataset = threading.Lock(), cast(Dataset | None, None)

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

    @functools.cached_property
    def aside(self) -> Subject:
        """The same with a network of its own, for what takes long: the page goes on asking this one meanwhile."""
        other = Subject(Run(self.run.folder))
        other.shelf, other._kept = self.shelf, self._kept
        return other

    @property
    def several(self) -> bool:
        """Whether any number of labels may be true at once."""
        return bool(getattr(self.run.encoder, "multiple", False))

    @property
    def dataset(self) -> Dataset:
        """The data it was trained on, loaded when first asked for; other questions go on meanwhile."""
        with self._loading:
            if self._dataset is None:
                self._dataset = dataset_of(self.run)
            return self._dataset

    def keep(self, key: str, values: np.ndarray) -> None:
        """Hold a series (time, channels) under a key; the oldest goes where there are too many."""
        with self.lock:
            self._kept[key] = values
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def kept(self, key: Any) -> np.ndarray:
        """A series that was kept. Raises DataError for one that is not here (any more)."""
        with self.lock:
            if not isinstance(key, str) or key not in self._kept:
                raise DataError("pick a series first: from its errors, or from a file dropped here.")
            self._kept.move_to_end(key)
            return self._kept[key]

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
