"""What a task is: it binds encoding, network, loss, metrics, rivals and the view that analyses take.

A task is one file in `tasks/` that ends in `task = ...Task()`. Nothing here trains or reports.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Dataset, SplitName
from elman.encoding.batch import Batch, Feed
from elman.evaluation.contract import Problem
from elman.interpretation.view import Sample, View
from elman.training.loop import Objective


class Encoder(ABC):
    """Raw sequences to tensors, as fitted on the training split; stored with a run as JSON."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """JSON types that `Task.encoder` reads back."""


@dataclass(frozen=True)
class Encoded:
    """A data set ready for a network and for its rivals."""

    encoder: Any
    feeds: Mapping[SplitName, Any]  # Feed, and what its own task asks of it
    problem: Problem
    summary: tuple[str, ...] = ()  # one line each: what was read, cut, padded, dropped
    extra: Mapping[str, Any] = field(default_factory=dict)


class Task(ABC):
    """One kind of question to a sequence.

    `own` are the settings (dotted names) that this task reads and another may not; what no task names, all read.
    """

    name: ClassVar[str]
    own: ClassVar[frozenset[str]] = frozenset()

    def reads(self, dataset: Dataset) -> frozenset[str]:
        """Those of `own` that mean something for this data set."""
        return self.own

    def suited(self, dataset: Dataset) -> Dataset:
        """The data set as this task reads it; DataError where it cannot."""
        return dataset

    @abstractmethod
    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        """Recipe settings (dotted names) for this task and data set, where neither user nor source gave any."""

    @abstractmethod
    def encode(self, dataset: Dataset, recipe: Recipe, encoder: Any = None) -> Encoded:
        """Fit an encoder on the training split (or take the one given) and encode every split."""

    @abstractmethod
    def encoder(self, stored: dict[str, Any]) -> Any:
        """The encoder that `to_dict` stored."""

    @abstractmethod
    def network(self, encoder: Any, recipe: Recipe) -> nn.Module:
        """An untrained network that fits the encoder and the recipe."""

    def start(self, network: nn.Module, encoder: Any, recipe: Recipe) -> tuple[str, ...]:
        """Before the first step of a new run: weights that come from elsewhere, and a line that says so."""
        return ()

    @abstractmethod
    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        """What training minimises on a batch."""

    @abstractmethod
    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        """The network's predictions for one split in the original order; the network's mode is restored."""

    def plan(self, network: Any, encoded: Encoded) -> str:
        """Which executor runs the recurrent layers on a training batch, and why the others do not."""
        batch = next(iter(encoded.feeds["train"].batches(2)))
        with evaluating(network):
            vectors = network.vectors(batch.inputs)
        return str(network.rnn.plan(vectors, batch.lengths))

    @abstractmethod
    def view(self, network: nn.Module, encoder: Any, recipe: Recipe) -> View:
        """The network as the analyses see it."""

    def left_out(self, recipe: Recipe) -> Mapping[str, str]:
        """Questions that make no sense for this task and recipe, each with the reason."""
        return {}

    @abstractmethod
    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        """A few sequences of a split for the analyses, drawn under a seed."""


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the mode comes back as it was, also after an error."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)


def device_of(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next(network.parameters()).device


def run_batches(
    network: nn.Module, feed: Feed, batch_size: int, values: Callable[[Batch], Tensor]
) -> np.ndarray:
    """`values(batch)` for one pass of a feed, in the original order (n, ...)."""
    outputs, rows = [], []
    device = device_of(network)
    with evaluating(network):
        for batch in feed.batches(batch_size):
            outputs.append(values(batch.to(device)).float().cpu().numpy())
            rows.append(batch.rows)
    order = np.argsort(np.concatenate(rows), kind="stable")  # type: ignore[arg-type]
    return np.concatenate(outputs)[order]
