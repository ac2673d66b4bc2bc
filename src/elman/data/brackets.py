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
DEEPEST = 200  # a deeper place has a probability below 1e-34
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
    opens = opening(1 << (length - 1).bit_length())
    stack: list[int] = []
    words: list[str] = []
    tags: list[str] = []
    coins, new = random.random_sample(length).tolist(), random.randint(0, kinds, length).tolist()
    for step, (coin, kind) in enumerate(zip(coins, new), 1):
        if coin < opens[length - step, len(stack)]:
            stack.append(kind)
            words.append(PAIRS[kind][0])
            tags.append("")
        else:
            words.append(PAIRS[stack.pop()][1])
            tags.append(PAIRS[stack[-1]][1] if stack else "none")
    return tuple(words), tuple(tags)


@functools.cache
def opening(steps: int) -> np.ndarray:
    """Probability that a bracket opens, given how many steps are left after it and the depth before: (steps, depths).

    It is that of the free walk, weighed by the chance to be at depth 0 at the end.
    """
    depths = min(steps, DEEPEST) + 2
    table, ends = np.zeros((steps, depths)), np.zeros(depths)
    ends[0] = 1  # probability of depth 0 at the end, by the depth now
    for left in range(steps):
        up, down = OPENS * np.append(ends[1:], 0), np.append(0, (1 - OPENS) * ends[:-1])
        up[0] = ends[1]
        ends = up + down
        table[left] = np.divide(up, ends, out=np.zeros(depths), where=ends > 0)
    return table


def closed(pairs: int) -> np.ndarray:
    """Expected number of steps after which nothing is open, in words of 0, 1 ... `pairs` pairs: exact, by renewal.

    Between two such steps lies a word with k pairs that is open throughout: there are Catalan(k - 1) of them.
    """
    first = np.empty(pairs + 1)  # probability that the walk returns to 0 after k pairs for the first time
    first[:2] = 0, 1 - OPENS
    for k in range(1, pairs):
        first[k + 1] = first[k] * (4 * k - 2) / (k + 1) * OPENS * (1 - OPENS)
    at_zero = np.ones(pairs + 1)  # probability that it is at 0 after k pairs, whatever lies between
    for k in range(1, pairs + 1):
        at_zero[k] = first[1 : k + 1] @ at_zero[:k][::-1]
    return np.array([at_zero[1 : k + 1] @ at_zero[:k][::-1] / at_zero[k] for k in range(pairs + 1)])


def chance(lengths: range, kinds: int) -> Chance:
    """The share of the most frequent tag among the scored steps, over words whose lengths are drawn evenly."""
    pairs = np.array(lengths) // 2
    none = float(closed(pairs[-1])[pairs].sum() / pairs.sum())
    each = (1 - none) / kinds
    tags = ["none"] if none >= each else [pair[1] for pair in PAIRS[:kinds]]
    named = " and ".join(f'"{tag}"' for tag in tags)
    alike = "are the most frequent tags, alike," if len(tags) > 1 else "is the most frequent tag"
    return Chance("accuracy", max(none, each), f"{named} {alike} of the scored steps")
