"""IMDB: 50,000 film reviews, positive or negative; 25,000 to train, 25,000 to test (Maas et al. 2011).

Read straight from the archive (nothing is unpacked), from a folder in the archive's layout, or from a folder that holds archives.
10% of the training half validates, by a hash of the text, so that equal texts stay together. The unlabelled reviews come along
when they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import md5
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np
import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.archive import members
from elman.data.cache import prepared
from elman.data.contract import Examples, LabelledTexts, Provenance, Source, SplitName
from elman.data.download import download, local
from elman.data.splits import hash_texts, pick, share
from elman.data.stored_texts import StoredTexts

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
MD5 = "md5:7c2ac02c03563afcf9b574c7e56c153a"


def load(options: DataOptions) -> LabelledTexts:
    """Reviews with the labels "negative" and "positive"."""
    path = local(options.path) if options.path else download(URL, MD5, "aclImdb_v1.tar.gz", "IMDB")
    frame, reviews = _read(path)
    counts = {split: int((frame["split"] == split).sum()) for split in ("train", "test")}
    if not all(counts.values()):
        raise DataError(
            f"{path} is not the IMDB set: {counts['train']:,} training and {counts['test']:,} test reviews found; expected aclImdb/train/pos/*.txt and so on."
        )
    known = (frame["label"] != "unsup").to_numpy()
    labels, sides = (frame[name].filter(known).to_list() for name in ("label", "split"))
    texts, unlabelled = _taken(reviews, known), _taken(reviews, ~known)
    part = options.validation_share if options.validation_share is not None else 0.1
    validating = np.array([share(text) < part for text in texts])
    train = np.array(sides) == "train"
    rows = {"train": train & ~validating, "validation": train & validating, "test": ~train}
    if part == 0:
        rows["validation"] = train
    splits = {name: pick(texts, labels, np.flatnonzero(mask)) for name, mask in rows.items()}
    if options.limit:
        order = np.random.default_rng(0).permutation(len(splits["train"]))[: options.limit]
        splits["train"] = pick(splits["train"].texts, splits["train"].targets, np.sort(order))
    digests = np.array(
        [md5(text.encode("utf-8")).digest() for text in texts]
    )  # the texts themselves are not held
    seen, test = set(digests[train].tolist()), digests[~train].tolist()
    both = sum(digest in seen for digest in test)
    notes = (
        f"{len(texts) - len(set(digests.tolist())):,} exact duplicates among {len(texts):,} labelled reviews",
        f"{both:,} test reviews also stand in the training half (the official split is kept)",
    )
    rule = f"official 25,000 / 25,000; {part:.0%} of the training half by hash of the text to validate"
    provenance = Provenance("imdb", hash_texts(texts, labels), rule, notes, source.licence, source.citation)
    return LabelledTexts(
        cast(dict[SplitName, Examples], splits), ("negative", "positive"), provenance, unlabelled
    )


def _read(path: Path) -> tuple[pl.DataFrame, Sequence[str]]:
    """split and label of every review, in a fixed order, and their texts; archives are decoded once and cached by content."""
    archives = [path] if path.is_file() else sorted(path.glob("*.tar.*"))
    if not archives:
        frame = _frame(_from_folder(path))
        return frame, frame["text"].to_list()
    found = [prepared(archive, "IMDB", _unpacked) for archive in archives]
    return pl.concat([frame for frame, _ in found]), StoredTexts.joined([texts for _, texts in found])


def _taken(texts: Sequence[str], mask: np.ndarray) -> Sequence[str]:
    return pick(texts, range(len(texts)), np.flatnonzero(mask)).texts


def _unpacked(archive: Path) -> pl.DataFrame:
    return _frame(_from_archive(archive))


def _frame(reviews: Iterator[tuple[str, str, int, str]]) -> pl.DataFrame:
    names = {"pos": "positive", "neg": "negative", "unsup": "unsup"}
    rows = sorted(
        (split, names[kind], number, text) for split, kind, number, text in reviews if kind in names
    )
    schema = {"split": pl.String, "label": pl.String, "number": pl.Int64, "text": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _place(parts: tuple[str, ...]) -> tuple[str, str, int] | None:
    """(split, kind, number) of .../train/pos/12_8.txt, or None for anything else."""
    if len(parts) < 3 or not parts[-1].endswith(".txt") or parts[-3] not in ("train", "test"):
        return None
    number = parts[-1].partition("_")[0]
    return (parts[-3], parts[-2], int(number)) if number.isdigit() else None


def _from_archive(path: Path) -> Iterator[tuple[str, str, int, str]]:
    try:
        for name, content in members(path, lambda name: _place(PurePosixPath(name).parts) is not None):
            split, kind, number = cast(tuple[str, str, int], _place(PurePosixPath(name).parts))
            yield split, kind, number, content.decode("utf-8")
    except (DataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as the IMDB archive: {error} It is at {URL}") from None


def _from_folder(path: Path) -> Iterator[tuple[str, str, int, str]]:
    for file in path.rglob("*.txt"):
        place = _place(file.parts)
        if place:
            yield (*place, file.read_text(encoding="utf-8"))


source = Source(
    title="IMDB film reviews",
    task="classification",
    load=load,
    licence="research use; no redistribution grant",
    citation="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis, ACL",
    url=URL,
    size="84 MB; 25,000 + 25,000 labelled, 50,000 unlabelled reviews",
    sha256=MD5,
    # Measured: bench/RESULTS.md. Words and pairs enter the recurrence weighted by log-count ratios; a small state and much dropout won.
    defaults={
        "encoding.tokenizer": "words",
        "encoding.lowercase": True,
        "encoding.vocabulary_size": 30_000,
        "encoding.max_length": 400,
        "encoding.keep": "both",
        "encoding.bigrams": 3,
        "encoding.log_count_ratios": True,
        "model.cell": "mingru",
        "model.hidden_size": 32,
        "model.embedding_size": 32,
        "model.bidirectional": True,
        "model.pooling": "mean_max",
        "model.dropout": 0.5,
        "model.embedding_dropout": 0.3,
        "model.token_dropout": 0.1,
        "training.batch_size": 64,
        "training.learning_rate": 3e-3,
        "training.schedule": "cosine",
        "training.threads": 1,
        "training.epochs": 3.0,
        "training.validations": 6,
        "data.validation_share": 0.05,
    },
)
