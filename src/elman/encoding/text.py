"""Text to token numbers and back: characters, bytes, words, what spaces separate, BPE or unigram pieces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.encoding.characters import CharacterTable, count
from elman.encoding.vocabulary import PADDING, UNKNOWN, Vocabulary

# Words: runs of letters and digits, an apostrophe and what follows it apart ("don't" -> "don", "'t"), every other
# mark by itself; white space and HTML line breaks separate.
WORD = re.compile(r"[^\W_]+|'[^\W_]+|[^\w\s]|_")
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
CHUNK = 1000  # texts whose pieces are looked up at once: enough to be fast, few enough to stay small


@dataclass(frozen=True)
class Cut:
    """Which part of a long sequence stays: its first `max_length` tokens, its last, or half from either end."""

    max_length: int | None
    keep: str

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        limit = self.max_length
        if limit is None or len(numbers) <= limit:
            return numbers
        if self.keep == "start":
            return numbers[:limit]
        if self.keep == "end":
            return numbers[-limit:]
        head = limit // 2
        return np.concatenate([numbers[:head], numbers[len(numbers) - (limit - head) :]])


class TextEncoder:
    """Splits text into tokens and numbers them; fitted on training texts only.

    `encode` gives int32 numbers (length,), `tokens` the same as strings, one for one, `decode` the text again (exactly
    for bytes and for pieces, and for characters seen in training; words are joined by single spaces). Texts without any
    token become one <unk>. A "<pad>" or "<unk>" written in a text is text, never the special token.
    """

    def __init__(
        self, kind: str, vocabulary: Vocabulary, *, lowercase: bool, cut: Cut, padding: str, model: str = ""
    ) -> None:
        self.kind, self.vocabulary, self.lowercase = kind, vocabulary, lowercase
        self.cut, self.padding, self.model = cut, padding, model
        self._table = CharacterTable(vocabulary) if kind == "characters" else None
        self._pieces: Any = None
        if model:
            from tokenizers import Tokenizer

            self._pieces = Tokenizer.from_str(model)
            self._pieces.encode_special_tokens = True  # else a text could put padding into its own middle

    @classmethod
    def fit(cls, texts: Iterable[str], options: EncodingOptions) -> TextEncoder:
        """Learn the vocabulary (and for "bpe" and "unigram" the pieces) from training texts, gone through twice.

        Raises DataError when there is no text at all, RecipeError for a size that is no size.
        """
        for name, least in (("max_length", 1), ("vocabulary_size", 3), ("min_count", 1)):
            value = getattr(options, name)
            if value is not None and value < least:
                raise RecipeError(f"{name}={value} leaves nothing to read; expected {least} or more.")
        if not any(text for text in texts):
            raise DataError("the training split holds no text; expected at least one non-empty example.")
        kind, lower = options.tokenizer or "words", bool(options.lowercase)
        cut = Cut(options.max_length, options.keep)
        if kind in ("bpe", "unigram"):
            size = options.vocabulary_size or 8_000
            model, vocabulary = _learn_pieces(kind, texts, size, lower)
            return cls(kind, vocabulary, lowercase=lower, cut=cut, padding=options.padding, model=model)
        if kind == "bytes":
            vocabulary = Vocabulary([PADDING, UNKNOWN, *(f"<0x{byte:02x}>" for byte in range(256))])
        else:
            split = splitter(kind, lower)
            counts = count(texts, lower) if kind == "characters" else Vocabulary.count(map(split, texts))
            vocabulary = Vocabulary.from_counts(counts, options.vocabulary_size, options.min_count)
        return cls(kind, vocabulary, lowercase=lower, cut=cut, padding=options.padding)

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, one for each number of `encode`; those not in the vocabulary as they stand."""
        if self.kind == "bytes":
            tokens = [f"<0x{byte:02x}>" for byte in self._clean(text).encode("utf-8")]
        elif self._pieces is not None:
            tokens = self._pieces.encode(self._clean(text)).tokens
        else:
            tokens = splitter(self.kind, self.lowercase)(text)
        tokens = tokens or [UNKNOWN]
        return [tokens[place] for place in self.cut(np.arange(len(tokens)))]

    def encode(self, text: str) -> np.ndarray:
        """Token numbers (length,) int32, cut to the longest length allowed."""
        return self.cut(self._numbers(text))

    def encode_many(self, texts: Iterable[str]) -> list[np.ndarray]:
        """`encode` for many texts; pieces are looked up many texts at a time."""
        if self._pieces is None:
            return [self.encode(text) for text in texts]
        cleaned, encoded = map(self._clean, texts), []
        while chunk := list(islice(cleaned, CHUNK)):
            for found in self._pieces.encode_batch_fast(chunk):
                encoded.append(self.cut(_some(np.array(found.ids, np.int32))))
        return encoded

    def decode(self, numbers: Iterable[int]) -> str:
        """Text from token numbers; padding is left out."""
        numbers = [int(number) for number in numbers if int(number) != 0]
        if self.kind == "bytes":
            return bytes(number - 2 for number in numbers if number >= 2).decode("utf-8", errors="replace")
        if self._pieces is not None:
            return str(self._pieces.decode(numbers, skip_special_tokens=False))
        return (" " if self.kind in ("words", "spaces") else "").join(
            self.vocabulary.tokens[number] for number in numbers
        )

    def unknown_share(self, texts: Iterable[str]) -> float:
        """Share of tokens that the vocabulary does not hold; 0 for no texts."""
        numbers = self.encode_many(texts)
        total = sum(map(len, numbers))
        return sum(int((each == 1).sum()) for each in numbers) / total if total else 0.0

    def summary(self, unknown: float | None = None) -> str:
        """One line: how texts are split, cut and padded; `unknown` is the share of unknown tokens in validation."""
        part = "both ends" if self.cut.keep == "both" else f"their {self.cut.keep}"
        cut = (
            f"longer texts keep {part} ({self.cut.max_length} tokens)"
            if self.cut.max_length
            else "nothing is cut"
        )
        case = "lower case" if self.lowercase else "case kept"
        line = f"tokens: {self.kind}, {case}, vocabulary {len(self.vocabulary):,}; {cut}; padding on the {self.padding}"
        return line if unknown is None else f"{line}; {unknown:.2%} of validation tokens unknown"

    def uncut(self) -> TextEncoder:
        """The same encoder without a length limit, for running text."""
        cut = replace(self.cut, max_length=None)
        return TextEncoder(
            self.kind,
            self.vocabulary,
            lowercase=self.lowercase,
            cut=cut,
            padding=self.padding,
            model=self.model,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        return {
            "kind": self.kind, "tokens": self.vocabulary.tokens, "lowercase": self.lowercase,
            "cut": asdict(self.cut), "padding": self.padding, "model": self.model,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> TextEncoder:
        """What `to_dict` gave."""
        return cls(
            stored["kind"], Vocabulary(stored["tokens"]), lowercase=stored["lowercase"], cut=Cut(**stored["cut"]),
            padding=stored["padding"], model=stored["model"],
        )  # fmt: skip

    def _numbers(self, text: str) -> np.ndarray:
        if self.kind == "bytes":
            numbers = np.frombuffer(self._clean(text).encode("utf-8"), np.uint8).astype(np.int32) + 2
        elif self._pieces is not None:
            numbers = np.array(self._pieces.encode(self._clean(text)).ids, np.int32)
        elif self._table is not None:
            numbers = self._table(self._clean(text))
        else:
            find = self.vocabulary.index.get
            numbers = np.array(
                [find(token, 1) for token in splitter(self.kind, self.lowercase)(text)], np.int32
            )
        return _some(numbers)

    def _clean(self, text: str) -> str:
        return text.lower() if self.lowercase else text


def _some(numbers: np.ndarray) -> np.ndarray:
    """The numbers, or one <unk> where there are none: a network reads at least one step."""
    return numbers if len(numbers) else np.ones(1, np.int32)


def splitter(kind: str, lowercase: bool) -> Callable[[str], list[str]]:
    """The function that splits a text into characters, words or what spaces separate (a line ends in <eos>)."""
    if kind == "characters":
        return (lambda text: list(text.lower())) if lowercase else list
    if kind == "spaces":  # texts that come as tokens; the end of a line is one, as in published perplexities
        return lambda text: (text.lower() if lowercase else text).replace("\n", " <eos> ").split()
    if lowercase:
        return lambda text: WORD.findall(BREAK.sub(" ", text).lower())
    return lambda text: WORD.findall(BREAK.sub(" ", text))


def _learn_pieces(kind: str, texts: Iterable[str], size: int, lowercase: bool) -> tuple[str, Vocabulary]:
    """Byte-level BPE (Sennrich et al. 2016) or unigram pieces (Kudo 2018), learned by the `tokenizers` library."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special, alphabet = [PADDING, UNKNOWN], pre_tokenizers.ByteLevel.alphabet()
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        trainer: Any = trainers.BpeTrainer(
            vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=size,
            special_tokens=special,
            initial_alphabet=alphabet,
            unk_token=UNKNOWN,
            show_progress=False,
        )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    lines = (
        line for text in texts for line in (text.lower() if lowercase else text).splitlines(keepends=True)
    )
    tokenizer.train_from_iterator(lines, trainer)
    names = tokenizer.get_vocab()
    return tokenizer.to_str(), Vocabulary(sorted(names, key=lambda token: names[token]))
