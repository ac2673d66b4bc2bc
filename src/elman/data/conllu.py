"""Sentences with a tag for each word, from CoNLL-U files (Universal Dependencies): a file, or a folder of them.

A line is a word with ten columns, separated by tabs; a blank line ends a sentence and `#` opens a comment. A range such as
`1-2` writes two words as one ("don't"), and a number such as `8.1` is a word that was left out of the text: neither is a word of the
sentence, so both are passed over. `_` as a tag means that none was given; that word is read and not scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Provenance, SplitName, TaggedExamples, TaggedTexts
from elman.data.download import local, read_text
from elman.data.splits import across, hash_texts, share

COLUMNS = {"upos": 3, "xpos": 4}
PARTS: dict[str, SplitName] = {
    "train": "train", "dev": "validation", "valid": "validation", "validation": "validation", "test": "test"
}  # fmt: skip
PART = re.compile(rf"(?:^|[-_.])({'|'.join(PARTS)})$")
WORD, RANGE, EMPTY = (re.compile(form) for form in (r"[1-9]\d*", r"[1-9]\d*-[1-9]\d*", r"\d+\.[1-9]\d*"))
# What suits words of a natural language: their neighbours on both sides, and words that training did not hold.
DEFAULTS: Mapping[str, object] = {
    "model.bidirectional": True, "model.dropout": 0.3, "model.token_dropout": 0.1,
}  # fmt: skip


def is_conllu(path: Path) -> bool:
    """Whether this is a CoNLL-U file, or a folder that holds one."""
    return any(path.glob("*.conllu")) if path.is_dir() else path.suffix.lower() == ".conllu"


def parse(text: str, name: str, column: str = "upos") -> TaggedExamples:
    """The sentences of one file. Raises DataError with file and line for what is no CoNLL-U."""
    sentences: list[list[str]] = []
    tags: list[list[str]] = []
    words: list[str] = []
    marks: list[str] = []
    at = COLUMNS[column]
    for number, line in enumerate([*text.split("\n"), ""], 1):
        line = line.removesuffix("\r")
        if not line.strip():
            if words:
                sentences.append(words)
                tags.append(marks)
                words, marks = [], []
            continue
        if line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) != 10:
            raise DataError(
                f"{name}, line {number}: {len(cells)} column{'s' * (len(cells) != 1)}, expected 10 with a tab between each two (ID, FORM, LEMMA, UPOS, "
                f"XPOS, ...). The line is {line[:60]!r}."
            )
        if RANGE.fullmatch(cells[0]) or EMPTY.fullmatch(cells[0]):
            continue
        if not WORD.fullmatch(cells[0]):
            raise DataError(
                f"{name}, line {number}: the ID is {cells[0]!r}; expected a number, a range (1-2) or an empty node (1.1)."
            )
        if int(cells[0]) != len(words) + 1:
            raise DataError(
                f"{name}, line {number}: word {cells[0]} comes where word {len(words) + 1} should. A blank line ends a sentence; "
                "is one missing, or a word?"
            )
        if not cells[1] or not cells[at]:
            empty = "FORM" if not cells[1] else column.upper()
            raise DataError(
                f"{name}, line {number}: column {empty} is empty. CoNLL-U writes _ for what is not given."
            )
        words.append(cells[1])
        marks.append("" if cells[at] == "_" else cells[at])
    if not sentences:
        raise DataError(
            f"{name} holds no sentence. Expected CoNLL-U: a word a line, a blank line after a sentence."
        )
    return TaggedExamples(sentences, tags)


def load(options: DataOptions) -> TaggedTexts:
    """A user's own file, split by sentence, or folder, with the split that its files name (-ud-train, -dev, -test)."""
    path, column = local(options.path or options.source), column_of(options)
    files = sorted(path.glob("*.conllu")) if path.is_dir() else [path]
    parsed = {file: parse(read_text(file), str(file), column) for file in files}
    named = {file: PARTS[match[1]] for file in files if (match := PART.search(file.stem.lower()))}
    if {"train", "test"} <= set(named.values()):
        parts: dict[SplitName, list[TaggedExamples]] = {}
        for file, split in named.items():
            parts.setdefault(split, []).append(parsed[file])
        notes = [
            f"{file.name} is in no split by its name and was left out" for file in files if file not in named
        ]
        return given({split: join(part) for split, part in parts.items()}, path.name, options, column, notes)
    return by_sentence(join(list(parsed.values())), path.name, options, column)


def column_of(options: DataOptions) -> str:
    """Which column holds the tags; DataError for one that does not."""
    column = (options.label or "upos").lower()
    if column not in COLUMNS:
        raise DataError(f"CoNLL-U has no tags {options.label!r}; expected --label upos or --label xpos.")
    return column


def join(parts: Sequence[TaggedExamples]) -> TaggedExamples:
    """The sentences of all parts, in order."""
    return TaggedExamples(
        [row for part in parts for row in part.words], [row for part in parts for row in part.tags]
    )


def given(
    splits: Mapping[SplitName, TaggedExamples], name: str, options: DataOptions, column: str, notes: Sequence[str] = (),
    **facts: str,
) -> TaggedTexts:  # fmt: skip
    """A data set that brings its split; without a validation part, a tenth of the training sentences by hash.

    Raises DataError for shares that would make another split.
    """
    if options.test_share is not None or ("validation" in splits and options.validation_share is not None):
        raise DataError(f"{name} comes split, in files; drop --validation-share and --test-share.")
    rule, parts = "as its files say", dict(splits)
    if "validation" not in parts:
        held = options.validation_share if options.validation_share is not None else 0.1
        train = parts["train"]
        places = np.array([share(text) for text in texts(train)])
        parts["validation"] = pick(train, np.flatnonzero(places < held))
        parts["train"] = pick(train, np.flatnonzero(places >= held))
        rule += f"; {held:.0%} of train by hash to validate"
    return tagged(parts, name, options, column, rule, notes, **facts)


def by_sentence(every: TaggedExamples, name: str, options: DataOptions, column: str) -> TaggedTexts:
    """Split by a hash of the sentence: equal sentences stay together, whatever their order."""
    validation = options.validation_share if options.validation_share is not None else 0.1
    test = options.test_share if options.test_share is not None else 0.2
    places = np.array([share(text) for text in texts(every)])
    masks: dict[SplitName, np.ndarray] = {
        "train": places >= validation + test,
        "validation": (places >= test) & (places < validation + test),
        "test": places < test,
    }
    rule = f"by hash of the sentence: {1 - validation - test:.0%} train, {validation:.0%} validation, {test:.0%} test"
    parts = {split: pick(every, np.flatnonzero(mask)) for split, mask in masks.items()}
    return tagged(parts, name, options, column, rule)


def tagged(
    parts: Mapping[SplitName, TaggedExamples], name: str, options: DataOptions, column: str, rule: str,
    notes: Sequence[str] = (), **facts: str,
) -> TaggedTexts:  # fmt: skip
    """The data set with its tags, its hash and what was noticed. Raises DataError where no word has a tag."""
    splits: dict[SplitName, TaggedExamples] = {
        split: parts[split] for split in ("train", "validation", "test")
    }
    digest = hash_texts(
        *(map("\t".join, rows) for part in splits.values() for rows in (part.words, part.tags))
    )
    labels = sorted({tag for part in splits.values() for row in part.tags for tag in row} - {""})
    if not labels:
        raise DataError(
            f"no word of {name} has a tag in column {column.upper()}. Try the other one of --label upos, xpos."
        )
    notes = [*notes]
    missing = sum(tag == "" for part in splits.values() for row in part.tags for tag in row)
    if missing:
        notes.append(f"{missing:,} words have no tag (_): they are read and not scored")
    lines = {split: texts(part) for split, part in splits.items()}
    for split, before in (("validation", ["train"]), ("test", ["train", "validation"])):
        both = across([lines[part] for part in before], lines[split])  # type: ignore[index]
        if both:
            notes.append(f"{both:,} sentences of the {split} split also stand in {' or '.join(before)}")
    sizes = ", ".join(f"{len(part):,} {split}" for split, part in splits.items())
    if options.limit:
        rows = np.sort(np.random.default_rng(0).permutation(len(splits["train"]))[: options.limit])
        splits["train"] = pick(splits["train"], rows)
    provenance = Provenance(name, digest, f"{rule}: {sizes}", tuple(notes), **facts)  # type: ignore[arg-type]
    return TaggedTexts(splits, tuple(labels), provenance)


def texts(examples: TaggedExamples) -> list[str]:
    """Every sentence as one text."""
    return [" ".join(words) for words in examples.words]


def pick(examples: TaggedExamples, rows: np.ndarray) -> TaggedExamples:
    """The sentences in these rows."""
    return TaggedExamples([examples.words[row] for row in rows], [examples.tags[row] for row in rows])
