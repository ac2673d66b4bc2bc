"""Running text that comes in three files, for training, validation and test: from an archive, or from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.archive import is_archive, members
from elman.data.contract import Corpus, Provenance, SplitName


def standard_parts(
    path: Path,
    files: Mapping[SplitName, str],
    digests: Mapping[SplitName, str],
    name: str,
    options: DataOptions,
    **facts: str,
) -> Corpus:
    """The corpus in `files` (split: file name), each held against its SHA-256; a training `limit` is in characters.

    Raises DataError for a missing file, for one that is not the known one, and for shares: the split is given.
    """
    if options.validation_share is not None or options.test_share is not None:
        raise DataError(f"{name} comes split, in three files; drop --validation-share and --test-share.")
    found: dict[str, bytes] = {}
    if path.is_dir():
        archives = [one for one in path.iterdir() if is_archive(one)]
        if len(archives) == 1 and not any(file.name in files.values() for file in path.rglob("*")):
            path = archives[0]
    if path.is_dir():
        found = {file.name: file.read_bytes() for file in path.rglob("*") if file.name in files.values()}
    else:
        for member, content in members(path, lambda member: PurePosixPath(member).name in files.values()):
            found[PurePosixPath(member).name] = content
    for split, file in files.items():
        if file not in found:
            raise DataError(f"{path} holds no {file}; expected {', '.join(files.values())}, as {name} has.")
        if hashlib.sha256(found[file]).hexdigest() != digests[split]:
            raise DataError(f"{file} of {path} is not that of {name} (its SHA-256 differs). Get it again.")
    texts = {split: found[file].decode("utf-8") for split, file in files.items()}
    texts["train"] = texts["train"][: options.limit]
    digest = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    rule = "as published: " + ", ".join(f"{len(text):,} {split}" for split, text in texts.items())
    return Corpus(texts, Provenance(name, digest, rule + " characters", **facts))  # type: ignore[arg-type]
