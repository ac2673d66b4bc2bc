"""Logistic regression on a word, its letters and its neighbours, two on either side."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName, TaggedExamples
from elman.evaluation.contract import Predictor, TaggedProblem
from elman.evaluation.tagging import tag_numbers

TASKS = ("tagging",)
REACH, AFFIXES = 2, 4


def fit(problem: TaggedProblem, seconds: float) -> Predictor:
    """The features of Ratnaparkhi (1996) but the tags before: averaged stochastic gradient, one class against the rest."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    hasher = FeatureHasher(2**20, input_type="string", alternate_sign=False)
    train, numbers = problem.splits["train"], tag_numbers(problem, "train")
    most = int(seconds * 2_000)  # words: a time limit by construction
    model = SGDClassifier("log_loss", alpha=1e-6, max_iter=8, tol=None, average=True, random_state=0)
    model.fit(hasher.transform(features(train, most)), numbers[:most])

    def predict(split: SplitName) -> Predictions:
        outputs = np.zeros((len(tag_numbers(problem, split)), len(problem.labels)))
        outputs[:, model.classes_] = model.predict_proba(hasher.transform(features(problem.splits[split])))
        return Predictions("classes", outputs, tag_numbers(problem, split), problem.labels)

    return predict


def features(examples: TaggedExamples, most: int | None = None) -> Iterator[list[str]]:
    """The names of what holds of each scored word, of the first `most`."""
    count = 0
    for words, tags in zip(examples.words, examples.tags):
        small = [word.lower() for word in words]
        around = [*["<"] * REACH, *small, *[">"] * REACH]
        for place, tag in enumerate(tags):
            if not tag:
                continue
            if count == most:
                return
            count += 1
            yield _features(words[place], small[place], around[place : place + 2 * REACH + 1])


def _features(word: str, small: str, near: list[str]) -> list[str]:
    found = ["", f"w={word}", *(f"{offset}={other}" for offset, other in enumerate(near))]
    found += [f"b={small[:size]}" for size in range(1, AFFIXES + 1)]
    found += [f"e={small[-size:]}" for size in range(1, AFFIXES + 1)]
    found += [f"{offset}e={near[offset][-3:]}" for offset in (REACH - 1, REACH + 1)]
    found += [f"p={near[REACH - 1]} {small}", f"n={small} {near[REACH + 1]}"]
    found += [name for name, form in SIGNS if re.search(form, word)]
    return [*found, f"first={near[REACH - 1] == '<'} {word[:1].isupper()}"]


SIGNS = (
    ("capital", "^[A-Z]"),
    ("capitals", "^[A-Z]+$"),
    ("digit", r"\d"),
    ("hyphen", "-"),
    ("mark", r"^\W+$"),
)
