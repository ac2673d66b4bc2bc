"""What classification and regression share: everything but loss, outputs and metric."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.data.contract import Dataset, SplitName
from elman.interpretation.stepping import stepping_view
from elman.interpretation.view import Sample, View
from elman.models.network import SequenceNetwork
from elman.tasks._kind import Kind, LabelledEncoder
from elman.tasks._texts import Texts
from elman.tasks._values import Values
from elman.tasks.contract import Encoded, Task, run_batches

KINDS: tuple[Kind, ...] = (Texts(), Values())


def kind_of(thing: Dataset | LabelledEncoder) -> Kind | None:
    """The kind of sequence of a data set or an encoder; None where it is none of these."""
    return next((kind for kind in KINDS if kind.holds(thing)), None)


class LabelledTask(Task):
    """A sequence in, one class or one number out; texts and series alike."""

    common = frozenset({"data.stratified", "encoding.max_length", "encoding.keep", "model.pooling"})
    own = common.union(*(kind.own for kind in KINDS))

    def reads(self, dataset: Dataset) -> frozenset[str]:
        foreign = frozenset().union(*(kind.own for kind in KINDS if not kind.holds(dataset)))
        kind = kind_of(dataset)
        return self.own - foreign | (kind.own if kind else frozenset())

    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        return self._kind(dataset).defaults(dataset)

    def encode(self, dataset: Dataset, recipe: Recipe, encoder: LabelledEncoder | None = None) -> Encoded:
        return self._kind(dataset).encode(dataset, recipe, encoder)

    def encoder(self, stored: dict[str, Any]) -> LabelledEncoder:
        kind = Values() if "values" in stored else Texts()
        encoder: LabelledEncoder = kind.read(stored)
        return encoder

    def network(self, encoder: LabelledEncoder, recipe: Recipe) -> nn.Module:
        return self._kind(encoder).network(encoder, recipe)

    def start(self, network: nn.Module, encoder: LabelledEncoder, recipe: Recipe) -> tuple[str, ...]:
        assert isinstance(network, SequenceNetwork)
        return self._kind(encoder).start(network, encoder, recipe)

    def outputs(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> np.ndarray:
        """Raw head outputs (n, outputs) in the original order."""
        return run_batches(
            network,
            encoded.feeds[split],
            4 * (recipe.training.batch_size or 64),
            lambda batch: network(batch.inputs, batch.lengths, ratios=batch.ratios).values,
        )

    def loss_each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of each sequence (batch,)."""
        raise NotImplementedError

    def view(self, network: nn.Module, encoder: LabelledEncoder, recipe: Recipe) -> View:
        assert isinstance(network, SequenceNetwork)
        return View(
            model=network,
            embed=network.embed,
            read=lambda embedded, lengths: network.read(embedded, lengths).values,
            read_steps=network.read_steps if network.directions == 1 else None,
            trace=lambda inputs, lengths: network.rnn.trace(network.embed(inputs), lengths=lengths),
            loss=self.loss_each,
            stepping=stepping_view(network.rnn, network.embed),
            labels=encoder.labels or (),
            **self._kind(encoder).seen(network, encoder),
        )

    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        feed = encoded.feeds[split]
        rows = np.random.default_rng(seed).permutation(len(feed))[:count]
        batch = feed.take(rows)
        return Sample(batch.inputs, batch.lengths, batch.targets, rows)

    def _kind(self, thing: Dataset | LabelledEncoder) -> Kind:
        kind = kind_of(thing)
        if kind is None:
            raise DataError(f"{self.name} needs texts or series with labels; this source gives none.")
        return kind
