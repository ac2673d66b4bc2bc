"""Sequences that are drawn, not read: training, validation and test from a seed, the test longer than the training.

Lengths are drawn evenly, so that short sequences lead on to long ones. Validation has the lengths of training, test has
those beyond. A sequence is in one split only, as far as there are enough of them. What is drawn depends on the source's
name and the settings alone, on every machine.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Hashable
from dataclasses import fields
from typing import Any

import numpy as np

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import Chance, Provenance, SplitName

# NumPy promises the stream of this generator for good (NEP 19); that of the newer ones may change.
Random = np.random.RandomState
Draw = Callable[[Random, int], tuple[Any, Any]]  # a sequence of this length, and what is to be predicted
LICENCE = "none needed: drawn on your machine"
LONGEST = 10_000  # steps: thousands of longer sequences take minutes to draw, and gigabytes
TRIES = 50  # draws until a sequence is new
USED = ("source", "length", "test_length", "data_seed", "limit")


def drawn(
    name: str,
    options: DataOptions,
    draw: Draw,
    chance: Callable[[range], Chance],
    *,
    length: int,
    times: int,
    least: int = 1,
    step: int = 1,
    counts: tuple[int, int, int] = (10_000, 1_000, 2_000),
    citation: str = "",
) -> tuple[dict[SplitName, tuple[list[Any], list[Any]]], Provenance]:
    """(sequences, targets) of every split, and where they come from.

    `length` is the longest of training and `times` as long the longest of the test, where the options say nothing;
    lengths are `least`, `least + step` ... up to them. With a test length that is the training's, the test has the
    lengths of training. `chance` is told the lengths of the test split. Raises DataError for lengths that cannot be,
    and for options that mean nothing here.
    """
    for option in fields(options):
        if option.name not in USED and getattr(options, option.name) != option.default:
            flag = option.name.replace("_", "-")
            raise DataError(
                f"{name} is drawn, not read: it does not use --{flag}. Drop it; its settings are --length, --test-length, "
                "--data-seed and --limit."
            )
    longest = options.length or length
    beyond = options.test_length or max(longest, min(longest * times, LONGEST))
    if options.data_seed < 0 or (options.limit is not None and options.limit < 1):
        raise DataError("--data-seed must be 0 or more, and --limit 1 or more.")
    if options.length == 0 or longest < least or longest > LONGEST:
        raise DataError(
            f"{name} has sequences of {least} to {LONGEST:,} steps; --length is {options.length}."
        )
    if options.test_length == 0 or beyond < longest or beyond > LONGEST:
        raise DataError(
            f"--test-length is {options.test_length}; expected {longest} (the training length) to {LONGEST:,}."
        )
    short = range(least, longest + 1, step)
    lengths: dict[SplitName, range] = {"train": short, "validation": short}
    lengths["test"] = range(short[-1] + step, beyond + 1, step) or short
    digest = hashlib.sha256(repr([name, longest, beyond, options.data_seed, options.limit]).encode())
    splits: dict[SplitName, tuple[list[Any], list[Any]]] = {}
    seen: set[Hashable] = set()
    repeated = {}
    for number, (split, count) in enumerate(zip(lengths, counts)):
        random = Random([zlib.crc32(name.encode()), options.data_seed, number])
        count = min(count, options.limit or count) if split == "train" else count
        pairs, repeated[split] = _fresh(random, draw, lengths[split], count, seen)
        seen |= {_key(sequence) for sequence, _ in pairs}
        for sequence, target in pairs:
            digest.update(repr((_key(sequence), target)).encode())
        splits[split] = [sequence for sequence, _ in pairs], [target for _, target in pairs]
    told = [f"{len(splits[split][0]):,} {split} of {_range(lengths[split])} steps" for split in lengths]
    notes = tuple(
        f"{count:,} of the {split} sequences are in another split, too: there are too few so short"
        for split, count in repeated.items()
        if count
    )
    rule = f"drawn from seed {options.data_seed}: {', '.join(told)}" + (
        "" if notes else "; none in two splits"
    )
    facts = {"licence": LICENCE, "citation": citation}
    return splits, Provenance(name, digest.hexdigest(), rule, notes, **facts, chance=chance(lengths["test"]))


def _fresh(
    random: Random, draw: Draw, lengths: range, count: int, seen: set[Hashable]
) -> tuple[list[tuple[Any, Any]], int]:
    """So many examples with sequences that are not in `seen`, and how many are after all."""
    pairs, repeated = [], 0
    for _ in range(count):
        for _ in range(TRIES):
            pair = draw(random, lengths[random.randint(len(lengths))])
            if _key(pair[0]) not in seen:
                break
        else:
            repeated += 1
        pairs.append(pair)
    return pairs, repeated


def _key(sequence: Any) -> Hashable:
    return sequence.tobytes() if isinstance(sequence, np.ndarray) else sequence


def _range(lengths: range) -> str:
    return f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
