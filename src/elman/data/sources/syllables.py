"""How many syllables has a word? English words with their counts (pysyllables 1.0.3, from the CMU dictionary).

The package's one text file is read as it is and its hash is checked. Dropped: entries that are not words (names of
punctuation, abbreviations with points, hyphenated and numbered forms). Counts of 6 and more are one class. A word and its inflections
share a stem and stay in one split, so that a test word is never a training word with an ending.
"""

from __future__ import annotations

import re

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.contract import LabelledTexts, Provenance, Source
from elman.data.download import local, package_file
from elman.data.splits import split_by_group

SHA256 = "f8f04665147e96cb87d272e464f508b543b80031dfa3b373ccfbdfe2779a3ca6"
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*'?")
MOST = 6
ENDINGS = (
    "'s", "'", "ings", "ing", "edly", "ed", "ers", "er", "est", "ies", "ied", "ier", "iest", "es", "s", "ness", "ly",
    "ments", "ment", "al", "ally", "able", "ation", "ations",
)  # fmt: skip


def stem(word: str) -> str:
    """The word without its inflections, crudely: endings off (longest first, twice), then a final e, y, i and a doubled letter."""
    word = word.replace("'s", "").replace("'", "")
    for _ in range(2):
        for ending in sorted(ENDINGS, key=len, reverse=True):
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word[: -len(ending)]
                break
    word = word.rstrip("eiy") if len(word) > 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def load(options: DataOptions) -> LabelledTexts:
    """Words and their syllable counts "1" ... "6+"; 80/10/10 by a hash of the stem."""
    path = (
        local(options.path)
        if options.path
        else package_file("pysyllables", "syllable-counts.txt", "syllables")
    )
    digest = sha256(path)
    if digest != SHA256:
        raise DataError(
            f"{path} is not the file of pysyllables 1.0.3 (SHA-256 {digest}). pip install pysyllables==1.0.3"
        )
    words, labels, dropped = [], [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, count = line.rpartition(" ")
        if WORD.fullmatch(word):
            words.append(word)
            labels.append(count if int(count) < MOST else f"{MOST}+")
        else:
            dropped += 1
    splits = split_by_group(words, labels, [stem(word) for word in words], 0.1, 0.1)
    rule = "by a hash of the word's stem: 80% train, 10% validation, 10% test"
    notes = (f"{dropped:,} of {dropped + len(words):,} entries are not words and were dropped",)
    classes = tuple(sorted(set(labels)))
    return LabelledTexts(
        splits, classes, Provenance("syllables", digest, rule, notes, source.licence, source.citation)
    )


source = Source(
    title="Syllables of English words",
    task="classification",
    load=load,
    licence="MIT (pysyllables 1.0.3); counts from the CMU Pronouncing Dictionary (BSD-2-Clause)",
    citation="Carnegie Mellon University, The CMU Pronouncing Dictionary",
    size="134,373 lines, 1.4 MB, installed with Elman",
    sha256=SHA256,
    defaults={
        "encoding.tokenizer": "characters",
        "encoding.max_length": 40,
        "model.pooling": "last",
        "model.embedding_size": 32,
        "model.hidden_size": 128,
        "training.batch_size": 128,
        "training.learning_rate": 4e-3,
        "training.epochs": 10.0,
        "training.threads": 1,  # words are short: two threads gain little, and lose much on a busy machine
    },
)
