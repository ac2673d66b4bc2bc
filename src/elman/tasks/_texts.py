"""What classification and regression of texts share: everything but loss, outputs and metric."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import Recipe
from elman.data.contract import Dataset, Examples, LabelledTexts, SplitName
from elman.encoding.pairs import frequent_pairs, pair_numbers
from elman.encoding.ratios import log_count_ratios
from elman.encoding.sequences import SequenceFeed
from elman.encoding.text import TextEncoder
from elman.evaluation.contract import TextProblem
from elman.interpretation.view import Sample, View
from elman.models.network import TokenNetwork
from elman.tasks._settings import TOKENS
from elman.tasks._vectors import start_from_vectors
from elman.tasks.contract import Encoded, Encoder, Task, run_batches


@dataclass(frozen=True)
class LabelledTextEncoder(Encoder):
    """A text encoder, and the class names (None for numbers, with their training mean and deviation)."""

    text: TextEncoder
    labels: tuple[str, ...] | None
    mean: float = 0.0
    std: float = 1.0
    bigrams: tuple[int, ...] = ()  # codes of the token pairs that have a vector of their own
    ratios: tuple[
        tuple[float, ...], ...
    ] = ()  # log-count ratios of the tokens, and of the pairs if there are any

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text.to_dict(),
            "labels": None if self.labels is None else list(self.labels),
            "mean": self.mean,
            "std": self.std,
            "bigrams": list(self.bigrams),
            "ratios": [list(table) for table in self.ratios],
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> LabelledTextEncoder:
        """What `to_dict` gave."""
        labels = stored["labels"]
        return cls(
            TextEncoder.from_dict(stored["text"]),
            None if labels is None else tuple(labels),
            stored["mean"],
            stored["std"],
            tuple(stored.get("bigrams", ())),
            tuple(tuple(table) for table in stored.get("ratios", ())),
        )

    def targets(self, examples: Examples) -> np.ndarray:
        """Class numbers (n,) int64, or scaled numbers (n,) float32."""
        if self.labels is None:
            values = np.asarray(examples.targets, dtype=np.float64)
            return ((values - self.mean) / self.std).astype(np.float32)
        index = {label: number for number, label in enumerate(self.labels)}
        return np.array([index[str(target)] for target in examples.targets], dtype=np.int64)


class TextTask(Task):
    """A text in, one class or one number out."""

    own = TOKENS | {
        "data.text",
        "data.label",
        "data.group",
        "data.stratified",
        "encoding.max_length",
        "encoding.keep",
        "encoding.padding",
        "encoding.bigrams",
        "encoding.log_count_ratios",
        "model.pooling",
    }

    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        return {
            "encoding.tokenizer": "words",
            "encoding.vocabulary_size": 30_000,
            "encoding.max_length": 400,
            "encoding.lowercase": True,
            "model.pooling": "last" if self._short(dataset) else "mean_max",
            "training.batch_size": 64,
            "training.learning_rate": 2e-3,
            "training.epochs": 4.0,
        }

    def _short(self, dataset: Dataset) -> bool:
        assert isinstance(dataset, LabelledTexts)
        texts = dataset.splits["train"].texts[:1000]
        return bool(np.mean([len(text) for text in texts]) < 40)

    def encode(self, dataset: Dataset, recipe: Recipe, encoder: LabelledTextEncoder | None = None) -> Encoded:
        if not isinstance(dataset, LabelledTexts):
            raise DataError(f"{self.name} needs texts with labels; {recipe.data.source!r} gives none.")
        train = dataset.splits["train"]
        text = encoder.text if encoder else TextEncoder.fit(train.texts, recipe.encoding)
        sequences = text.encode_many(train.texts)
        if encoder is None:
            numbers = np.asarray(train.targets, dtype=np.float64) if dataset.labels is None else np.zeros(1)
            pairs = frequent_pairs(sequences, len(text.vocabulary), recipe.encoding.bigrams)
            mean, std = float(numbers.mean()), float(numbers.std()) or 1.0
            encoder = LabelledTextEncoder(text, dataset.labels, mean, std, pairs)
        ratios = None
        if recipe.encoding.log_count_ratios:
            tables, ratios = self._ratios(encoder, sequences, encoder.targets(train))
            encoder = replace(encoder, ratios=tables)
        feeds = {
            split: SequenceFeed(
                sequences if split == "train" else text.encode_many(examples.texts),
                encoder.targets(examples),
                padding=recipe.encoding.padding,
                ratios=ratios if split == "train" else None,
            )
            for split, examples in dataset.splits.items()
        }
        problem = TextProblem(
            dataset.splits, dataset.labels, characters=recipe.encoding.tokenizer in ("characters", "bytes")
        )
        return Encoded(encoder, feeds, problem, (encoder.text.summary(),))

    def _ratios(
        self, encoder: LabelledTextEncoder, sequences: list[np.ndarray], targets: np.ndarray
    ) -> tuple[tuple[tuple[float, ...], ...], list[np.ndarray]]:
        """Tables of log-count ratios, and those of every training step (length, orders), out of fold."""
        if encoder.labels is None or len(encoder.labels) != 2:
            count = "a number" if encoder.labels is None else f"{len(encoder.labels)} classes"
            raise RecipeError(
                f"log_count_ratios tell two classes apart; here the target is {count}. Drop it, or use bigrams alone."
            )
        size, codes = len(encoder.text.vocabulary), np.array(encoder.bigrams, np.int64)
        found = [log_count_ratios(sequences, targets, size)]
        if len(codes):
            pairs = [pair_numbers(row, codes, size) for row in sequences]
            found.append(log_count_ratios(pairs, targets, len(codes) + 1))
        tables = tuple(tuple(table.tolist()) for table, _ in found)
        return tables, [np.stack(steps, 1) for steps in zip(*(steps for _, steps in found))]

    def encoder(self, stored: dict[str, Any]) -> LabelledTextEncoder:
        return LabelledTextEncoder.from_dict(stored)

    def network(self, encoder: LabelledTextEncoder, recipe: Recipe) -> nn.Module:
        return TokenNetwork(
            recipe.model,
            len(encoder.text.vocabulary),
            1 if encoder.labels is None else len(encoder.labels),
            pooling=recipe.model.pooling or "last",
            bigrams=encoder.bigrams,
            ratios=encoder.ratios,
        )

    def start(self, network: nn.Module, encoder: LabelledTextEncoder, recipe: Recipe) -> tuple[str, ...]:
        return start_from_vectors(network, encoder.text, recipe)

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

    def view(self, network: nn.Module, encoder: LabelledTextEncoder, recipe: Recipe) -> View:
        assert isinstance(network, TokenNetwork)
        text = encoder.text
        with torch.no_grad():
            baseline = network.inputs.embedding.weight[1].detach().clone()
        return View(
            model=network,
            embed=network.embed,
            read=lambda embedded, lengths: network.read(embedded, lengths).values,
            read_steps=network.read_steps if network.directions == 1 else None,
            trace=lambda inputs, lengths: network.rnn.trace(network.embed(inputs), lengths=lengths),
            loss=self.loss_each,
            baseline=baseline,
            labels=encoder.labels or (),
            step_names=lambda row: [text.vocabulary.tokens[int(number)] for number in row],
        )

    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        feed = encoded.feeds[split]
        rows = np.random.default_rng(seed).permutation(len(feed))[:count]
        batch = feed.take(rows)
        return Sample(batch.inputs, batch.lengths, batch.targets, rows)
