"""A vocabulary by count: token <-> number, with padding at 0 and the unknown at 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

PADDING, UNKNOWN = "<pad>", "<unk>"


class Vocabulary:
    """Tokens by falling count, ties in alphabetical order, so that it never depends on the order of the data."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = list(tokens)
        self.index = {token: number for number, token in enumerate(self.tokens)}

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, int], size: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """The `size` most frequent tokens (the two specials included) seen at least `min_count` times."""
        kept = [token for token, count in counts.items() if count >= min_count]
        kept.sort(key=lambda token: (-counts[token], token))
        room = None if size is None else max(0, size - 2)
        return cls([PADDING, UNKNOWN, *kept[:room]])

    @classmethod
    def count(cls, sequences: Iterable[Iterable[str]]) -> Counter[str]:
        """Counts of all tokens."""
        counts: Counter[str] = Counter()
        for sequence in sequences:
            counts.update(sequence)
        return counts

    def number(self, token: str) -> int:
        """The token's number, that of <unk> when it is not known."""
        return self.index.get(token, 1)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.index
