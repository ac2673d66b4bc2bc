"""Texts that have a class or a number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from elman.core.errors import RecipeError
from elman.core.recipe import Recipe
from elman.data.contract import LabelledTexts, MultiLabelledTexts
from elman.encoding.pairs import frequent_pairs, pair_numbers
from elman.encoding.ratios import log_count_ratios
from elman.encoding.sequences import SequenceFeed
from elman.encoding.text import TextEncoder
from elman.evaluation.contract import MultiLabelProblem, TextProblem
from elman.models.network import SequenceNetwork, TokenNetwork
from elman.tasks._kind import Kind, LabelledEncoder, stored_facts, target_facts
from elman.tasks._settings import TOKENS
from elman.tasks._vectors import start_from_vectors
from elman.tasks.contract import Encoded


@dataclass(frozen=True, kw_only=True)
class LabelledTextEncoder(LabelledEncoder):
    """A text encoder beside the targets."""

    text: TextEncoder
    bigrams: tuple[int, ...] = ()  # codes of the token pairs that have a vector of their own
    ratios: tuple[
        tuple[float, ...], ...
    ] = ()  # log-count ratios of the tokens, and of the pairs if there are any

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text.to_dict(),
            **super().to_dict(),
            "bigrams": list(self.bigrams),
            "ratios": [list(table) for table in self.ratios],
        }


class Texts(Kind):
    """Tokens, read as vectors."""

    dataset, encoder = LabelledTexts, LabelledTextEncoder
    own = TOKENS | {
        "data.text",
        "data.label",
        "data.group",
        "data.date",
        "encoding.padding",
        "encoding.bigrams",
        "encoding.log_count_ratios",
    }

    def defaults(self, dataset: LabelledTexts) -> dict[str, Any]:
        short = np.mean([len(text) for text in dataset.splits["train"].texts[:1000]]) < 40
        return {
            "encoding.tokenizer": "words",
            "encoding.vocabulary_size": 30_000,
            "encoding.max_length": 400,
            "encoding.lowercase": True,
            "model.pooling": "last" if short else "mean_max",
            "training.batch_size": 64,
            "training.learning_rate": 2e-3,
            "training.epochs": 4.0,
        }

    def encode(self, dataset: LabelledTexts, recipe: Recipe, encoder: LabelledTextEncoder | None) -> Encoded:
        train = dataset.splits["train"]
        text = encoder.text if encoder else TextEncoder.fit(train.texts, recipe.encoding)
        sequences = text.encode_many(train.texts)
        if encoder is None:
            pairs = frequent_pairs(sequences, len(text.vocabulary), recipe.encoding.bigrams)
            facts = target_facts(train, dataset.labels, isinstance(dataset, MultiLabelledTexts))
            encoder = LabelledTextEncoder(text=text, bigrams=pairs, **facts)
        ratios = None
        if recipe.encoding.log_count_ratios:
            tables, ratios = _ratios(encoder, sequences, encoder.targets(train))
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
        kind = MultiLabelProblem if encoder.multiple else TextProblem
        problem = kind(
            dataset.splits, dataset.labels, characters=recipe.encoding.tokenizer in ("characters", "bytes")
        )
        return Encoded(encoder, feeds, problem, (encoder.text.summary(),))

    def read(self, stored: dict[str, Any]) -> LabelledTextEncoder:
        return LabelledTextEncoder(
            text=TextEncoder.from_dict(stored["text"]),
            bigrams=tuple(stored.get("bigrams", ())),
            ratios=tuple(tuple(table) for table in stored.get("ratios", ())),
            **stored_facts(stored),
        )

    def network(self, encoder: LabelledTextEncoder, recipe: Recipe) -> SequenceNetwork:
        return TokenNetwork(
            recipe.model,
            len(encoder.text.vocabulary),
            encoder.outputs,
            pooling=recipe.model.pooling or "last",
            bigrams=encoder.bigrams,
            ratios=encoder.ratios,
        )

    def start(
        self, network: SequenceNetwork, encoder: LabelledTextEncoder, recipe: Recipe
    ) -> tuple[str, ...]:
        return start_from_vectors(network, encoder.text, recipe)

    def seen(self, network: SequenceNetwork, encoder: LabelledTextEncoder) -> dict[str, Any]:
        assert isinstance(network, TokenNetwork)
        tokens = encoder.text.vocabulary.tokens
        with torch.no_grad():
            baseline = network.inputs.embedding.weight[1].detach().clone()
        names = lambda row: [tokens[int(number)] for number in row]
        return {"baseline": baseline, "step_names": names, "padding": 0}


def _ratios(
    encoder: LabelledTextEncoder, sequences: list[np.ndarray], targets: np.ndarray
) -> tuple[tuple[tuple[float, ...], ...], list[np.ndarray]]:
    """Tables of log-count ratios, and those of every training step (length, orders), out of fold."""
    if encoder.labels is None or len(encoder.labels) != 2 or encoder.multiple:
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
