"""Changes to one example that behaviour tests make: texts are strings, series arrays (time, channels).

Each is a function (example, random numbers) -> example, or None where the example has nothing to change. Those of texts are the
perturbations of CheckList (Ribeiro et al. 2020, section 2); the others say of series what these say of texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Change = Callable[[Any, np.random.Generator], Any]

NEGATED = re.compile(
    r"\b(is|was|are|were|has|have|had|does|did|can|could|will|would)\b(?! not)", re.IGNORECASE
)
PUNCTUATION = ".!?…,;:"
MISSING = 0.1  # share of the steps, or of the words
NOISE = 0.05  # of a channel's own standard deviation in the example


def typo(text: str, draw: np.random.Generator) -> str | None:
    """Two neighbouring letters in a word of four or more change places."""
    places = [
        match.start() + k
        for match in re.finditer(r"[^\W\d_]{4,}", text)
        for k in range(len(match[0]) - 1)
        if text[match.start() + k] != text[match.start() + k + 1]
    ]
    if not places:
        return None
    at = int(draw.choice(places))
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def drop_punctuation(text: str, draw: np.random.Generator) -> str | None:
    """The punctuation at the end goes."""
    bare = text.rstrip(PUNCTUATION + " ")
    return bare if bare and bare != text.rstrip() else None


def drop_words(text: str, draw: np.random.Generator) -> str | None:
    """A tenth of the words is missing, one at least."""
    words = text.split()
    if len(words) < 4:
        return None
    gone = set(draw.permutation(len(words))[: max(1, round(MISSING * len(words)))].tolist())
    return " ".join(word for number, word in enumerate(words) if number not in gone)


def swap_numbers(text: str, draw: np.random.Generator) -> str | None:
    """Every number becomes another of as many digits."""
    if not re.search(r"\d", text):
        return None
    changed = re.sub(r"\d+", lambda match: _other_number(match[0], draw), text)
    return changed


def negate(text: str, draw: np.random.Generator) -> str | None:
    """English: "not" behind the first is, was, are, were, has ... that has none."""
    changed = NEGATED.sub(r"\1 not", text, count=1)
    return None if changed == text else changed


def twice(text: str, draw: np.random.Generator) -> str:
    """The same text two times: twice the length says nothing new."""
    return f"{text} {text}"


def time_shift(series: np.ndarray, draw: np.random.Generator) -> np.ndarray | None:
    """All of it comes one step later; the first value stands twice, the last is gone."""
    return None if len(series) < 3 else np.concatenate([series[:1], series[:-1]])


def missing_steps(series: np.ndarray, draw: np.random.Generator) -> np.ndarray | None:
    """A tenth of the steps is missing: the value before stands in for it."""
    count = len(series)
    if count < 4:
        return None
    gone = draw.permutation(np.arange(1, count))[: max(1, round(MISSING * count))]
    at = np.arange(count)
    at[gone] = 0
    changed: np.ndarray = series[np.maximum.accumulate(at)]
    return None if np.array_equal(changed, series, equal_nan=True) else changed


def noise(series: np.ndarray, draw: np.random.Generator) -> np.ndarray | None:
    """Normal noise of a twentieth of each channel's standard deviation."""
    spread = np.nan_to_num(np.nanstd(series, 0))
    if not spread.any():
        return None
    return series + (NOISE * spread * draw.normal(size=series.shape)).astype(series.dtype)


def shorter(series: np.ndarray, draw: np.random.Generator) -> np.ndarray | None:
    """The first tenth is cut off."""
    cut = max(1, round(MISSING * len(series)))
    return None if len(series) < 4 else series[cut:]


def replacing(words: Mapping[str, str]) -> Change:
    """A change that puts other words in the place of these, as whole words; of two pairs with each other's words both are swapped."""
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words, key=len, reverse=True))
    )

    def replace(text: str, draw: np.random.Generator) -> str | None:
        changed = pattern.sub(lambda match: words[match[0]], text)
        return None if changed == text else changed

    return replace


OF_TEXTS: dict[str, Change] = {
    "typo": typo, "drop_punctuation": drop_punctuation, "drop_words": drop_words, "swap_numbers": swap_numbers, "negate": negate,
    "twice": twice,
}  # fmt: skip
OF_SERIES: dict[str, Change] = {
    "time_shift": time_shift, "missing_steps": missing_steps, "noise": noise, "shorter": shorter,
}  # fmt: skip


def _other_number(number: str, draw: np.random.Generator) -> str:
    """Another number of as many digits, with a first digit that is not 0."""
    while True:
        first, rest = str(draw.integers(1, 10)), "".join(map(str, draw.integers(0, 10, len(number) - 1)))
        if first + rest != number:
            return first + rest
