"""A text in, any number of labels out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.encoding.batch import Batch
from elman.evaluation.multilabel import label_matrix
from elman.tasks._labelled import LabelledTask
from elman.tasks._texts import Texts
from elman.tasks.contract import Encoded
from elman.training.loop import Objective, Step

MOST = 100.0  # weight of a rare label at most: more would follow single texts


class Multilabel(LabelledTask):
    """A sigmoid for each label; binary cross-entropy, mean over labels and texts."""

    name = "multilabel"
    own = (LabelledTask.common - {"data.stratified"}) | Texts.own | {"training.class_weights"}

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        weight = None
        if recipe.training.class_weights == "balanced":
            share = encoded.feeds["train"].targets.mean(0)
            weight = torch.from_numpy(np.clip((1 - share) / np.maximum(share, 1e-9), 1 / MOST, MOST))
        criterion = nn.BCEWithLogitsLoss(pos_weight=weight)

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            criterion.to(batch.inputs.device)
            loss = criterion(model(batch.inputs, batch.lengths, ratios=batch.ratios).values, batch.targets)
            return Step(loss, len(batch.targets), None)

        return objective

    def loss_each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(1)

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        shares = sigmoid(self.outputs(network, encoded, split, recipe))
        return Predictions("labels", shares, label_matrix(encoded.problem, split), encoded.encoder.labels)  # type: ignore[arg-type]

    def left_out(self, recipe: Recipe) -> Mapping[str, str]:
        """Questions that a set of labels does not answer, and why."""
        return {"readout": "it says several labels at once, not one answer that forms along the text"}


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-logits)) in float64."""
    shares: np.ndarray = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return shares


task = Multilabel()
