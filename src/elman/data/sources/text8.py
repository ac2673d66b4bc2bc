"""text8: a hundred million characters of Wikipedia, only a to z and the space (Mahoney 2006).

The usual split, 90/5/5 in order. No checksum of the archive is known to Elman: its length and its 27 symbols are checked.
"""

from __future__ import annotations

import re
from dataclasses import replace

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.archive import first, is_archive
from elman.data.contract import Corpus, Source
from elman.data.download import download, local, read_text
from elman.data.text_file import split

URL = "http://mattmahoney.net/dc/text8.zip"
LENGTH = 100_000_000


def load(options: DataOptions) -> Corpus:
    """The text in order; `path` may name the archive, the text, or the start of it."""
    path = local(options.path) if options.path else download(URL, None, "text8.zip", "text8")
    text = first(path, "text8").decode("latin-1") if is_archive(path) else read_text(path)
    strange = re.search("[^a-z ]", text)
    if strange:
        raise DataError(
            f"{path} is not text8: it holds {strange[0]!r} at {strange.start():,}; expected a-z and spaces."
        )
    if not options.path and len(text) != LENGTH:
        raise DataError(
            f"{path} is not text8: {len(text):,} characters; expected {LENGTH:,}. Delete it and try again."
        )
    validation = 0.05 if options.validation_share is None else options.validation_share
    test = 0.05 if options.test_share is None else options.test_share
    shares = replace(options, validation_share=validation, test_share=test)
    return split(text, "text8", shares, licence=source.licence, citation=source.citation)


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
