"""What evaluation knows of tagging: one row for each scored word, sentences in order; sentences are what is drawn anew."""

from __future__ import annotations

from collections import Counter

import numpy as np

from elman.core.results import Metric, Predictions
from elman.data.contract import SplitName, TaggedExamples
from elman.evaluation.classification import confusion
from elman.evaluation.contract import TaggedProblem

PRIMARY = Metric("accuracy", "share of words", higher_is_better=True)
Parts = dict[str, list[tuple[str, np.ndarray]]]  # slice name -> (part, which rows belong to it (n,) bool)


def tag_numbers(problem: TaggedProblem, split: SplitName) -> np.ndarray:
    """Tag number of each scored word (n,) int64."""
    index = {label: number for number, label in enumerate(problem.labels)}
    return np.array([index[tag] for row in problem.splits[split].tags for tag in row if tag], np.int64)


def places(examples: TaggedExamples) -> tuple[np.ndarray, np.ndarray]:
    """Sentence and place in it of each scored word: twice (n,) int64."""
    found = [
        (number, place) for number, row in enumerate(examples.tags) for place, tag in enumerate(row) if tag
    ]
    both = np.array(found, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def scored_words(examples: TaggedExamples) -> list[str]:
    """The scored words themselves, in order."""
    return [word for row in zip(examples.words, examples.tags) for word, tag in zip(*row) if tag]


def in_sentence(examples: TaggedExamples, row: int, around: int = 12) -> str:
    """Scored word number `row` in square brackets, with so many words of its sentence on either side."""
    sentences, within = places(examples)
    words, place = examples.words[sentences[row]], int(within[row])
    first, last = max(0, place - around), place + around + 1
    before, after = " ".join(words[first:place]), " ".join(words[place + 1 : last])
    left, right = "… " * (first > 0), " …" * (last < len(words))
    return f"{left}{before} [{words[place]}] {after}{right}".strip()


def per_tag(predictions: Predictions) -> list[tuple[str, int, float, float, float]]:
    """(tag, words, precision, recall, F1) of every tag that is true or predicted somewhere, most frequent first."""
    matrix = confusion(predictions)
    right, said, true = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    rows = [
        (
            predictions.labels[k],
            int(true[k]),
            float(right[k] / max(1, said[k])),
            float(right[k] / max(1, true[k])),
            float(2 * right[k] / (said[k] + true[k])),
        )
        for k in range(len(matrix))
        if said[k] + true[k]
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def parts(problem: TaggedProblem, split: SplitName) -> Parts:
    """Words that training did not hold, words that have several tags there, position in the sentence, its length."""
    seen: dict[str, Counter[str]] = {}
    for words, tags in zip(problem.splits["train"].words, problem.splits["train"].tags):
        for word, tag in zip(words, tags):
            seen.setdefault(word, Counter()).update([tag] if tag else [])
    kinds = np.array(
        [len(seen[word]) if word in seen else -1 for word in scored_words(problem.splits[split])]
    )
    sentence, at = places(problem.splits[split])
    sizes = np.array(list(map(len, problem.splits[split].words)))[sentence]
    found: Parts = {
        "word": [
            ("in training with one tag", kinds == 1),
            ("in training with several", kinds > 1),
            ("not in training", kinds == -1),
        ],
        "position": [
            ("first word", at == 0),
            ("words 2 to 5", (at > 0) & (at < 5)),
            ("words 6 to 20", (at >= 5) & (at < 20)),
            ("word 21 or later", at >= 20),
        ],
        "sentence length": thirds(sizes, "word"),
    }
    return {name: [(part, mask) for part, mask in masks if mask.any()] for name, masks in found.items()}


def thirds(sizes: np.ndarray, unit: str) -> list[tuple[str, np.ndarray]]:
    """About a third of the rows each by their size (n,), a whole number of `unit`: (name of the part, its rows (n,) bool)."""
    low, high = (int(edge) for edge in np.quantile(sizes, [1 / 3, 2 / 3]))
    between = f"{low + 1} to {high}" if high > low + 1 else f"{high}"
    return [
        (f"up to {low} {unit}{'s' * (low != 1)}", sizes <= low),
        (f"{between} {unit}s", (sizes > low) & (sizes <= high)),
        (f"{high + 1} {unit}s or more", sizes > high),
    ]
