"""Modular arithmetic: what is 3*4-2+1 modulo 5?

Digits 0 to 4 and the signs + - * between them, products before sums, no brackets (Deletang et al. 2023, "modular arithmetic
(simple)"). A finite automaton solves it: it holds the sum so far, and the product that is being formed. Here the result is drawn
first and expressions until one has it, because products make 0 too frequent otherwise.
"""

from __future__ import annotations

import numpy as np

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, Examples, LabelledTexts, Source
from elman.data.synthetic import LICENCE, Random, drawn

MODULUS = 5
CITATION = "Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, ICLR"
WHY = "the five results are drawn alike at every length, so a guess is right one time in five"


def load(options: DataOptions) -> LabelledTexts:
    """Expressions of odd length and their value "0" ... "4"; trained to 20 characters, tested on 21 to 100."""
    splits, provenance = drawn(
        "modular_arithmetic", options, draw, lambda lengths: Chance("accuracy", 1 / MODULUS, WHY), length=20, times=5, step=2, citation=CITATION,
    )  # fmt: skip
    labels = tuple(map(str, range(MODULUS)))
    return LabelledTexts({name: Examples(*pair) for name, pair in splits.items()}, labels, provenance)


def draw(random: Random, length: int) -> tuple[str, str]:
    """A result, and the first drawn expression that has it."""
    wanted = random.randint(MODULUS)
    while True:
        digits = random.randint(0, MODULUS, (length + 1) // 2)
        signs = random.randint(0, 3, length // 2)
        if value(digits, signs) == wanted:
            text = str(digits[0]) + "".join(
                "+-*"[sign] + str(digit) for sign, digit in zip(signs, digits[1:])
            )
            return text, str(wanted)


def value(digits: np.ndarray, signs: np.ndarray) -> int:
    """The value modulo 5; signs (digits - 1,): 0 is +, 1 is -, 2 is *."""
    total, product = 0, int(digits[0])
    for sign, digit in zip(signs.tolist(), digits[1:].tolist()):
        if sign == 2:
            product = product * digit % MODULUS
        else:
            total, product = total + product, digit if sign == 0 else -digit
    return (total + product) % MODULUS


source = Source(
    title="Arithmetic modulo 5",
    task="classification",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 expressions of 1 to 99 characters, drawn",
    defaults={
        "encoding.tokenizer": "characters",
        "encoding.max_length": 100_000,
        "model.pooling": "last",
        "training.threads": 1,
    },
)
