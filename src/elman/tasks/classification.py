"""A sequence in, one of several classes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.encoding.batch import Batch
from elman.tasks._texts import TextTask
from elman.tasks.contract import Encoded
from elman.training.loop import Objective, Step


class Classification(TextTask):
    """Softmax over class names; cross-entropy with optional class weights and label smoothing."""

    name = "classification"

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        weight = None
        if recipe.training.class_weights == "balanced":
            counts = np.bincount(encoded.feeds["train"].targets, minlength=len(encoded.encoder.labels))
            weight = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)
        criterion = nn.CrossEntropyLoss(weight, label_smoothing=recipe.training.label_smoothing)

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            criterion.to(batch.inputs.device)
            loss = criterion(model(batch.inputs, batch.lengths, ratios=batch.ratios).values, batch.targets)
            return Step(loss, len(batch.targets), None)

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
