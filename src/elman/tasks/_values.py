"""Series of unequal length that have a class or a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman.core.recipe import Recipe
from elman.data.contract import LabelledSeries
from elman.encoding.sequences import SequenceFeed
from elman.encoding.values import ValueEncoder
from elman.evaluation.contract import ValueProblem
from elman.models.network import SequenceNetwork, ValueNetwork
from elman.tasks._kind import Kind, LabelledEncoder, stored_facts, target_facts
from elman.tasks.contract import Encoded


@dataclass(frozen=True, kw_only=True)
class LabelledValueEncoder(LabelledEncoder):
    """An encoder of values beside the targets."""

    values: ValueEncoder

    def to_dict(self) -> dict[str, Any]:
        return {"values": self.values.to_dict(), **super().to_dict()}


class Values(Kind):
    """Channels of numbers, read as they are."""

    dataset, encoder = LabelledSeries, LabelledValueEncoder
    own = frozenset({"data.limit", "encoding.scaler"})

    def defaults(self, dataset: LabelledSeries) -> dict[str, Any]:
        return {
            "encoding.scaler": "standard",
            "model.pooling": "last" if dataset.labels is None else "mean_max",
            "training.batch_size": 32,
            "training.learning_rate": 2e-3,
            "training.epochs": 10.0,
        }

    def encode(
        self, dataset: LabelledSeries, recipe: Recipe, encoder: LabelledValueEncoder | None
    ) -> Encoded:
        train = dataset.splits["train"]
        if encoder is None:
            values = ValueEncoder.fit(train.values, dataset.channels, recipe.encoding)
            encoder = LabelledValueEncoder(values=values, **target_facts(train, dataset.labels))
        feeds = {
            split: SequenceFeed(encoder.values.encode_many(examples.values), encoder.targets(examples))
            for split, examples in dataset.splits.items()
        }
        problem = ValueProblem(dataset.splits, dataset.labels, dataset.channels)
        return Encoded(encoder, feeds, problem, (encoder.values.summary(),))

    def read(self, stored: dict[str, Any]) -> LabelledValueEncoder:
        return LabelledValueEncoder(values=ValueEncoder.from_dict(stored["values"]), **stored_facts(stored))

    def network(self, encoder: LabelledValueEncoder, recipe: Recipe) -> SequenceNetwork:
        pooling = recipe.model.pooling or "last"
        return ValueNetwork(recipe.model, encoder.values.features, encoder.outputs, pooling=pooling)

    def seen(self, network: SequenceNetwork, encoder: LabelledValueEncoder) -> dict[str, Any]:
        return {"baseline": None, "feature_names": encoder.values.feature_names}
