"""Running text: predict each token from all that came before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Corpus, Dataset, SplitName
from elman.data.passage import Passage
from elman.encoding.batch import Batch
from elman.encoding.stored_stream import stored_encoder, stored_tokens
from elman.encoding.streams import StreamFeed
from elman.encoding.text import TextEncoder
from elman.evaluation.contract import TokenProblem
from elman.interpretation.stepping import stepping_view
from elman.interpretation.view import Sample, View
from elman.models.network import TokenNetwork
from elman.models.pooling import pool
from elman.tasks._settings import TOKENS
from elman.tasks._vectors import start_from_vectors
from elman.tasks.contract import Encoded, Encoder, Task, device_of, evaluating
from elman.training.loop import Objective, Step

IGNORED = -100  # the target of padding
UNITS = {
    "characters": "character", "bytes": "byte", "words": "word", "spaces": "word", "bpe": "token", "unigram": "token"
}  # fmt: skip


@dataclass(frozen=True)
class CorpusEncoder(Encoder):
    """A text encoder and what its tokens are called."""

    text: TextEncoder
    unit: str

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text.to_dict(), "unit": self.unit}


class LanguageModelling(Task):
    """Next-token cross-entropy in nats per token, trained by truncated backpropagation with a carried state."""

    name = "language_modelling"
    own = TOKENS | {"model.tied", "training.truncation_length", "training.label_smoothing"}

    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        return {
            "encoding.tokenizer": "characters",
            "encoding.vocabulary_size": 30_000,
            "encoding.lowercase": False,
            "model.pooling": "none",
            "training.batch_size": 32,
            "training.truncation_length": 100,
            "training.learning_rate": 3e-3,
            "training.epochs": 8.0,
        }

    def encode(self, dataset: Dataset, recipe: Recipe, encoder: CorpusEncoder | None = None) -> Encoded:
        if not isinstance(dataset, Corpus):
            raise DataError(f"{self.name} needs running text; {recipe.data.source!r} gives none.")
        kind = recipe.encoding.tokenizer or "characters"
        key = dataset.provenance.data_hash
        if encoder is None:
            train = dataset.splits["train"]
            text = (
                stored_encoder(train, key, recipe.encoding)
                if isinstance(train, Passage)
                else TextEncoder.fit([train], recipe.encoding).uncut()
            )
            encoder = CorpusEncoder(text, UNITS[kind])
        tokens = {
            split: stored_tokens(encoder.text, text, key)
            if isinstance(text, Passage)
            else encoder.text.encode(text)
            for split, text in dataset.splits.items()
        }
        length = recipe.training.truncation_length or 100
        feeds = {split: StreamFeed(stream, length) for split, stream in tokens.items()}
        characters = {split: len(text) for split, text in dataset.splits.items()}
        problem = TokenProblem(tokens, len(encoder.text.vocabulary), encoder.unit, dataset.splits, characters)
        return Encoded(encoder, feeds, problem, (encoder.text.summary(),))

    def encoder(self, stored: dict[str, Any]) -> CorpusEncoder:
        return CorpusEncoder(TextEncoder.from_dict(stored["text"]), stored["unit"])

    def network(self, encoder: CorpusEncoder, recipe: Recipe) -> nn.Module:
        if recipe.model.bidirectional:
            raise DataError("a bidirectional language model would read the answer; drop --bidirectional.")
        size = len(encoder.text.vocabulary)
        return TokenNetwork(recipe.model, size, size, pooling="none")

    def start(self, network: nn.Module, encoder: CorpusEncoder, recipe: Recipe) -> tuple[str, ...]:
        return start_from_vectors(network, encoder.text, recipe)

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        smoothing = recipe.training.label_smoothing

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            output = model(batch.inputs, batch.lengths, state)
            loss = nn.functional.cross_entropy(
                output.values.flatten(0, 1),
                batch.targets.flatten(),
                ignore_index=IGNORED,
                label_smoothing=smoothing,
            )
            return Step(loss, batch.targets.numel(), output.state)

        return objective

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        """Nats of every token but the first, read in order as one stream with the state carried."""
        tokens = encoded.problem.tokens[split]  # type: ignore[union-attr]
        nats = self.nats(network, tokens)
        return Predictions("tokens", nats, np.asarray(tokens[1:]))

    def nats(
        self, network: nn.Module, tokens: np.ndarray, streams: int = 16, overlap: int = 512
    ) -> np.ndarray:
        """-log p of tokens[1:] (n - 1,).

        Read as `streams` pieces at once; each piece but the first starts `overlap` tokens early, and those are
        not scored twice, so every scored token has at least that much context.
        """
        count = len(tokens) - 1
        streams = max(1, min(streams, count // (4 * overlap) or 1))
        piece = -(-count // streams)
        starts = np.array([max(0, index * piece - overlap) for index in range(streams)])
        firsts = np.array([index * piece for index in range(streams)])
        width = int(max(min(count, first + piece) - start for first, start in zip(firsts, starts)))
        device, nats, state = device_of(network), np.zeros(count), None
        with evaluating(network):
            for offset in range(0, width, 512):
                steps = min(512, width - offset)
                at = np.minimum(starts[:, None] + offset + np.arange(steps + 1), count)
                window = torch.from_numpy(np.asarray(tokens[at.ravel()]).reshape(at.shape).astype(np.int64))
                window = window.to(device)
                output = network(window[:, :-1], None, state)
                state = output.state
                each = nn.functional.cross_entropy(
                    output.values.flatten(0, 1).float(), window[:, 1:].flatten(), reduction="none"
                ).reshape(streams, steps)
                values = each.cpu().numpy()
                for index in range(streams):
                    place = starts[index] + offset + np.arange(steps)
                    mine = (place >= firsts[index]) & (place < min(count, firsts[index] + piece))
                    nats[place[mine]] = values[index, mine]
        return nats

    def view(self, network: nn.Module, encoder: CorpusEncoder, recipe: Recipe) -> View:
        assert isinstance(network, TokenNetwork)
        text = encoder.text

        def last_logits(embedded: Tensor, lengths: Tensor | None) -> Tensor:
            output, _ = network.rnn(embedded, lengths=lengths, final=False)
            logits: Tensor = network.head(pool("last", output, lengths, network.directions))
            return logits

        return View(
            model=network,
            embed=network.embed,
            read=last_logits,
            read_steps=network.read_steps,
            trace=lambda inputs, lengths: network.rnn.trace(network.embed(inputs), lengths=lengths),
            loss=lambda outputs, targets: nn.functional.cross_entropy(outputs, targets, reduction="none"),
            baseline=network.inputs.embedding.weight.detach().mean(0),
            labels=tuple(text.vocabulary.tokens),
            step_names=lambda row: [text.vocabulary.tokens[int(number)] for number in row],
            stepping=stepping_view(network.rnn, network.embed),
            padding=0,
            names_next_step=True,
        )

    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        """Windows of up to 256 tokens, each with the token that follows it as its target."""
        tokens = encoded.problem.tokens[split]  # type: ignore[union-attr]
        length = min(256, (len(tokens) - 1) // 2)
        starts = np.random.default_rng(seed).integers(0, len(tokens) - length - 1, count)
        rows = np.stack([tokens[start : start + length + 1] for start in starts]).astype(np.int64)
        inputs, targets = torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(rows[:, -1].copy())
        return Sample(inputs, torch.full((count,), length), targets, starts)


task = LanguageModelling()
