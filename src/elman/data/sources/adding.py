"""The adding problem: the sum of the two values that are marked.

Two channels: a value, even between 0 and 1, and a marker that is 1 at two steps, one in either half, and 0 at all others
(Hochreiter and Schmidhuber 1997, experiment 4, in the form of Le, Jaitly and Hinton 2015). The gap between the marked steps grows
with the length, and everything between has to be ignored.
"""

from __future__ import annotations

import math

import numpy as np

from elman.core.recipe import DataOptions
from elman.data.contract import Chance, LabelledSeries, Source, ValueExamples
from elman.data.synthetic import LICENCE, Random, drawn

CITATION = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory, Neural Computation"
WHY = "two values that are even between 0 and 1 have a sum of mean 1 and variance 1/6: the squared error of always answering 1"


def load(options: DataOptions) -> LabelledSeries:
    """Series (time, 2) and their sums; trained to 50 steps, tested on 51 to 200."""
    splits, provenance = drawn(
        "adding", options, draw, lambda lengths: Chance("rmse", math.sqrt(1 / 6), WHY), length=50, times=4,
        least=2, citation=CITATION,
    )  # fmt: skip
    examples = {name: ValueExamples(*pair) for name, pair in splits.items()}
    return LabelledSeries(examples, None, ("value", "marker"), provenance)


def draw(random: Random, length: int) -> tuple[np.ndarray, float]:
    """Values and markers (length, 2) float32, and the sum of the marked values."""
    series = np.zeros((length, 2), np.float32)
    series[:, 0] = random.random_sample(length)
    marked = [random.randint(length // 2), random.randint(length // 2, length)]
    series[marked, 1] = 1
    return series, float(series[marked, 0].sum(dtype=np.float64))


source = Source(
    title="Adding two marked values",
    task="regression",
    load=load,
    licence=LICENCE,
    citation=CITATION,
    size="13,000 series of 2 to 200 steps, drawn",
    defaults={
        "model.cell": "gru",
        "model.hidden_size": 64,
        "training.batch_size": 64,
        "training.learning_rate": 5e-3,
        "training.epochs": 20.0,
        "training.threads": 1,
    },
)
