"""The tag that each word has most often in training; to a word it did not hold, that of words seen once."""

from __future__ import annotations

from collections import Counter

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Predictor, TaggedProblem
from elman.evaluation.tagging import scored_words, tag_numbers

TASKS = ("tagging",)


def fit(problem: TaggedProblem, seconds: float) -> Predictor:
    """Count tags by word as written; probabilities are shares, with one observation of the whole added to each word.

    What is seen once stands for what is not seen at all (Baayen and Sproat 1996).
    """
    numbers, labels = tag_numbers(problem, "train"), len(problem.labels)
    words = scored_words(problem.splits["train"])
    times = Counter(words)
    counts: dict[str, np.ndarray] = {}
    for word, number in zip(words, numbers.tolist()):
        counts.setdefault(word, np.zeros(labels))[number] += 1
    whole = np.bincount(numbers, minlength=labels) / len(numbers)
    once = sum((counts[word] for word, count in times.items() if count == 1), np.zeros(labels))
    unknown = (once + whole) / (once.sum() + 1)

    def predict(split: SplitName) -> Predictions:
        found = [counts.get(word) for word in scored_words(problem.splits[split])]
        outputs = np.array(
            [unknown if own is None else (own + 1e-3 * whole) / (own.sum() + 1e-3) for own in found]
        )
        return Predictions("classes", outputs, tag_numbers(problem, split), problem.labels)

    return predict
