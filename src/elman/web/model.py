"""A model of the user's own as what a page talks about: it has sequences that came with it, and neither a folder nor rivals."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.cells._own import where
from elman.core.errors import ElmanError, RecipeError, UnknownName
from elman.core.results import Finding
from elman.inspection import QUESTIONS, asked, fitting
from elman.interpretation.cost import Watch, part_of
from elman.interpretation.view import Sample, View
from elman.own import Own
from elman.report.content import ReportContent
from elman.web.jobs import Cancelled
from elman.web.subject import Subject

GIVEN = 50  # of its sequences that can be picked
CHANNELS = 24  # of a step that are drawn
FIRST = ("memory", "attribution", "dynamics", "gates")  # what is asked most


class ModelSubject(Subject):
    """A torch module, or a step function, that `own` found; its sequences stand in for a validation split."""

    place = "models"
    with_paths = True

    def __init__(self, own: Own) -> None:
        super().__init__(own.name, own.name)
        self.own, self._findings = own, dict[str, Finding]()
        none = f"{own.name} is a model of your own, not a run of `elman train`"
        self.missing |= {
            "runs": f"{none}: it has no recipe, no curves and no scores to compare. `elman train SOURCE` makes a run.",
            "rivals": f"{none}: nothing is known of the data that it was trained on, so there are no rivals to hold it against, no scores "
            "and no errors. What can be asked of the network itself stands below.",
            "typing": "Its own code makes inputs of texts or tables, and this page does not know how: pick one of the sequences that its "
            "function returned.",
        }
        if own.view.names_next_step:
            self.missing["writing"] = (
                f"{none}: what a token it chose looks like as the next input is known to its own code alone."
            )
        if len(own.sample) > GIVEN:
            self.more = f"These are the first {GIVEN} of its {len(own.sample):,} sequences."
        self.given = tuple(
            (
                self._words(row),
                self.own.sample.inputs[row, : self.own.sample.length(row)].detach().cpu().numpy(),
            )
            for row in range(min(GIVEN, len(own.sample)))
        )

    @property
    def task(self) -> str:
        """The task of a run that is most like it."""
        view = self.own.view
        return (
            "language_modelling"
            if view.names_next_step
            else "classification"
            if view.labels
            else "regression"
        )

    @functools.cached_property
    def kind(self) -> str:
        """What a sequence is: "tokens", or "values"."""
        inputs = self.own.sample.inputs
        return "tokens" if inputs.dim() == 2 and not inputs.is_floating_point() else "values"

    @property
    def view(self) -> View:
        """The network as the analyses see it."""
        return self.own.view

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """How many values are answered, where they are no classes."""
        return 0 if self.view.labels else self.own.outputs

    def twin(self) -> Subject:
        """The model's copy; the model itself where none can be made, and then other questions wait."""
        copied = self.own.twin()
        if copied is None:
            return self
        other = ModelSubject(copied)
        other.shelf, other._kept = self.shelf, self._kept
        return other

    def sample(self, question: str) -> Sample:
        """As many of its sequences as the question is asked of."""
        return part_of(question, self.own.sample)

    def others(self) -> list[tuple[Tensor, list[str]]]:
        """Its sequences."""
        return [(self.encode(values), self._steps(values)) for _, values in self.given]

    @property
    def content(self) -> ReportContent:
        """What was found of it since it was opened."""
        return ReportContent(self.title, findings=tuple(self._findings.values()))

    @property
    def questions(self) -> tuple[str, ...]:  # type: ignore[override]
        """What can be asked of it."""
        fits = fitting(self.view, self.own.sample, self.own.asked.get("suite"))
        return tuple(sorted(fits, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)))

    def ask(self, question: str, watch: Watch) -> None:
        """Answer a question; the finding goes into `content`. Raises RecipeError where it makes no sense here."""
        if question not in QUESTIONS:
            raise UnknownName("question", question, tuple(QUESTIONS))
        options: dict[str, Any] = dict(self.own.asked)
        other = self.twin()
        try:
            with other.lock:
                found = asked(other.view, self.own.sample, [question], watch=watch, **options)
        except (ElmanError, Cancelled):
            raise
        except Exception as error:  # a model of one's own may refuse what a question gives it to read
            raise RecipeError(f"{question} cannot be asked of {self.name}: {where(error)}.") from error
        self._findings |= {finding.question: finding for finding in found}

    @property
    def channels(self) -> tuple[str, ...]:
        """What the numbers of a step are called."""
        count = int(np.prod(self.own.sample.inputs.shape[2:], dtype=int))
        names = self.view.feature_names or tuple(f"input {number + 1}" for number in range(count))
        return names[:CHANNELS]

    def encode(self, values: np.ndarray) -> Tensor:
        """One of its sequences as it came."""
        return torch.from_numpy(values)[None].to(self.own.sample.inputs.device)

    def said(self, tokens: np.ndarray) -> list[str]:
        """What tokens are called: as the option step_names says, or their numbers."""
        names = self.view.step_names
        return (
            super().said(tokens) if names is None else [str(name) for name in names(torch.from_numpy(tokens))]
        )

    def _steps(self, values: np.ndarray) -> list[str]:
        return self.said(values) if self.kind == "tokens" else [str(step + 1) for step in range(len(values))]

    def _words(self, row: int) -> str:
        """A sequence's name, with its class where that is known."""
        targets, labels = self.own.sample.targets, self.view.labels
        known = labels and targets.dim() == 1 and not targets.is_floating_point()
        return f"sequence {row + 1}" + (f" ({labels[int(targets[row])]})" if known else "")
