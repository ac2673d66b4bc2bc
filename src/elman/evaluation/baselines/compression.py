"""What xz needs: bits that the text adds to a compressed training text (its last 8 MB)."""

from __future__ import annotations

import lzma
import math

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.data.passage import ending, pieces
from elman.evaluation.contract import Predictor, TokenProblem

TASKS = ("language_modelling",)
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
MOST = 8_000_000


def fit(problem: TokenProblem, seconds: float) -> Predictor:
    """Compress the training text once."""
    train = ending(problem.texts["train"], MOST).encode("utf-8")[-MOST:]
    alone = len(lzma.compress(train, lzma.FORMAT_RAW, filters=FILTERS))

    def predict(split: SplitName) -> Predictions:
        """The same number of nats for every token: only the mean means anything."""
        text = "".join(pieces(problem.texts[split]))
        both = len(lzma.compress(train + text.encode("utf-8"), lzma.FORMAT_RAW, filters=FILTERS))
        targets = np.asarray(problem.tokens[split][1:])
        return Predictions(
            "tokens", np.full(len(targets), (both - alone) * 8 * math.log(2) / len(targets)), targets
        )

    return predict
