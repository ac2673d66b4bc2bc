"""Predictions as a table, so that runs can be compared example by example and read without us."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from elman.core.files import write_atomic
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.evaluation.contract import Problem, SeriesProblem, TaggedProblem
from elman.evaluation.measure import errors
from elman.evaluation.multilabel import named
from elman.evaluation.tagging import places, scored_words


def save_predictions(folder: Path, split: SplitName, predictions: Predictions, problem: Problem) -> Path:
    """predictions-SPLIT.parquet: `row`, `error` (part of the primary metric), target, prediction, probabilities.

    Tags have sentence, place and word beside them. Forecasts have one row per window with lists over steps (and series) beside it.
    """
    columns: dict[str, object] = {
        "row": np.arange(len(predictions.targets)),
        "error": errors(predictions, problem),
    }
    if predictions.kind == "classes":
        labels = np.array(predictions.labels)
        columns["target"], columns["prediction"] = (
            labels[predictions.targets],
            labels[predictions.outputs.argmax(1)],
        )
        columns |= {f"p({label})": predictions.outputs[:, k] for k, label in enumerate(predictions.labels)}
        if isinstance(problem, TaggedProblem):  # which word of which sentence
            columns["sentence"], columns["place"] = places(problem.splits[split])
            columns["word"] = scored_words(problem.splits[split])
    elif predictions.kind == "forecasts":
        for k, name in enumerate(predictions.labels):
            columns[f"target {name}"] = list(predictions.targets[..., k])
            columns[f"prediction {name}"] = list(predictions.outputs[..., k])
        if isinstance(problem, SeriesProblem) and len(problem.entities) > 1:
            columns["entity"] = np.array(problem.entities)[problem.entity[problem.origins[split]]]
    elif predictions.kind == "labels":
        columns["target"] = [named(row, predictions.labels) for row in predictions.targets]
        columns["prediction"] = [named(row, predictions.labels) for row in predictions.outputs]
        columns |= {f"p({label})": predictions.outputs[:, k] for k, label in enumerate(predictions.labels)}
    else:
        columns |= {"target": predictions.targets, "prediction": predictions.outputs}
    frame = pl.DataFrame(columns)
    path = folder / f"predictions-{split}.parquet"
    write_atomic(path, lambda temporary: frame.write_parquet(temporary))
    return path
