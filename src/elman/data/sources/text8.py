"""text8: a hundred million characters of Wikipedia, only a to z and the space (Mahoney 2006).

The usual split, 90/5/5 in order. No checksum of the archive is known to Elman: its length and its 27 symbols are checked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.archive import first, is_archive
from elman.data.cache import content_hash, kept
from elman.data.contract import Corpus, Source
from elman.data.download import only_file, read_text, unproven
from elman.data.passage import LONG, long_file
from elman.data.text_file import split

URL = "http://mattmahoney.net/dc/text8.zip"
LENGTH = 100_000_000


def load(options: DataOptions) -> Corpus:
    """The text in order; `path` may name the archive, the text, the start of it, or a folder with one of these alone."""
    with unproven(options.path, URL, "text8.zip", "text8") as path:
        path = only_file(path)
        file = long_file(_unpacked(path) if is_archive(path) else path)
        strange = sorted(set(file.alphabet) - set(ascii_lowercase + " "))
        if strange:
            raise DataError(f"{path} is not text8: it holds {strange[0]!r}; expected a-z and spaces alone.")
        if not options.path and file.characters != LENGTH:
            raise DataError(f"{path} is not text8: {file.characters:,} characters; expected {LENGTH:,}.")
    text = file if file.characters >= LONG else read_text(file.path)
    validation = 0.05 if options.validation_share is None else options.validation_share
    test = 0.05 if options.test_share is None else options.test_share
    shares = replace(options, validation_share=validation, test_share=test)
    return split(text, "text8", shares, licence=source.licence, citation=source.citation)


def _unpacked(archive: Path) -> Path:
    """The text in the archive, unpacked once."""

    def write(target: Path) -> None:
        target.write_bytes(first(archive, "text8"))

    return kept(("text8", content_hash(archive)), ".txt", "text8", write)


source = Source(
    title="text8",
    task="language_modelling",
    load=load,
    licence="from Wikipedia, CC BY-SA",
    citation="Mahoney 2006, Large text compression benchmark",
    url=URL,
    size="100,000,000 characters, 31 MB",
    defaults={"encoding.tokenizer": "characters", "training.epochs": 1.0},
)
