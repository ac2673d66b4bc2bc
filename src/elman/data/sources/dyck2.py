"""Dyck-2: two kinds of brackets, and which has to close next.

A stack solves it; a network of finite size holds one up to a depth (Suzgun et al. 2019; Hewitt et al. 2020). Words and tags: data/brackets.py.
"""

from __future__ import annotations

from elman.core.recipe import DataOptions
from elman.data.brackets import CITATION, dyck
from elman.data.contract import Source, TaggedTexts
from elman.data.synthetic import LICENCE


def load(options: DataOptions) -> TaggedTexts:
    """Words and their tags; trained to 40 brackets, tested on 42 to 200."""
    return dyck("dyck2", 2, options)


source = Source(
    title="Brackets of two kinds",
    task="tagging",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 words of 2 to 200 brackets, drawn",
    defaults={
        "model.cell": "lstm",
        "model.hidden_size": 64,
        "training.batch_size": 32,
        "training.learning_rate": 1e-2,
        "training.epochs": 12.0,
        "training.threads": 1,
    },
)
