"""Running text from a file, or from the text files of a folder in alphabetical order."""

from __future__ import annotations

import hashlib
from pathlib import Path

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Corpus, Provenance
from elman.data.download import local, read_text
from elman.data.folder import TEXTS, named_in
from elman.data.passage import LONG, LongFile, long_file, one_file

MOST = 5_000_000  # characters that validation and test hold each, of a long text
LEAST = 1_000  # characters: below this a split holds too little to learn or to measure


def load(options: DataOptions) -> Corpus:
    """A corpus split in order: training text first, then validation, then the last share for testing."""
    path = local(options.path or options.source)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in TEXTS)
        if not files:
            raise DataError(
                f"{path} holds no .txt or .md file. Expected text files, or one folder per class.{named_in(path)}"
            )
        if sum(file.stat().st_size for file in files) >= LONG:
            return split(long_file(one_file(files)), path.name, options)
        return split("\n\n".join(read_text(file) for file in files), path.name, options)
    return split(read(path), path.name, options)


def read(path: Path) -> str | LongFile:
    """A text file; one that is long stays where it is."""
    return long_file(path) if path.stat().st_size >= LONG else read_text(path)


def split(
    text: str | LongFile, name: str, options: DataOptions, *, validation_first: bool = False, **facts: str
) -> Corpus:
    """Cut a text in order; 80/10/10 unless the options say otherwise. Raises DataError for too short a text.

    Of a long text no more than MOST characters are held out for each of validation and test, unless the options say so.
    With `validation_first` the text opens with the validation split, so that training text and test text meet.
    """
    length = len(text) if isinstance(text, str) else text.characters
    if length < LEAST:
        raise DataError(
            f"{name} has {length:,} characters; expected at least {LEAST:,} to train and to measure on."
        )
    share = min(0.1, MOST / length)
    test = options.test_share if options.test_share is not None else share
    validation = options.validation_share if options.validation_share is not None else share
    last, held = int(length * (1 - test)), int(length * validation)
    validated, trained = (
        ((0, held), (held, last)) if validation_first else ((last - held, last), (0, last - held))
    )
    if options.limit is not None:
        trained = (trained[0], min(trained[1], trained[0] + options.limit))
    places = {"train": trained, "validation": validated, "test": (last, length)}
    splits = {
        split: text[slice(*place)] if isinstance(text, str) else text.passage(*place)
        for split, place in places.items()
    }
    order = "validation, train, test" if validation_first else "train, validation, test"
    rule = f"in order ({order}): " + ", ".join(f"{len(part):,} {split}" for split, part in splits.items())
    data_hash = hashlib.sha256(text.encode("utf-8")).hexdigest() if isinstance(text, str) else text.sha256
    provenance = Provenance(Path(name).name, data_hash, rule + " characters", **facts)  # type: ignore[arg-type]
    return Corpus(splits, provenance)  # type: ignore[arg-type]
