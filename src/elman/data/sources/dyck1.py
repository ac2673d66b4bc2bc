"""Dyck-1: one kind of bracket, and whether one has to close next.

A counter solves it: one LSTM unit suffices (Suzgun et al. 2019), a GRU counts up to a depth (Weiss et al. 2018). Words and tags: data/brackets.py.
"""

from __future__ import annotations

from elman.core.recipe import DataOptions
from elman.data.brackets import CITATION, dyck
from elman.data.contract import Source, TaggedTexts
from elman.data.synthetic import LICENCE


def load(options: DataOptions) -> TaggedTexts:
    """Words and their tags; trained to 40 brackets, tested on 42 to 200."""
    return dyck("dyck1", 1, options)


source = Source(
    title="Brackets of one kind",
    task="tagging",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 words of 2 to 200 brackets, drawn",
    defaults={
        "model.cell": "lstm",
        "model.hidden_size": 32,
        "training.batch_size": 32,
        "training.learning_rate": 1e-2,
        "training.epochs": 12.0,
        "training.threads": 1,
    },
)
