"""The primary metric on parts of the data: by length, class, rarity, step ahead, series."""

from __future__ import annotations

from collections import Counter

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import (
    LabelledProblem,
    MultiLabelProblem,
    Problem,
    SeriesProblem,
    TaggedProblem,
    TextProblem,
    TokenProblem,
    ValueProblem,
)
from elman.evaluation.measure import errors, from_errors
from elman.evaluation.multilabel import label_matrix
from elman.evaluation.tagging import parts as tagged_parts
from elman.evaluation.tagging import thirds
from elman.evaluation.texts import class_numbers

Rows = tuple[tuple[str, int, float], ...]  # name of the part, examples in it, primary metric


def slices(predictions: Predictions, problem: Problem, split: SplitName) -> dict[str, Rows]:
    """Parts by what can be told apart in this problem."""
    each = errors(predictions, problem)
    if isinstance(problem, SeriesProblem):
        return _series(predictions, problem)
    if isinstance(problem, TokenProblem):
        counts = problem.training_counts()[predictions.targets]
        edges = [
            (0, 100, "seen under 100 times"),
            (100, 10_000, "100 to 9,999 times"),
            (10_000, 1 << 60, "10,000 times or more"),
        ]
        return {
            "token frequency": tuple(
                _part(n, each, (counts >= a) & (counts < b), problem)
                for a, b, n in edges
                if ((counts >= a) & (counts < b)).any()
            )
        }
    if isinstance(problem, TaggedProblem):
        return {
            name: tuple(_part(part, each, mask, problem) for part, mask in masks)
            for name, masks in tagged_parts(problem, split).items()
        }
    assert isinstance(problem, LabelledProblem)
    lengths, unit = _lengths(problem, split)
    parts = {
        "length": tuple(
            _part(name, each, mask, problem) for name, mask in thirds(lengths, unit) if mask.any()
        )
    }
    if isinstance(problem, MultiLabelProblem):
        counts = label_matrix(problem, split).sum(1)
        sizes = [
            ("no label", counts == 0),
            ("1 label", counts == 1),
            ("2 labels", counts == 2),
            ("3 or more", counts > 2),
        ]
        parts["labels"] = tuple(_part(name, each, mask, problem) for name, mask in sizes if mask.any())
    elif problem.labels is not None:
        targets = class_numbers(problem, split)
        parts["class"] = tuple(
            _part(label, each, targets == number, problem)
            for number, label in enumerate(problem.labels)
            if (targets == number).any()
        )
    if isinstance(problem, TextProblem) and not problem.characters:
        parts["rare words"] = _rare(each, problem, split)
    if isinstance(problem, ValueProblem):
        gaps = np.array([np.isnan(values).any() for values in problem.splits[split].values])
        if gaps.any() and not gaps.all():
            parts["missing values"] = tuple(
                _part(name, each, mask, problem) for name, mask in (("none", ~gaps), ("some", gaps))
            )
    return parts


def _lengths(problem: LabelledProblem, split: SplitName) -> tuple[np.ndarray, str]:
    """Length of each example (n,), and what it is counted in."""
    if isinstance(problem, ValueProblem):
        return np.array([len(values) for values in problem.splits[split].values]), "step"
    assert isinstance(problem, TextProblem)
    texts = problem.splits[split].texts
    if problem.characters:
        return np.array([len(text) for text in texts]), "character"
    return np.array([text.count(" ") + 1 for text in texts]), "word"


def _part(name: str, each: np.ndarray, mask: np.ndarray, problem: Problem) -> tuple[str, int, float]:
    return name, int(mask.sum()), float(from_errors(float(np.nanmean(each[mask])), problem))


def _rare(each: np.ndarray, problem: TextProblem, split: SplitName) -> Rows:
    """Halves of the split by the share of words that training texts hold fewer than five times."""
    counts = Counter(word for text in problem.splits["train"].texts for word in text.lower().split())
    shares = np.array(
        [
            np.mean([counts[word] < 5 for word in text.lower().split()] or [False])
            for text in problem.splits[split].texts
        ]
    )
    middle = np.median(shares)
    halves = (
        (f"up to {middle:.1%} rare", shares <= middle),
        (f"over {middle:.1%} rare", shares > middle),
    )
    return tuple(_part(name, each, mask, problem) for name, mask in halves if mask.any())


def _series(predictions: Predictions, problem: SeriesProblem) -> dict[str, Rows]:
    scaled = ((predictions.outputs - predictions.targets) / problem.std) ** 2
    horizon, parts = problem.horizon, {}
    if horizon > 1:
        cuts = np.unique(np.linspace(0, horizon, min(4, horizon) + 1).astype(int))
        parts["step ahead"] = tuple(
            (
                f"{a + 1} to {b}" if b > a + 1 else f"{b}",
                int(np.isfinite(scaled[:, a:b]).sum()),
                float(np.nanmean(scaled[:, a:b])),
            )
            for a, b in zip(cuts[:-1], cuts[1:])
        )
    if len(problem.series) > 1:
        parts["series"] = tuple(
            (name, int(np.isfinite(scaled[..., k]).sum()), float(np.nanmean(scaled[..., k])))
            for k, name in enumerate(problem.series)
        )
    parts["season"] = _season(scaled, predictions, problem)
    return {name: rows for name, rows in parts.items() if rows}


def _season(scaled: np.ndarray, predictions: Predictions, problem: SeriesProblem) -> Rows:
    """By quarter of the year of the first forecast step, where times are dates."""
    for origins in problem.origins.values():
        if len(origins) == len(scaled) and np.issubdtype(problem.time.dtype, np.datetime64):
            months = problem.time[origins].astype("datetime64[M]").astype(int) % 12
            names = ("January to March", "April to June", "July to September", "October to December")
            return tuple(
                (name, int((months // 3 == k).sum()), float(np.nanmean(scaled[months // 3 == k])))
                for k, name in enumerate(names)
                if (months // 3 == k).any()
            )
    return ()
