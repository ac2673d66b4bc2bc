"""Words in, a tag for each of them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Dataset, SplitName, TaggedExamples, TaggedTexts
from elman.encoding.batch import Batch
from elman.encoding.sequences import restore
from elman.encoding.tagged import UNSCORED, TaggedFeed, WordEncoder
from elman.evaluation.contract import TaggedProblem
from elman.evaluation.tagging import tag_numbers
from elman.interpretation.context import middle
from elman.interpretation.stepping import stepping_view
from elman.interpretation.view import Sample, View
from elman.models.network import TokenNetwork
from elman.tasks._settings import TOKENS
from elman.tasks._vectors import start_from_vectors
from elman.tasks.contract import Encoded, Encoder, Task, device_of, evaluating
from elman.training.loop import Objective, Step

MANY_WORDS = 200  # different training words from which on they are taken for words of a language, with beginnings and ends


@dataclass(frozen=True)
class TagEncoder(Encoder):
    """A word encoder and the names of the tags."""

    text: WordEncoder
    labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text.to_dict(), "labels": list(self.labels)}

    def targets(self, examples: TaggedExamples) -> list[np.ndarray]:
        """Tag numbers of every sentence, UNSCORED for ""."""
        index = {label: number for number, label in enumerate(self.labels)} | {"": UNSCORED}
        return [np.array([index[tag] for tag in tags], np.int64) for tags in examples.tags]


class Tagging(Task):
    """Softmax over tags after every word; cross-entropy over the words that have one."""

    name = "tagging"
    own = (TOKENS - {"encoding.tokenizer"}) | {
        "data.label", "encoding.affixes", "training.label_smoothing", "training.class_weights"
    }  # fmt: skip

    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        assert isinstance(dataset, TaggedTexts)
        language = len({word for words in dataset.splits["train"].words for word in words}) >= MANY_WORDS
        return {
            "encoding.vocabulary_size": 30_000,
            "encoding.lowercase": language,
            "encoding.affixes": 4 if language else 0,
            "model.pooling": "none",
            "training.batch_size": 32,
            "training.learning_rate": 3e-3,
            "training.epochs": 6.0,
        }

    def encode(self, dataset: Dataset, recipe: Recipe, encoder: TagEncoder | None = None) -> Encoded:
        if not isinstance(dataset, TaggedTexts):
            raise DataError(f"{self.name} needs tagged sentences; {recipe.data.source!r} gives none.")
        if encoder is None:
            text = WordEncoder.fit(dataset.splits["train"].words, recipe.encoding)
            encoder = TagEncoder(text, dataset.labels)
        feeds = {
            split: TaggedFeed(
                [encoder.text.encode(words) for words in examples.words], encoder.targets(examples)
            )
            for split, examples in dataset.splits.items()
        }
        problem = TaggedProblem(dataset.splits, dataset.labels)
        extra = {"bidirectional": recipe.model.bidirectional}
        return Encoded(encoder, feeds, problem, (encoder.text.summary(),), extra)

    def encoder(self, stored: dict[str, Any]) -> TagEncoder:
        return TagEncoder(WordEncoder.from_dict(stored["text"]), tuple(stored["labels"]))

    def network(self, encoder: TagEncoder, recipe: Recipe) -> nn.Module:
        return TokenNetwork(recipe.model, len(encoder.text), len(encoder.labels), pooling="none")

    def start(self, network: nn.Module, encoder: TagEncoder, recipe: Recipe) -> tuple[str, ...]:
        return start_from_vectors(network, encoder.text, recipe)

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        """Loss of the scored words, divided by the sentences of the batch and by how many such words a sentence has on average.

        So every word counts the same in a pass, and a batch's gradient is the mean of its parts' (in several processes).
        """
        numbers, sentences = tag_numbers(encoded.problem, "train"), len(encoded.feeds["train"])  # type: ignore[arg-type]
        each, weight = max(1, len(numbers)) / sentences, None
        if recipe.training.class_weights == "balanced":
            counts = np.bincount(numbers, minlength=len(encoded.encoder.labels))
            weight = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)
        smoothing = recipe.training.label_smoothing
        criterion = nn.CrossEntropyLoss(
            weight, ignore_index=UNSCORED, reduction="sum", label_smoothing=smoothing
        )

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            criterion.to(batch.inputs.device)
            logits, count = model(batch.inputs, batch.lengths).values, len(batch.targets)
            return Step(
                criterion(logits.flatten(0, 1), batch.targets.flatten()) / (count * each), count, None
            )

        return objective

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        feed = encoded.feeds[split]
        logits = step_logits(network, feed, 4 * (recipe.training.batch_size or 32))
        targets = tag_numbers(encoded.problem, split)  # type: ignore[arg-type]
        return Predictions("classes", shares(logits), targets, encoded.encoder.labels)

    def view(self, network: nn.Module, encoder: TagEncoder, recipe: Recipe) -> View:
        """One word of each sequence is asked for: the last one, or the middle one where it is read from both ends."""
        assert isinstance(network, TokenNetwork)
        text, place = encoder.text, middle if network.directions == 2 else None

        def read(embedded: Tensor, lengths: Tensor | None) -> Tensor:
            output, _ = network.rnn(embedded, lengths=lengths, final=False)
            batch, time = output.shape[:2]
            if lengths is None:
                lengths = torch.full((batch,), time, device=output.device)
            at = place(lengths) if place else lengths - 1
            logits: Tensor = network.head(output[torch.arange(batch, device=output.device), at])
            return logits

        return View(
            model=network,
            embed=network.embed,
            read=read,
            read_steps=None,
            trace=lambda inputs, lengths: network.rnn.trace(network.embed(inputs), lengths=lengths),
            loss=lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none"),
            baseline=network.inputs.embedding.weight[1].detach().clone(),
            labels=encoder.labels,
            step_names=lambda row: [
                text.vocabulary.tokens[int(number)] for number in (row if row.dim() == 1 else row[:, 0])
            ],
            stepping=stepping_view(network.rnn, network.embed),
            padding=0,
            asked=place,
        )

    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        """Sentences with the tag of the word that is asked for as the target.

        Where the last word is (see `view`), each is cut after a scored word that is drawn; else they are whole.
        """
        feed, draw = encoded.feeds[split], np.random.default_rng(seed)
        tags = [feed.tags(row) for row in range(len(feed))]
        if encoded.extra["bidirectional"]:
            askable = np.array(
                [row for row, each in enumerate(tags) if each[(len(each) - 1) // 2] != UNSCORED]
            )
            rows = draw.permutation(askable)[:count]
            batch = feed.take(rows)
            assert batch.lengths is not None
            targets = batch.targets[torch.arange(len(rows)), middle(batch.lengths)]
            return Sample(batch.inputs, batch.lengths, targets, rows)
        askable = np.array([row for row, each in enumerate(tags) if (each != UNSCORED).any()])
        rows = draw.permutation(askable)[:count]
        ends = np.array([draw.choice(np.flatnonzero(tags[row] != UNSCORED)) for row in rows])
        batch = feed.take(rows)
        lengths = torch.from_numpy(ends + 1)
        inside = torch.arange(int(lengths.max())) < lengths[:, None]
        inputs = batch.inputs[:, : inside.shape[1]]
        inputs = torch.where(inside if inputs.dim() == 2 else inside[..., None], inputs, 0)
        targets = batch.targets[torch.arange(len(rows)), lengths - 1]
        return Sample(inputs, lengths, targets, rows)

    def left_out(self, recipe: Recipe) -> Mapping[str, str]:
        """Questions that a tagger does not answer, and why."""
        reasons = {"readout": "it says a tag after every word, not one answer that forms along the sequence"}
        if recipe.model.bidirectional:
            both = "it reads from both ends, so no word is the last one that it has read (context says how far it looks)"
            reasons |= dict.fromkeys(("memory", "connectivity", "attribution", "dynamics"), both)
        return reasons


def step_logits(network: nn.Module, feed: TaggedFeed, batch_size: int) -> np.ndarray:
    """The head's outputs for every scored word (n, tags), sentences in the order of the feed."""
    found, rows, device = [], [], device_of(network)
    with evaluating(network):
        for batch in feed.batches(batch_size):
            there = batch.to(device)
            values = network(there.inputs, there.lengths).values.float()
            scored = there.targets != UNSCORED
            found.append(values[scored].cpu().numpy())
            rows.append(np.repeat(batch.rows, scored.sum(1).cpu().numpy()))  # type: ignore[arg-type]
    return restore(np.concatenate(rows), np.concatenate(found))


def shares(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    whole: np.ndarray = shifted / shifted.sum(-1, keepdims=True)
    return whole


task = Tagging()
