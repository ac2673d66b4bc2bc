"""What a network reads: token embeddings, or values cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from elman.core.errors import DataError

UNKNOWN = 1  # index of <unk> in every vocabulary
# Adam moves every weight by the learning rate, the vectors of rare pairs like all others; scaled, they learn at a tenth of it and
# over-fit less (IMDB, one seed: test accuracy 0.9092 against 0.9076).
SLOW = 0.1


class TokenInputs(nn.Module):
    """Token numbers (batch, time) to vectors (batch, time, size).

    Tokens of several numbers (batch, time, width), a word's own and those of its pieces, are read as the sum of their vectors.
    With `bigrams`, sorted codes (previous token * vocabulary + token) of the pairs that count, the vector of a token is the sum of its
    own and of one for the pair it ends (Wang and Manning 2012 show what pairs are worth); pairs start at zero.
    With `ratios`, one table of log-count ratios for the tokens and one for the pairs, if there are any, what is added instead is
    ratio * (0.1 * vector of the token or pair + one vector shared by all of them).
    `token_dropout` replaces that share of the tokens by <unk> in training; `dropout` zeroes whole embedding vectors.
    """

    def __init__(
        self,
        vocabulary_size: int,
        size: int,
        *,
        bigrams: Sequence[int] = (),
        ratios: Sequence[Sequence[float]] = (),
        dropout: float = 0.0,
        token_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, size, padding_idx=0)
        self.pairs: nn.Embedding | None = None
        if len(bigrams):
            self.pairs = nn.Embedding(len(bigrams) + 1, size, padding_idx=0)
            self.register_buffer("pair_codes", torch.tensor(bigrams, dtype=torch.long))
        self.size, self.dropout, self.token_dropout = size, dropout, token_dropout
        nn.init.normal_(self.embedding.weight, std=0.125)
        with torch.no_grad():
            self.embedding.weight[0].zero_()
        if self.pairs is not None:
            nn.init.zeros_(self.pairs.weight)
        self.orders = len(ratios)
        if ratios:
            self.weighted = nn.Embedding(vocabulary_size, size, padding_idx=0)
            nn.init.zeros_(self.weighted.weight)
            self.shared = nn.Parameter(torch.randn(len(ratios), size) * 0.125)
            for order, table in enumerate(ratios):
                # Not among the weights: the encoder stores them.
                self.register_buffer(f"ratios_{order}", torch.tensor(table), persistent=False)

    def forward(self, tokens: Tensor, ratios: Tensor | None = None) -> Tensor:
        """`ratios` (batch, time, orders) stand for the network's own tables: training texts bring theirs, out of fold."""
        given, tokens = tokens, self._drop(tokens)
        vectors: Tensor = self.embedding(tokens)
        if tokens.dim() == 3:
            vectors = vectors.sum(2)
        grams = [(tokens, given, self.weighted)] if self.orders else []
        if self.pairs is not None:
            number, whole = self._pair_numbers(tokens), self._pair_numbers(given)
            grams.append((number, whole, self.pairs))
        for order, (number, whole, table) in enumerate(grams):
            if not self.orders:
                vectors = vectors + table(number)
                continue
            ratio = getattr(self, f"ratios_{order}")[number] if ratios is None else ratios[..., order]
            # A dropped token takes its ratio with it.
            ratio = torch.where(number == whole, ratio, 0.0)[..., None]
            vectors = vectors + ratio * (SLOW * table(number) + self.shared[order])
        if self.training and self.dropout:
            kept = torch.rand(*vectors.shape[:2], 1, device=vectors.device) >= self.dropout
            vectors = vectors * kept / (1 - self.dropout)
        return vectors

    def _drop(self, tokens: Tensor) -> Tensor:
        if not (self.training and self.token_dropout):
            return tokens
        drop = torch.rand(tokens.shape, device=tokens.device) < self.token_dropout
        if tokens.dim() == 3:  # the word is unknown then, and its pieces are what there is to tell it by
            drop[..., 1:] = False
        return tokens.masked_fill(drop & (tokens != 0), UNKNOWN)

    def _pair_numbers(self, tokens: Tensor) -> Tensor:
        """Which row of `pairs` each token has with the one before it; 0 for pairs that do not count."""
        before = nn.functional.pad(tokens[:, :-1], (1, 0))
        codes: Tensor = self.pair_codes  # type: ignore[assignment]
        code = before * self.embedding.num_embeddings + tokens
        place = torch.searchsorted(codes, code).clamp(max=len(codes) - 1)
        return torch.where(codes[place] == code, place + 1, 0)

    def load_vectors(self, path: str | Path, words: list[str]) -> int:
        """Take the vectors of `words` from a text file (word, then numbers); returns how many were found.

        Raises DataError where the file's vectors are not `size` long.
        """
        index = {word: number for number, word in enumerate(words)}
        found = 0
        with open(path, encoding="utf-8") as lines, torch.no_grad():
            for number, line in enumerate(lines, 1):
                word, *values = line.rstrip().split(" ")
                if len(values) == 1:  # the header of word2vec files: count and size
                    continue
                if not values:
                    raise DataError(
                        f"{path} line {number} is a word without numbers. Expected a word and its vector in each line, "
                        "as GloVe and word2vec text files have them."
                    )
                if len(values) != self.size:
                    raise DataError(
                        f"{path} line {number} has {len(values)} numbers; --embedding-size is {self.size}. "
                        f"Use --embedding-size {len(values)}."
                    )
                if word in index:
                    self.embedding.weight[index[word]] = torch.tensor([float(value) for value in values])
                    found += 1
        return found


class PatchInputs(nn.Module):
    """Values (batch, time, features) to vectors (batch, time / patch_length, size).

    `patch_length` consecutive steps are read as one, through a linear map and ReLU (Lin et al. 2023, SegRNN eq. 2).
    A patch length of 1 hands the values on as they are: the recurrent layer has its own input matrix.
    """

    def __init__(self, features: int, patch_length: int, size: int) -> None:
        super().__init__()
        self.patch_length = patch_length
        self.size = size if patch_length > 1 else features
        self.project = nn.Linear(features * patch_length, size) if patch_length > 1 else None

    def forward(self, values: Tensor) -> Tensor:
        if self.project is None:
            return values
        missing = -values.shape[1] % self.patch_length
        if missing:  # the oldest patch is filled by repeating the first step
            values = torch.cat([values[:, :1].expand(-1, missing, -1), values], 1)
        patches = values.reshape(values.shape[0], -1, self.patch_length * values.shape[2])
        return self.project(patches).relu()
