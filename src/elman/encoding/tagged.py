"""Words that are given as words: the number of each, and those of how it begins, how it ends and what shape it has.

Most of what tells the part of speech of a word that training did not hold is in its last letters (Brants 2000). A word is read as the
sum of the vectors of its numbers, as words of letter n-grams are in Bojanowski et al. (2017).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.encoding.batch import Batch
from elman.encoding.sequences import SequenceFeed
from elman.encoding.vocabulary import Vocabulary

UNSCORED = -100  # the target of padding, and of words without a tag
# Different training words that a piece must come in: of one word alone it says no more than the word does.
LEAST = 2
MARKS = ".,;:!?…\"'“”‘’«»()[]{}$€£%"  # stand by themselves in treebanks, where they begin or end a word


class WordEncoder:
    """Sentences to numbers (length, width) int32: in column 0 that of the word (1: not known), in the others its pieces' (0: not known).

    The pieces are the first 1 to `affixes` letters, the last 1 to `affixes`, and the shape; without affixes there are none, and the
    numbers are (length,). Fitted on training sentences only.
    """

    def __init__(self, vocabulary: Vocabulary, pieces: Sequence[str], affixes: int, lowercase: bool) -> None:
        self.vocabulary, self.pieces = vocabulary, list(pieces)
        self.affixes, self.lowercase = affixes, lowercase
        self._place = {piece: len(vocabulary) + number for number, piece in enumerate(self.pieces)}
        self._known: dict[str, list[int]] = {}

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], options: EncodingOptions) -> WordEncoder:
        """Raises RecipeError for sizes that leave nothing to read."""
        for name, least in (("vocabulary_size", 3), ("min_count", 1), ("affixes", 0)):
            value = getattr(options, name)
            if value is not None and value < least:
                raise RecipeError(f"{name}={value} leaves nothing to read; expected {least} or more.")
        lower, affixes = bool(options.lowercase), options.affixes or 0
        counts = Counter(word for sentence in sentences for word in sentence)
        words: Counter[str] = Counter()
        for word, count in counts.items():
            words[word.lower() if lower else word] += count
        kinds = Counter(piece for word in counts for piece in pieces(word, affixes))
        kept = sorted(piece for piece, count in kinds.items() if piece and count >= LEAST)
        vocabulary = Vocabulary.from_counts(words, options.vocabulary_size, options.min_count)
        return cls(vocabulary, kept, affixes, lower)

    def __len__(self) -> int:
        """Numbers in all: words, then pieces."""
        return len(self.vocabulary) + len(self.pieces)

    def encode(self, sentence: Sequence[str]) -> np.ndarray:
        """(length, 2 affixes + 2), or (length,) without affixes."""
        numbers = np.array([self._numbers(word) for word in sentence], np.int32)
        return numbers if self.affixes else numbers[:, 0]

    def split(self, text: str) -> list[str]:
        """The words of a text as training had them: white space separates, and what training did not hold is taken apart.

        Of a language (with affixes): marks at the ends of a word, and a contraction of two known words ("don't": "do", "n't"). Else a run
        of known symbols is its symbols ("(())").
        """
        words = []
        for word in text.split():
            if word in self:
                words.append(word)
            elif self.affixes:
                words += _taken_apart(word, self)
            else:
                words += list(word) if all(mark in self for mark in word) else [word]
        return words

    def __contains__(self, word: object) -> bool:
        return (str(word).lower() if self.lowercase else word) in self.vocabulary

    def summary(self) -> str:
        """One line: what is read of a word."""
        case = "lower case" if self.lowercase else "case kept"
        line = f"words: {case}, vocabulary {len(self.vocabulary):,}"
        if not self.affixes:
            return line
        return f"{line}; beside each its first and last 1 to {self.affixes} letters and its shape, {len(self.pieces):,} pieces"

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        return {
            "words": self.vocabulary.tokens, "pieces": self.pieces, "affixes": self.affixes, "lowercase": self.lowercase
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> WordEncoder:
        """What `to_dict` gave."""
        return cls(Vocabulary(stored["words"]), stored["pieces"], stored["affixes"], stored["lowercase"])

    def _numbers(self, word: str) -> list[int]:
        found = self._known.get(word)
        if found is None:
            own = self.vocabulary.number(word.lower() if self.lowercase else word)
            found = [own, *(self._place.get(piece, 0) for piece in pieces(word, self.affixes))]
            self._known[word] = found
        return found


def pieces(word: str, affixes: int) -> list[str]:
    """The names of a word's pieces, always as many: how it begins ("b:"), how it ends ("e:"), its shape ("s:"); "" beyond a short word."""
    if not affixes:
        return []
    small, sizes = word.lower(), range(1, affixes + 1)
    begins = [f"b:{small[:size]}" if size <= len(small) else "" for size in sizes]
    ends = [f"e:{small[-size:]}" if size <= len(small) else "" for size in sizes]
    return [*begins, *ends, f"s:{shape(word)}"]


def _taken_apart(word: str, known: WordEncoder) -> list[str]:
    """Marks at either end by themselves, the rest in two at an apostrophe where both halves are known."""
    before: list[str] = []
    after: list[str] = []
    while len(word) > 1 and word not in known and word[0] in MARKS:
        before.append(word[0])
        word = word[1:]
    while len(word) > 1 and word not in known and word[-1] in MARKS:
        after.insert(0, word[-1])
        word = word[:-1]
    middle = [word]
    if word not in known:
        cuts = [place - back for place, mark in enumerate(word) if mark in "'’" for back in (0, 1)]
        halves = [[word[:cut], word[cut:]] for cut in cuts if 0 < cut < len(word)]
        middle = next((both for both in halves if both[0] in known and both[1] in known), middle)
    return [*before, *middle, *after]


def shape(word: str) -> str:
    """Capitals as X, small letters as x, digits as d, each run once: "McDonald's" is "XxXx'x"."""
    kinds = "".join(
        "X" if mark.isupper() else "x" if mark.isalpha() else "d" if mark.isdigit() else mark for mark in word
    )
    return re.sub(r"(.)\1+", r"\1", kinds)


class TaggedFeed:
    """Feed over sentences (`WordEncoder.encode`) and the tag numbers of each (UNSCORED where none is asked for).

    Batches have inputs (batch, longest) or (batch, longest, width) int64 and targets (batch, longest) int64.
    """

    def __init__(self, sentences: Sequence[np.ndarray], tags: Sequence[np.ndarray]) -> None:
        for number, (words, marks) in enumerate(zip(sentences, tags, strict=True)):
            if len(words) != len(marks):
                raise DataError(
                    f"sentence {number} has {len(words)} words and {len(marks)} tags; expected one for each."
                )
        # Places of words are padded as tokens are; place 0 is padding, whose numbers are 0 and whose tag is not scored.
        ends = np.cumsum([len(words) for words in sentences])
        places = [np.arange(end - len(words), end, dtype=np.int32) + 1 for words, end in zip(sentences, ends)]
        self._places = SequenceFeed(places, np.zeros(len(sentences), np.int64))
        flat = np.concatenate(sentences).astype(np.int64)
        self._numbers = torch.from_numpy(np.concatenate([np.zeros_like(flat[:1]), flat]))
        self._tags = torch.from_numpy(np.concatenate([[UNSCORED], *tags]).astype(np.int64))
        self.lengths = self._places.lengths

    def __len__(self) -> int:
        return len(self._places)

    def steps(self, batch_size: int) -> int:
        """Batches in one pass."""
        return self._places.steps(batch_size)

    def batches(self, batch_size: int, shuffle: np.random.Generator | None = None) -> Iterator[Batch]:
        """One pass, batches of nearly equal length; random when a generator is given, else shortest first."""
        for batch in self._places.batches(batch_size, shuffle):
            yield self._filled(batch)

    def take(self, rows: np.ndarray) -> Batch:
        """These sentences as one batch."""
        return self._filled(self._places.take(rows))

    def tags(self, row: int) -> np.ndarray:
        """Tag numbers of one sentence (length,)."""
        start = 1 + int(self.lengths[:row].sum())
        return self._tags[start : start + int(self.lengths[row])].numpy()

    def _filled(self, batch: Batch) -> Batch:
        return Batch(self._numbers[batch.inputs], self._tags[batch.inputs], batch.lengths, batch.rows)
