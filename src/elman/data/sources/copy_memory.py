"""Copy memory: ten symbols, a delay of blanks, a cue, and the ten symbols are to be said again.

Symbols a to h, blanks _, the cue ? (Hochreiter and Schmidhuber 1997, experiment 2; Arjovsky, Shah and Bengio 2016). A sequence of T + 20 steps:
10 symbols, T - 1 blanks, the cue, 10 blanks. The last ten steps have the symbols as tags; the others are not scored, since
saying "blank" there is no feat. Delays T are drawn, 1 at least.
"""

from __future__ import annotations

import math

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, Source, TaggedExamples, TaggedTexts
from elman.data.synthetic import LICENCE, Random, drawn

SYMBOLS, COUNT = "abcdefgh", 10
CITATION = "Arjovsky, Shah and Bengio 2016, Unitary Evolution Recurrent Neural Networks, ICML"
WHY = f"eight symbols alike at each of the ten steps, so a guess is right one time in eight, at ln 8 = {math.log(8):.3f} nats"


def load(options: DataOptions) -> TaggedTexts:
    """Sequences and their tags; trained to 40 steps (a delay of 20), tested on 41 to 80."""
    splits, provenance = drawn(
        "copy_memory", options, draw, lambda lengths: Chance("accuracy", 1 / len(SYMBOLS), WHY), length=40, times=2, least=2 * COUNT + 1, citation=CITATION,
    )  # fmt: skip
    examples = {name: TaggedExamples(*pair) for name, pair in splits.items()}
    return TaggedTexts(examples, tuple(SYMBOLS), provenance)


def draw(random: Random, length: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ten fair symbols with a delay of `length` - 20, and the tags."""
    symbols = tuple(SYMBOLS[number] for number in random.randint(0, len(SYMBOLS), COUNT))
    delay = length - 2 * COUNT
    words = (*symbols, *"_" * (delay - 1), "?", *"_" * COUNT)
    return words, (*[""] * (COUNT + delay), *symbols)


source = Source(
    title="Copying ten symbols after a delay",
    task="tagging",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 sequences of 21 to 80 steps, drawn",
    defaults={
        "model.cell": "gru",
        "model.hidden_size": 128,
        "training.batch_size": 64,
        "training.learning_rate": 5e-3,
        "training.epochs": 15.0,
        "training.threads": 1,
    },
)
