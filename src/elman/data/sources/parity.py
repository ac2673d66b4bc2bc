"""Parity: is the number of ones in a sequence of bits even or odd?

One bit of memory solves it at every length, and nothing less than every step counts. Bits are fair coins, so both classes
are alike at every length, and no statistic of less than the whole sequence tells anything.
"""

from __future__ import annotations

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, Examples, LabelledTexts, Source
from elman.data.synthetic import LICENCE, Random, drawn

CITATION = "Minsky and Papert 1969, Perceptrons; Hochreiter and Schmidhuber 1997, Neural Computation"
WHY = "both classes are alike at every length, so a guess is right half of the time"


def load(options: DataOptions) -> LabelledTexts:
    """Bits as "0" and "1", classes "even" and "odd"; trained to length 40, tested on 41 to 200."""
    splits, provenance = drawn(
        "parity", options, draw, lambda lengths: Chance("accuracy", 0.5, WHY), length=40, times=5,
        citation=CITATION,
    )  # fmt: skip
    return LabelledTexts(
        {name: Examples(*pair) for name, pair in splits.items()}, ("even", "odd"), provenance
    )


def draw(random: Random, length: int) -> tuple[str, str]:
    """Fair bits, and the parity of their sum."""
    bits = random.randint(0, 2, length)
    return "".join(map(str, bits)), ("even", "odd")[bits.sum() % 2]


source = Source(
    title="Parity of bits",
    task="classification",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 sequences of 1 to 200 bits, drawn",
    defaults={
        "encoding.tokenizer": "characters",
        "encoding.max_length": 10_000,  # a bit cut off is another answer
        "model.cell": "gru",
        "model.hidden_size": 32,
        "model.pooling": "last",
        "training.batch_size": 64,
        "training.learning_rate": 5e-3,
        "training.epochs": 12.0,
        "training.threads": 1,
    },
)
