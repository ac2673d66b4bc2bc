"""Running text from a file, or from the text files of a folder in alphabetical order."""

from __future__ import annotations

import hashlib
from pathlib import Path

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Provenance
from elman.data.download import local, read_text

LEAST = 1_000  # characters: below this a split holds too little to learn or to measure


def load(options: DataOptions) -> Corpus:
    """A corpus split in order: training text first, then validation, then the last share for testing."""
    path = local(options.path or options.source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".txt", ".md", ".text"))
        if not files:
            raise DataError(
                f"{path} holds no .txt or .md file. Expected text files, or one folder per class."
            )
        text = "\n\n".join(read_text(file) for file in files)
    else:
        text = read_text(path)
    return split(text, path.name, options)


def split(
    text: str, name: str, options: DataOptions, *, validation_first: bool = False, **facts: str
) -> Corpus:
    """Cut a text in order; 80/10/10 unless the options say otherwise. Raises DataError for too short a text.

    With `validation_first` the text opens with the validation split, so that training text and test text meet.
    """
    if len(text) < LEAST:
        raise DataError(
            f"{name} has {len(text):,} characters; expected at least {LEAST:,} to train and to measure on."
        )
    test = options.test_share if options.test_share is not None else 0.1
    validation = options.validation_share if options.validation_share is not None else 0.1
    last, held = int(len(text) * (1 - test)), int(len(text) * validation)
    parts = (
        [text[:held], text[held:last]]
        if validation_first
        else [text[last - held : last], text[: last - held]]
    )
    splits = {"train": parts[1][: options.limit], "validation": parts[0], "test": text[last:]}
    order = "validation, train, test" if validation_first else "train, validation, test"
    rule = f"in order ({order}): " + ", ".join(f"{len(part):,} {split}" for split, part in splits.items())
    data_hash = hashlib.sha256(text.encode("utf-8")).hexdigest()
    provenance = Provenance(Path(name).name, data_hash, rule + " characters", **facts)  # type: ignore[arg-type]
    return Corpus(splits, provenance)  # type: ignore[arg-type]
