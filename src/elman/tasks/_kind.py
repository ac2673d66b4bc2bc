"""What is particular to one kind of sequence that has a class or a number: how it is encoded, read and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from elman.core.recipe import Recipe
from elman.data.contract import Dataset, Examples, ValueExamples
from elman.models.network import SequenceNetwork
from elman.tasks.contract import Encoded, Encoder


@dataclass(frozen=True, kw_only=True)
class LabelledEncoder(Encoder):
    """Targets: the class names, or None for numbers, with their training mean and deviation."""

    labels: tuple[str, ...] | None
    mean: float = 0.0
    std: float = 1.0
    multiple: bool = False  # any number of labels for each sequence

    @property
    def outputs(self) -> int:
        """Numbers that a network gives for a sequence."""
        return 1 if self.labels is None else len(self.labels)

    def targets(self, examples: Examples | ValueExamples) -> np.ndarray:
        """Class numbers (n,) int64, scaled numbers (n,) float32, or 1 for each label that is true, else 0: (n, labels) float32."""
        if self.labels is None:
            values = np.asarray(examples.targets, dtype=np.float64)
            return ((values - self.mean) / self.std).astype(np.float32)
        index = {label: number for number, label in enumerate(self.labels)}
        if self.multiple:
            given = [set(target) for target in examples.targets]  # type: ignore[arg-type]
            return np.array([[label in one for label in self.labels] for one in given], np.float32)
        return np.array([index[str(target)] for target in examples.targets], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": None if self.labels is None else list(self.labels), "mean": self.mean, "std": self.std,
            **({"multiple": True} if self.multiple else {}),
        }  # fmt: skip


def target_facts(
    examples: Examples | ValueExamples, labels: tuple[str, ...] | None, multiple: bool = False
) -> dict[str, Any]:
    """The fields of a LabelledEncoder, from the training split."""
    numbers = np.asarray(examples.targets, dtype=np.float64) if labels is None else np.zeros(1)
    return {
        "labels": labels,
        "mean": float(numbers.mean()),
        "std": float(numbers.std()) or 1.0,
        "multiple": multiple,
    }


def stored_facts(stored: dict[str, Any]) -> dict[str, Any]:
    """The same from what `LabelledEncoder.to_dict` gave."""
    labels = stored["labels"]
    return {
        "labels": None if labels is None else tuple(labels), "mean": stored["mean"], "std": stored["std"],
        "multiple": stored.get("multiple", False),
    }  # fmt: skip


class Kind(ABC):
    """A kind of sequence: its data set, its encoder, and the settings that only sequences of this kind have."""

    dataset: ClassVar[type]
    encoder: ClassVar[type]
    own: ClassVar[frozenset[str]]

    @abstractmethod
    def defaults(self, dataset: Any) -> dict[str, Any]:
        """Recipe settings (dotted names) where neither user nor source gave any."""

    @abstractmethod
    def encode(self, dataset: Any, recipe: Recipe, encoder: Any) -> Encoded:
        """Every split, with the encoder given, or one that is fitted on the training split."""

    @abstractmethod
    def read(self, stored: dict[str, Any]) -> Any:
        """The encoder that `to_dict` stored."""

    @abstractmethod
    def network(self, encoder: Any, recipe: Recipe) -> SequenceNetwork:
        """An untrained network."""

    def start(self, network: SequenceNetwork, encoder: Any, recipe: Recipe) -> tuple[str, ...]:
        """Before the first step of a new run: weights that come from elsewhere, and a line that says so."""
        return ()

    @abstractmethod
    def seen(self, network: SequenceNetwork, encoder: Any) -> dict[str, Any]:
        """Fields of a View: `baseline` and `padding`, and what steps or features are called."""

    def holds(self, thing: Dataset | LabelledEncoder) -> bool:
        """Whether a data set or an encoder is of this kind."""
        return isinstance(thing, (self.dataset, self.encoder))
