"""Modular arithmetic: what is 3*4-2+1 modulo 5?

Digits 0 to 4 and the signs + - * between them, products before sums, no brackets (Deletang et al. 2023, "modular arithmetic
(simple)"). A finite automaton solves it: it holds the sum so far, and the product that is being formed. Here signs and
result are drawn first, and digits that give the result, because products make 0 too frequent otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, Examples, LabelledTexts, Source
from elman.data.synthetic import LICENCE, Random, drawn

MODULUS = 5
PLUS, MINUS, TIMES = range(3)
CITATION = "Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, ICLR"
WHY = "the five results are drawn alike at every length, so a guess is right one time in five"


def load(options: DataOptions) -> LabelledTexts:
    """Expressions of odd length and their value "0" ... "4"; trained to 20 characters, tested on 21 to 100."""
    splits, provenance = drawn(
        "modular_arithmetic", options, draw, lambda lengths: Chance("accuracy", 1 / MODULUS, WHY), length=20, times=5, step=2,
        counts=(30_000, 1_000, 2_000), citation=CITATION,
    )  # fmt: skip
    labels = tuple(map(str, range(MODULUS)))
    return LabelledTexts({name: Examples(*pair) for name, pair in splits.items()}, labels, provenance)


def draw(random: Random, length: int) -> tuple[str, str]:
    """Signs, a result, and digits that give it: each choice of digits that does is as likely as any other."""
    signs = random.randint(0, 3, length // 2).tolist()
    wanted = random.randint(MODULUS)
    while True:
        digits = random.randint(0, MODULUS, len(signs) + 1).tolist()
        missing = wanted - value(digits, signs)
        # A digit that stands alone takes up what is missing; where each is a factor, digits are drawn until they fit.
        for place, (before, after) in enumerate(zip([0, *signs], [*signs, 0])):
            if missing and before != TIMES and after != TIMES:
                digits[place] = (digits[place] + (-missing if before == MINUS else missing)) % MODULUS
                missing = 0
        if missing == 0:
            parts = ("+-*"[sign] + str(digit) for sign, digit in zip(signs, digits[1:]))
            return str(digits[0]) + "".join(parts), str(wanted)


def value(digits: Sequence[int], signs: Sequence[int]) -> int:
    """The value modulo 5 of digits with signs between them (one fewer)."""
    total, product = 0, digits[0]
    for sign, digit in zip(signs, digits[1:]):
        if sign == TIMES:
            product = product * digit % MODULUS
        else:
            total, product = total + product, -digit if sign == MINUS else digit
    return (total + product) % MODULUS


source = Source(
    title="Arithmetic modulo 5",
    task="classification",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="33,000 expressions of 1 to 99 characters, drawn",
    defaults={
        "encoding.tokenizer": "characters",
        "encoding.max_length": 10_000,  # a digit cut off is another answer
        "model.cell": "lstm",
        "model.hidden_size": 64,
        "model.pooling": "last",
        "training.batch_size": 64,
        "training.learning_rate": 1e-2,
        "training.epochs": 11.0,
        "training.threads": 1,
    },
)
