"""Splits of labelled series: as given, or by a hash of the values, so that equal series stay on one side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import LabelledSeries, Provenance, SplitName, ValueExamples
from elman.data.splits import across, share, stratified


def given(
    train: ValueExamples, test: ValueExamples, labels: tuple[str, ...] | None, channels: tuple[str, ...], name: str,
    options: DataOptions, notes: Sequence[str] = (),
) -> LabelledSeries:  # fmt: skip
    """A data set that comes in two files: a share of the training series is held out to validate.

    Raises DataError for a test share, which would make another split.
    """
    if options.test_share is not None:
        raise DataError(f"{name} comes split, in two files; drop --test-share.")
    held = options.validation_share if options.validation_share is not None else 0.1
    places, by = _places(train, labels)
    splits = {
        "train": _pick(train, places >= held),
        "validation": _pick(train, places < held),
        "test": test,
    }
    rule = f"as its files say; {held:.0%} of train to validate, by {by}"
    return _labelled(splits, labels, channels, name, options, rule, notes)  # type: ignore[arg-type]


def split_by_hash(
    examples: ValueExamples, labels: tuple[str, ...] | None, channels: tuple[str, ...], name: str,
    options: DataOptions, notes: Sequence[str] = (),
) -> LabelledSeries:  # fmt: skip
    """A data set of one file: 70% to train, 10% to validate, 20% to test, unless the options say otherwise."""
    validation = options.validation_share if options.validation_share is not None else 0.1
    test = options.test_share if options.test_share is not None else 0.2
    places, by = _places(examples, labels)
    splits = {
        "train": _pick(examples, places >= validation + test),
        "validation": _pick(examples, (places >= test) & (places < validation + test)),
        "test": _pick(examples, places < test),
    }
    rule = f"by {by}: {1 - validation - test:.0%} train, {validation:.0%} validation, {test:.0%} test"
    return _labelled(splits, labels, channels, name, options, rule, notes)  # type: ignore[arg-type]


def digest(values: np.ndarray) -> str:
    """A series (time, channels) as a short text: equal for equal series."""
    return hashlib.blake2b(repr(values.shape).encode() + values.tobytes(), digest_size=16).hexdigest()


def _places(examples: ValueExamples, labels: tuple[str, ...] | None) -> tuple[np.ndarray, str]:
    """A place in [0, 1) for every series; spread evenly over classes, since there are few series as a rule."""
    keys = list(map(digest, examples.values))
    if labels is None:
        return np.array([share(key) for key in keys]), "hash of the values"
    return stratified(keys, examples.targets), "hash of the values, each class alike"


def _pick(examples: ValueExamples, mask: np.ndarray) -> ValueExamples:
    return _take(examples, np.flatnonzero(mask))


def _take(examples: ValueExamples, rows: np.ndarray) -> ValueExamples:
    return ValueExamples([examples.values[row] for row in rows], [examples.targets[row] for row in rows])  # type: ignore[arg-type]


def _labelled(
    splits: Mapping[SplitName, ValueExamples], labels: tuple[str, ...] | None, channels: tuple[str, ...], name: str,
    options: DataOptions, rule: str, notes: Sequence[str],
) -> LabelledSeries:  # fmt: skip
    keys = {split: list(map(digest, examples.values)) for split, examples in splits.items()}
    notes = [*notes]
    for split, before in (("validation", ["train"]), ("test", ["train", "validation"])):
        both = across([keys[part] for part in before], keys[split])  # type: ignore[index]
        if both:
            notes.append(f"WARNING, {both:,} series of the {split} split also stand in {' or '.join(before)}")
    whole = hashlib.sha256()
    for split, examples in splits.items():
        for key, target in zip(keys[split], examples.targets):
            whole.update(f"{split}:{key}:{target}\n".encode())
    splits = dict(splits)
    if options.limit is not None:
        train = splits["train"]
        rows = np.sort(np.random.default_rng(0).permutation(len(train))[: options.limit])
        splits["train"] = _take(train, rows)
    return LabelledSeries(splits, labels, channels, Provenance(name, whole.hexdigest(), rule, tuple(notes)))
