"""Characters counted and numbered many at a time: a table from code point to number instead of a look-up for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from elman.encoding.vocabulary import Vocabulary

TOGETHER = 1 << 20  # characters that are handled at once
LAST = 0x110000  # one past the last code point


def code_points(text: str) -> np.ndarray:
    """The code points of a text (characters,), uint8 where it is ASCII, else uint32."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def count(texts: Iterable[str], lowercase: bool) -> Counter[str]:
    """How often each character comes in all texts together."""
    total = np.zeros(LAST, np.int64)
    for text in _together(texts):
        codes = code_points(text.lower() if lowercase else text)
        found = np.bincount(codes)
        total[: len(found)] += found
    return Counter({chr(code): int(total[code]) for code in np.flatnonzero(total)})


class CharacterTable:
    """Numbers of the characters of a vocabulary; those of others are 1, <unk>."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        single = {ord(token): number for token, number in vocabulary.index.items() if len(token) == 1}
        # One entry more than needed: the place of all that lies behind.
        self._table = np.ones(max(single, default=0) + 2, np.int32)
        self._table[list(single)] = list(single.values())

    def __call__(self, text: str) -> np.ndarray:
        """Numbers (characters,) int32."""
        numbers: np.ndarray = self._table[np.minimum(code_points(text), len(self._table) - 1)]
        return numbers


def _together(texts: Iterable[str]) -> Iterator[str]:
    """Short texts joined, long ones in parts: work with arrays pays from some thousand characters on."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        for start in range(0, len(text), TOGETHER):
            part = text[start : start + TOGETHER]
            waiting.append(part)
            size += len(part)
            if size >= TOGETHER:
                yield "".join(waiting)
                waiting, size = [], 0
    if waiting:
        yield "".join(waiting)
