"""What is in a data set, before any training: sizes, balance, lengths, words never seen, gaps, suspicious values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from elman.data import profile_series
from elman.data.contract import Corpus, Dataset, LabelledSeries, LabelledTexts, TaggedTexts
from elman.data.counted import MOST_CLASSES, Lines, balance, copies, histogram, spread
from elman.data.passage import opening

WORD = re.compile(r"\w+|[^\w\s]")
SAMPLE = 5_000  # texts whose words are counted, per split
CHARACTERS = 5_000_000  # of running text whose words are counted
LINE = 30  # characters from which on a line that comes twice is a copy


def profile(dataset: Dataset) -> Lines:
    """Lines for a person, most important first."""
    if isinstance(dataset, Corpus):
        lines = _corpus(dataset)
    elif isinstance(dataset, TaggedTexts):
        lines = _tagged(dataset)
    elif isinstance(dataset, LabelledSeries):
        lines = profile_series.labelled(dataset)
    else:
        lines = _texts(dataset) if isinstance(dataset, LabelledTexts) else profile_series.regular(dataset)
    chance = dataset.provenance.chance
    return [*lines, ("chance", f"on the test split: {chance}")] if chance else lines


def _texts(dataset: LabelledTexts) -> Lines:
    lines: Lines = []
    single = max(len(WORD.findall(text)) for text in dataset.splits["train"].texts[:1000]) <= 5
    words = {
        split: [WORD.findall(text) for text in _some(one.texts)] for split, one in dataset.splits.items()
    }
    for split, examples in dataset.splits.items():
        sizes = [len(text) for text in _some(examples.texts)] if single else list(map(len, words[split]))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        lines.append(
            (
                split,
                f"{len(examples):,} texts; {'characters' if single else 'words'}: {low:.0f} to {high:.0f} (90%), "
                f"median {middle:.0f}, longest {most:,.0f}{_looked_at(examples.texts)}",
            )
        )
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        lines.append(("", balance(examples, dataset.labels)))
    if dataset.unlabelled:
        lines.append(
            ("unlabelled", f"{len(dataset.unlabelled):,} texts without a label, not used in training")
        )
    train = dataset.splits["train"]
    if not single:
        lines.append(("words", _unknown(words["train"], words["test"]) + _looked_at(train.texts)))
    lines += [("duplicates", _duplicates(dataset))]
    blank = sum(not text.strip() for examples in dataset.splits.values() for text in examples.texts)
    if blank:
        lines.append(("empty", f"{blank:,} texts are empty"))
    return lines + [
        ("example", f"{train.targets[row]}: {train.texts[row][:70]!r}") for row in spread(len(train), 3)
    ]


def _tagged(dataset: TaggedTexts) -> Lines:
    lines: Lines = []
    for split, examples in dataset.splits.items():
        sizes = list(map(len, examples.words))
        low, middle, high, most = np.percentile(sizes, [5, 50, 95, 100])
        said = f"{len(examples):,} sentences of {low:.0f} to {high:.0f} words (90%), median {middle:.0f}, longest {most:,.0f}; "
        lines.append((split, f"{said}{sum(sizes):,} words"))
        if split == "train":
            lines.append(("", f"lengths {histogram(sizes)}"))
        counts = Counter(tag for tags in examples.tags for tag in tags)
        total, unscored = sum(counts.values()) - counts[""], counts.pop("", 0)
        shown = ", ".join(
            f"{tag} {count / max(1, total):.1%}" for tag, count in counts.most_common(MOST_CLASSES)
        )
        more = f" and {len(counts) - MOST_CLASSES} more tags" if len(counts) > MOST_CLASSES else ""
        lines.append(("", shown + more + (f"; {unscored:,} words are not scored" if unscored else "")))
    train = dataset.splits["train"]
    kinds: dict[str, set[str]] = {}
    for words, tags in zip(train.words, train.tags):
        for word, tag in zip(words, tags):
            if tag:
                kinds.setdefault(word, set()).add(tag)
    several = sum(len(kinds.get(word, ())) > 1 for words in train.words for word in words)
    share = several / max(1, sum(map(len, train.words)))
    lines.append(("words", _unknown(train.words, dataset.splits["test"].words)))
    lines.append(("tags", f"{share:.1%} of the training words are of a form that has several tags"))
    keys = {
        split: ([tuple(one) for one in examples.words], [tuple(one) for one in examples.tags])
        for split, examples in dataset.splits.items()
    }
    lines.append(("duplicates", copies(keys, "sentences")[0]))
    pairs = [list(zip(train.words[row], train.tags[row]))[:12] for row in spread(len(train), 3)]
    return lines + [("example", " ".join(f"{word}/{tag or '-'}" for word, tag in one)) for one in pairs]


def _some(texts: Sequence[str]) -> list[str]:
    return [texts[row] for row in spread(len(texts), min(SAMPLE, len(texts)))]


def _looked_at(texts: Sequence[str]) -> str:
    """What a number is about, where it is not about all texts: the longest of some need not be the longest of all."""
    return f" (of {SAMPLE:,} of them, evenly spread)" if len(texts) > SAMPLE else ""


def _unknown(train: Iterable[Sequence[str]], test: Iterable[Sequence[str]]) -> str:
    known = Counter(word.lower() for words in train for word in words)
    seen = [word.lower() for words in test for word in words]
    share = sum(word not in known for word in seen) / max(1, len(seen))
    once = sum(count == 1 for count in known.values()) / max(1, len(known))
    return f"{len(known):,} different in training, {once:.0%} of them once only; {share:.1%} of the test's words are not among them"


def _duplicates(dataset: LabelledTexts) -> str:
    text, different, across = copies(
        {split: (examples.texts, examples.targets) for split, examples in dataset.splits.items()}, "texts"
    )
    near: dict[str, set[str]] = {}
    for split, examples in dataset.splits.items():
        for one in examples.texts:
            near.setdefault(" ".join(one.lower().split()), set()).add(split)
    alike = different - len(near)
    if alike:
        both = sum(len(one) > 1 for one in near.values()) - across
        text += f"; {alike:,} more differ in capitals or spaces alone, {max(0, both):,} of them across splits"
    return text


def _corpus(dataset: Corpus) -> Lines:
    lines: Lines = []
    looked = {split: opening(text, CHARACTERS) for split, text in dataset.splits.items()}
    for split, text in dataset.splits.items():
        part = looked[split]
        counted = (
            f"{len(set(part)):,} different; {len(part.split()):,} words, {part.count(chr(10)) + 1:,} lines"
        )
        most = f" in the first {CHARACTERS:,}" if len(text) > CHARACTERS else ""
        lines.append((split, f"{len(text):,} characters, {counted}{most}"))
    train, test = looked["train"], looked["test"]
    new = sorted(set(test) - set(train))
    lines.append(
        (
            "characters",
            f"{len(new)} of the test split are never seen in training"
            + (f": {''.join(new[:20])!r}" if new else ""),
        )
    )
    lines.append(("words", _unknown([WORD.findall(train)], [WORD.findall(test)])))
    rows = {split: [one for one in part.splitlines() if len(one) >= LINE] for split, part in looked.items()}
    if rows["train"]:
        sizes = list(map(len, train.splitlines()))
        lines.append(("lines", f"characters {histogram(sizes)}"))
        again, known = len(rows["train"]) - len(set(rows["train"])), set(rows["train"])
        both = sum(one in known for one in rows["test"])
        lines.append(
            (
                "duplicates",
                f"{again:,} of {len(rows['train']):,} training lines of {LINE} characters or more repeat another; "
                f"{both:,} of {len(rows['test']):,} such lines of the test split stand in training",
            )
        )
    return [*lines, ("example", repr(train[:70]))]
