"""Metrics of language models: nats per token, perplexity, bits per character; the unit is always said."""

from __future__ import annotations

import math

import numpy as np

from elman.core.results import Metric, Predictions
from elman.evaluation.contract import TokenProblem

PRIMARY = Metric("nats_per_token", "nats per token", higher_is_better=False)


def primary(problem: TokenProblem) -> Metric:
    """The primary metric under the name of the problem's token, e.g. nats_per_character."""
    return Metric(f"nats_per_{problem.unit}", f"nats per {problem.unit}", higher_is_better=False)


def errors(predictions: Predictions) -> np.ndarray:
    """-log p of each token (n,) in nats."""
    return predictions.outputs


def metrics(predictions: Predictions, problem: TokenProblem) -> dict[str, float]:
    """nats per token; perplexity per token; bits per character when tokens are characters."""
    nats = float(predictions.outputs.mean())
    values = {primary(problem).name: nats, "perplexity": math.exp(min(nats, 700.0))}
    if problem.unit in ("character", "byte"):
        values[f"bits_per_{problem.unit}"] = nats / math.log(2)
    else:
        split = next((s for s, t in problem.tokens.items() if len(t) == len(predictions.outputs) + 1), None)
        if split is not None:
            values["bits_per_character"] = (
                float(predictions.outputs.sum()) / math.log(2) / problem.characters[split]
            )
    return values
