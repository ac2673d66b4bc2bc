"""Tokens of a text too long to hold: written to the cache once, then read from the disk as they are asked for."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from elman.core.recipe import EncodingOptions
from elman.data.cache import kept
from elman.data.passage import Passage
from elman.encoding import characters, text, vocabulary
from elman.encoding.text import TextEncoder

# What the numbers depend on beside text and settings: a change of this code is another name in the cache.
CODE = "".join(
    Path(module.__file__ or "").read_text(encoding="utf-8") for module in (characters, text, vocabulary)
)


def stored_encoder(passage: Passage, data_hash: str, options: EncodingOptions) -> TextEncoder:
    """`TextEncoder.fit` on a training text, learned once per text and settings."""

    def write(target: Path) -> None:
        learned = TextEncoder.fit(passage, options).uncut().to_dict()
        target.write_text(json.dumps(learned), encoding="utf-8")

    path = kept((data_hash, _place(passage), repr(asdict(options)), CODE), ".json", "the vocabulary", write)
    return TextEncoder.from_dict(json.loads(path.read_text(encoding="utf-8")))


def stored_tokens(encoder: TextEncoder, passage: Passage, data_hash: str) -> np.ndarray:
    """Token numbers (tokens,) of the smallest integer type that holds them, memory-mapped; written once."""
    kind = np.min_scalar_type(max(0, len(encoder.vocabulary) - 1))
    kind = np.dtype(np.int32) if kind.itemsize > 2 else kind

    def write(target: Path) -> None:
        with open(target, "wb") as out:
            for piece in passage:
                encoder.encode(piece).astype(kind).tofile(out)

    parts = (data_hash, _place(passage), json.dumps(encoder.to_dict()), kind.str, CODE)
    return np.memmap(kept(parts, ".tokens", "the tokens", write), kind, "r")


def _place(passage: Passage) -> str:
    return f"{passage.start}:{passage.stop}"
