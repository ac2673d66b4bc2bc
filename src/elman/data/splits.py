"""Splits that keep what belongs together on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from elman.data.contract import Examples, SplitName
from elman.data.stored_texts import StoredTexts


def share(key: str, salt: str = "elman") -> float:
    """A number in [0, 1) that depends on `key` alone: the same on every machine, in every order of the data."""
    digest = hashlib.blake2b(f"{salt}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def split_by_group(
    texts: Sequence[str], targets: Sequence[object], groups: Sequence[str], validation: float, test: float
) -> dict[SplitName, Examples]:
    """Hash each group to train, validation or test, so that members of a group never part."""
    places = np.array([share(group) for group in groups])
    masks = {
        "train": places >= validation + test,
        "validation": (places >= test) & (places < validation + test),
        "test": places < test,
    }
    return {name: pick(texts, targets, np.flatnonzero(mask)) for name, mask in masks.items()}  # type: ignore[misc]


def stratified(texts: Sequence[str], targets: Sequence[object]) -> np.ndarray:
    """Places in [0, 1), as of `share`, spread evenly over every class: a cut takes the same part of each.

    A text that comes twice has one place, also where its targets differ.
    """
    first: dict[str, object] = {}
    for text, target in zip(texts, targets):
        first.setdefault(text, target)
    classes: dict[object, list[str]] = {}
    for text, target in first.items():
        classes.setdefault(target, []).append(text)
    places = {}
    for members in classes.values():
        for rank, text in enumerate(sorted(members, key=share)):
            places[text] = (rank + 0.5) / len(members)
    return np.array([places[text] for text in texts])


def across(parts: Sequence[Sequence[str]], last: Sequence[str]) -> int:
    """How many of `last` also stand in one of `parts`."""
    seen = set().union(*parts)
    return sum(text in seen for text in last)


def pick(texts: Sequence[str], targets: Sequence[object], rows: np.ndarray) -> Examples:
    """The examples in these rows; texts that lie in a file stay there."""
    chosen = texts.take(rows) if isinstance(texts, StoredTexts) else [texts[row] for row in rows]
    return Examples(chosen, [targets[row] for row in rows])  # type: ignore[misc]


def hash_texts(*parts: Iterable[object]) -> str:
    """SHA-256 over texts and labels in order."""
    digest = hashlib.sha256()
    for part in parts:
        for item in part:
            digest.update(str(item).encode("utf-8", "surrogatepass"))
            digest.update(b"\x00")
    return digest.hexdigest()
