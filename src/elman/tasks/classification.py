"""A sequence in, one of several classes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Dataset, LabelledSeries, LabelledTexts, SplitName
from elman.data.table import MANY
from elman.encoding.batch import Batch
from elman.tasks._labelled import LabelledTask
from elman.tasks.contract import Encoded
from elman.training.loop import Objective, Step


class Classification(LabelledTask):
    """Softmax over class names; cross-entropy with optional class weights and label smoothing."""

    name = "classification"
    own = LabelledTask.own | {"training.label_smoothing", "training.class_weights"}

    def suited(self, dataset: Dataset) -> Dataset:
        """Numbers as classes, if they are few."""
        if not isinstance(dataset, LabelledTexts | LabelledSeries) or dataset.labels is not None:
            return dataset
        values = sorted({value for split in dataset.splits.values() for value in split.targets})
        if len(values) > MANY:
            raise DataError(
                f"the label is a number with {len(values):,} different values, too many for classes. Use --task regression."
            )
        splits = {
            name: replace(split, targets=[str(value) for value in split.targets])
            for name, split in dataset.splits.items()
        }
        return replace(dataset, splits=splits, labels=tuple(map(str, values)))  # type: ignore[arg-type]

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        """Cross-entropy, mean over the examples of the batch. Class weights have the mean 1 over the training split.

        Weighted losses are divided by the number of examples, not by the sum of their weights as torch does: so an example counts
        the same in whatever batch it comes, and a batch's gradient is the mean of its parts' (in several processes).
        """
        weight = None
        if recipe.training.class_weights == "balanced":
            counts = np.bincount(encoded.feeds["train"].targets, minlength=len(encoded.encoder.labels))
            weight = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)
        smoothing, reduction = recipe.training.label_smoothing, "mean" if weight is None else "sum"
        criterion = nn.CrossEntropyLoss(weight, label_smoothing=smoothing, reduction=reduction)

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            criterion.to(batch.inputs.device)
            loss = criterion(model(batch.inputs, batch.lengths, ratios=batch.ratios).values, batch.targets)
            count = len(batch.targets)
            return Step(loss if weight is None else loss / count, count, None)

        return objective

    def loss_each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        logits = self.outputs(network, encoded, split, recipe).astype(np.float64)
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        return Predictions(
            "classes",
            shifted / shifted.sum(1, keepdims=True),
            encoded.feeds[split].targets,
            encoded.encoder.labels,
        )


task = Classification()
