"""A sequence in, one number out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Dataset, LabelledSeries, LabelledTexts, SplitName
from elman.encoding.batch import Batch
from elman.tasks._labelled import LabelledTask
from elman.tasks.contract import Encoded
from elman.training.loop import Objective, Step


class Regression(LabelledTask):
    """One output, trained on targets scaled by the training split's mean and deviation (squared error, or "mae")."""

    name = "regression"
    own = LabelledTask.own | {"training.loss"}

    def suited(self, dataset: Dataset) -> Dataset:
        """Classes that are numbers as numbers."""
        if not isinstance(dataset, LabelledTexts | LabelledSeries) or dataset.labels is None:
            return dataset
        try:
            numbers = {label: float(label) for label in dataset.labels}
        except ValueError:
            shown = ", ".join(map(repr, dataset.labels[:3]))
            raise DataError(
                f"regression needs numbers; the labels are {shown}. Use --task classification."
            ) from None
        splits = {
            name: replace(split, targets=[numbers[str(target)] for target in split.targets])
            for name, split in dataset.splits.items()
        }
        return replace(dataset, splits=splits, labels=None)  # type: ignore[arg-type]

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        measure = nn.functional.l1_loss if recipe.training.loss == "mae" else nn.functional.mse_loss

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            values = model(batch.inputs, batch.lengths, ratios=batch.ratios).values[:, 0]
            return Step(measure(values, batch.targets), len(batch.targets), None)

        return objective

    def loss_each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs[:, 0] - targets).square()

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        encoder = encoded.encoder
        scaled = self.outputs(network, encoded, split, recipe)[:, 0].astype(np.float64)
        true = np.asarray(encoded.problem.splits[split].targets, dtype=np.float64)  # type: ignore[union-attr]
        return Predictions("values", scaled * encoder.std + encoder.mean, true)


task = Regression()
