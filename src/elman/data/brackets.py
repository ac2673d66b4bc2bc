"""Dyck words: brackets that all close, and which one has to close next.

The depth is a random walk: at 0 a bracket opens, elsewhere one opens with probability 0.4 and closes with 0.6, given that all are closed at
the end. So every word has a probability in proportion to 2.5 ** (times that nothing is open), and the depths of long words are
those of short ones, with rare deeper places. Each opening bracket is of one of `kinds` kinds, all alike.

The tag of a step is the bracket that has to close next, "none" where nothing is open. Only steps after a closing bracket are
scored: after an opening one the answer is its own partner.
"""

from __future__ import annotations

import functools

import numpy as np

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, TaggedExamples, TaggedTexts
from elman.data.synthetic import Random, drawn

OPENS = 0.4
PAIRS = ("()", "[]")
CITATION = "Suzgun, Gehrmann, Belinkov and Shieber 2019, LSTM Networks Can Perform Dynamic Counting; Memory-Augmented RNNs Can Learn Generalized Dyck Languages"


def dyck(name: str, kinds: int, options: DataOptions) -> TaggedTexts:
    """Dyck words over so many kinds of brackets, of even lengths."""
    splits, provenance = drawn(
        name, options, lambda random, length: draw(random, length, kinds), lambda lengths: chance(lengths, kinds),
        length=40, times=5, least=2, step=2, citation=CITATION,
    )  # fmt: skip
    examples = {split: TaggedExamples(*pair) for split, pair in splits.items()}
    return TaggedTexts(examples, ("none", *(pair[1] for pair in PAIRS[:kinds])), provenance)


def draw(random: Random, length: int, kinds: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One word of `length` brackets and the tag of each step, "" where it is not scored."""
    ends = endings(length)
    stack: list[int] = []
    words: list[str] = []
    tags: list[str] = []
    for coin, kind in zip(random.random_sample(length), random.randint(0, kinds, length)):
        depth, left = len(stack), length - len(words) - 1
        # Opening and closing, each weighed by the ways that the rest of the word can then go.
        up = OPENS * ends[left, depth + 1] if depth else 1.0
        down = (1 - OPENS) * ends[left, depth - 1] if depth else 0.0
        if coin * (up + down) < up:
            stack.append(kind)
            words.append(PAIRS[kind][0])
            tags.append("")
        else:
            words.append(PAIRS[stack.pop()][1])
            tags.append(PAIRS[stack[-1]][1] if stack else "none")
    return tuple(words), tuple(tags)


@functools.cache
def endings(length: int) -> np.ndarray:
    """Probability that the walk is at depth 0 after so many steps from a depth: (steps 0 ... length - 1, depths).

    Each row is scaled by its greatest: ratios within a row are all that is used, and long walks do not underflow.
    """
    table = np.zeros((length, length + 2))
    table[0, 0] = 1
    for steps in range(1, length):
        before = table[steps - 1]
        table[steps, 0] = before[1]
        table[steps, 1:-1] = OPENS * before[2:] + (1 - OPENS) * before[:-2]
        table[steps] /= table[steps].max()
    return table


def closed(length: int) -> float:
    """Expected number of steps after which nothing is open, in a word of `length` brackets: exact, by enumeration of depths."""
    ends = endings(length)
    depths = np.zeros(length + 2)  # probability of each depth, whatever comes later
    depths[0] = 1
    total = 0.0
    for step in range(length):
        left = length - step - 1
        up, down = np.zeros_like(depths), np.zeros_like(depths)
        up[1:] = OPENS * depths[:-1]
        up[1] = depths[0]
        down[:-1] = (1 - OPENS) * depths[1:]
        depths = up + down
        after = depths * ends[left]  # given that all brackets are closed at the end
        total += float(after[0] / after.sum())
    return total


def chance(lengths: range, kinds: int) -> Chance:
    """The share of the most frequent tag among the scored steps, over words whose lengths are drawn evenly."""
    none = sum(map(closed, lengths)) / (sum(lengths) / 2)
    each = (1 - none) / kinds
    if none >= each:
        return Chance("accuracy", none, f'"none" is the most frequent tag: {none:.1%} of the scored steps')
    tags = " and ".join(f'"{pair[1]}"' for pair in PAIRS[:kinds])
    alike = (
        f"{tags} are the most frequent tags, with {each:.1%} each"
        if kinds > 1
        else f"{tags} is the most frequent tag, with {each:.1%}"
    )
    return Chance(
        "accuracy", each, f"{alike} of the scored steps, by enumeration of all depths at every step"
    )
