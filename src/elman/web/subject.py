"""What a page talks about: a network with its sequences, one question at a time; a run, one of its checkpoints, or a model of one's own."""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import DataError, RunError, UserError
from elman.data.contract import Dataset
from elman.encoding.text import TextEncoder
from elman.examples import dataset_of, some
from elman.interpretation.cost import READ, SIZES, Watch, cost
from elman.interpretation.view import Sample, View
from elman.report.assemble import assemble
from elman.report.content import ReportContent
from elman.run import BEST, Run
from elman.tasks._values import LabelledValueEncoder
from elman.tasks.contract import Encoded
from elman.tasks.tagging import TagEncoder
from elman.web import explaining

if TYPE_CHECKING:
    from elman.web.shelf import Shelf

LONGEST = 20_000  # characters of a text that is read
KEPT = 64  # series that were dropped or picked, held while the page may ask about them
# A first sequence to look at, until the user types one: by source, or by task.
FIRST = {"syllables": "elephant", "language_modelling": "The "}


class Subject(ABC):
    """A network as the analyses see it, what its sequences are, and a lock: edits and gradients leave it to one asker at a time.

    place    the first part of its address, "runs" or "models"; `name` the second, `title` what a person reads
    task     the name of its task
    kind     what a sequence is: "text", "words" (each has a tag), "values", "forecast", or "tokens" that nobody can type
    missing  what it has not, and why: "runs", "rivals", "typing", "writing" -> a sentence with the way out
    given    the sequences that came with it, (words, (time,) or (time, channels)); () where they are typed or come from a data set
    """

    place: ClassVar[str]
    shelf: Shelf  # where it stands, for what is asked about others beside it
    first = ""  # a first text to read
    several = False  # whether any number of labels may be true at once
    outputs = 1  # values that are answered, where they are no classes
    questions: tuple[str, ...] = ()  # what can be asked of it from the page
    more = ""  # what is said where not all of the sequences that came with it can be picked
    patch = 1  # steps of a sequence that the network reads as one
    # Whether readings are named with the module that they are of: "encoder.layers.0.forward.h".
    with_paths: ClassVar[bool] = False

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title, self.lock = name, title, threading.RLock()
        self.missing: dict[str, str] = {}
        self.given: tuple[tuple[str, np.ndarray], ...] = ()
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()

    @property
    def address(self) -> str:
        """Where its pages are: /runs/NAME."""
        return address_of(self.place, self.name)

    @property
    def run(self) -> Run:
        """The run that it is. Raises UserError for what is none."""
        raise UserError(self.missing.get("runs", f"{self.name} is no run."))

    @property
    def dataset(self) -> Dataset:
        """The data that a run was trained on. Raises UserError for what is no run."""
        return dataset_of(self.run)

    @property
    @abstractmethod
    def task(self) -> str: ...

    @property
    @abstractmethod
    def kind(self) -> str: ...

    @property
    @abstractmethod
    def view(self) -> View: ...

    @abstractmethod
    def twin(self) -> Subject:
        """The same with a network of its own, whose weights an analysis may change; itself where no copy can be made."""

    @functools.cached_property
    def aside(self) -> Subject:
        """A twin that is kept, for what takes long: the page goes on asking this one meanwhile."""
        return self.twin()

    @abstractmethod
    def sample(self, question: str) -> Sample:
        """The sequences that a question is asked of."""

    @abstractmethod
    def others(self) -> list[tuple[Tensor, list[str]]]:
        """Sequences as the network reads them (1, time, ...), and what their steps are called."""

    def cost(self, question: str) -> str:
        """What a question takes, in words."""
        sample = self.sample(question)
        with self.lock:
            return str(cost(question, self.view, sample))

    def ask(self, question: str, watch: Watch) -> None:
        """Answer a question; what is found goes into `content`."""
        raise UserError(
            f"a run is asked by elman explain {self.name} {question}; its findings then stand here."
        )

    @property
    @abstractmethod
    def content(self) -> ReportContent:
        """What is known of it: scores and findings, for the sections of a report."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was noted about it."""
        return {}

    @property
    @abstractmethod
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a step are called, for a series."""

    @abstractmethod
    def encode(self, values: np.ndarray) -> Tensor:
        """A series (time, channels), or tokens (time,), as the network reads it (1, time, ...)."""

    def said(self, tokens: np.ndarray) -> list[str]:
        """What tokens (time,) are called."""
        return [str(token) for token in tokens.tolist()]

    def unscaled(self, values: np.ndarray) -> list[float]:
        """Answers in the data's own unit."""
        return [float(value) for value in values]

    def read(self, text: Any) -> tuple[Tensor, list[str], list[bool]]:
        """A text as the network reads it: inputs (1, time, ...), its tokens as they stand, which of them it does not know.

        DataError for what is no text, or too long a one.
        """
        raise DataError(self.missing.get("typing", f"{self.name} reads series, not texts."))

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


class RunSubject(Subject):
    """A run, or one of its checkpoints: RUN@NAME is the run with the weights of the checkpoint NAME."""

    place = "runs"

    def __init__(self, run: Run, dataset: Dataset | None = None) -> None:
        best = run.checkpoint == BEST
        super().__init__(
            run.name if best else f"{run.name}@{run.checkpoint}",
            run.name if best else f"{run.name}, {run.checkpoint} weights",
        )
        self._run = run
        self._loading, self._dataset = threading.Lock(), dataset
        if not best:
            self.missing["rivals"] = (
                f"These are the {run.checkpoint} weights of {run.name}, which were not evaluated: scores, verdict and findings are of "
                f"its {BEST} weights. Choose {run.name} above to see them."
            )

    @property
    def run(self) -> Run:
        """The run, with the weights that are looked at."""
        return self._run

    @functools.cached_property
    def task(self) -> str:
        """The name of its task."""
        return str(self.run.recipe.task)

    @functools.cached_property
    def kind(self) -> str:
        """What a sequence is."""
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

    def twin(self) -> Subject:
        """The run with a network of its own."""
        other = RunSubject(Run(self.run.folder, self.run.checkpoint))
        other.shelf, other._kept = self.shelf, self._kept
        other._loading, other._dataset = self._loading, self._dataset  # loaded once
        return other

    def sample(self, question: str) -> Sample:
        """Validation sequences."""
        run = self.run
        return run.task.sample(
            self._encoded, "validation", SIZES.get(question, READ), run.recipe.training.seed
        )

    @functools.cached_property
    def _encoded(self) -> Encoded:
        """Its data as the network reads them."""
        return self.run.task.encode(self.dataset, self.run.recipe, self.run.encoder)

    def others(self) -> list[tuple[Tensor, list[str]]]:
        """Validation sequences."""
        return some(self.run, self.dataset)

    @property
    def questions(self) -> tuple[str, ...]:  # type: ignore[override]
        """What `elman explain` asks of it, what was not asked yet first; nothing where these are not the weights that are reported on."""
        asked = self._explain is not None and "rivals" not in self.missing
        return explaining.questions_of(self.run) if asked else ()

    def cost(self, question: str) -> str:
        """What a question takes, in words."""
        return explaining.without_sample(question) or super().cost(question)

    def ask(self, question: str, watch: Watch) -> None:
        """Answer a question as `elman explain` does: the finding goes into the run's folder and report."""
        if self._explain is None or question not in self.questions:
            return super().ask(question, watch)
        explaining.answer(self.run, question, watch, self._explain)

    @property
    def _explain(self) -> explaining.Explain | None:
        """Who answers the questions of a run, where its shelf was given one."""
        shelf = getattr(self, "shelf", None)
        return None if shelf is None else shelf.explain

    @property
    def content(self) -> ReportContent:
        """Its report's content, where these are the weights that it is about."""
        return ReportContent(self.name) if "rivals" in self.missing else assemble(self.run)

    @property
    def facts(self) -> Mapping[str, Any]:
        """run.json."""
        return self.run.facts

    @functools.cached_property
    def first(self) -> str:  # type: ignore[override]
        """A first text to read."""
        source = self.run.recipe.data.source
        return str(self.facts.get("first") or FIRST.get(source) or FIRST.get(self.task) or "")

    @property
    def several(self) -> bool:  # type: ignore[override]
        """Whether any number of labels may be true at once."""
        return bool(getattr(self.run.encoder, "multiple", False))

    @property
    def patch(self) -> int:  # type: ignore[override]
        """Steps of a sequence that the network reads as one."""
        return self.run.recipe.encoding.patch_length or 1

    @property
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a step are called, for a series."""
        return tuple(self.run.encoder.values.channels)

    def encode(self, values: np.ndarray) -> Tensor:
        """A series (time, channels) as the network reads it."""
        return torch.from_numpy(self.run.encoder.values.encode(values))[None]

    def unscaled(self, values: np.ndarray) -> list[float]:
        """Answers in the data's own unit."""
        encoder = self.run.encoder
        return super().unscaled(values * getattr(encoder, "std", 1.0) + getattr(encoder, "mean", 0.0))

    @property
    def dataset(self) -> Dataset:
        """The data it was trained on, loaded when first asked for; other questions go on meanwhile."""
        with self._loading:
            if self._dataset is None:
                self._dataset = dataset_of(self.run)
            return self._dataset

    def read(self, text: Any) -> tuple[Tensor, list[str], list[bool]]:
        """A text as the network reads it: inputs (1, time, ...), its tokens as they stand, which of them it does not know.

        DataError for what is no text, or too long a one.
        """
        if not isinstance(text, str):
            raise DataError(f"a text is expected; got {type(text).__name__}.")
        if len(text) > LONGEST:
            raise DataError(f"the text has {len(text):,} characters; {LONGEST:,} at most are read here.")
        if self.kind not in ("text", "words"):
            return super().read(text)
        encoder = self.run.encoder.text
        if self.kind == "words":
            words = encoder.split(text) or ["?"]
            numbers = torch.from_numpy(encoder.encode(words)).long()
            first = numbers if numbers.dim() == 1 else numbers[:, 0]
            return numbers[None], list(words), (first == 1).tolist()
        numbers = torch.from_numpy(encoder.encode(text)).long()
        tokens = [_plain(encoder, *each) for each in zip(encoder.tokens(text), numbers.tolist())]
        return numbers[None], tokens, (numbers == 1).tolist()


def address_of(place: str, name: str) -> str:
    """The address of what has this name."""
    return f"/{place}/{quote(name, safe='')}"


def verdict_of(subject: Subject) -> str:
    """The verdict in one sentence, from a run's scores; nothing where there are none."""
    if "rivals" in subject.missing:
        return ""
    try:
        scores = subject.run.scores
    except RunError:
        return ""
    return str((scores.get("test") or scores.get("validation") or {}).get("verdict", ""))


def _plain(encoder: TextEncoder, token: str, number: int) -> str:
    """A token as it is written: byte pairs and bytes have names of their own for it."""
    return encoder.decode([number]) if encoder.kind in ("bpe", "unigram", "bytes") else token
