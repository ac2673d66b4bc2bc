"""A callback that looks inside a network while it trains, and the file in the run's folder where it writes what it saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from elman.core.files import write_text
from elman.core.recipe import Recipe
from elman.interpretation.during_training import SEQUENCES, look
from elman.tasks.contract import Encoded, Task

FILE = "watched.jsonl"


def watcher(
    folder: Path, task: Task, encoded: Encoded, recipe: Recipe
) -> Callable[[nn.Module, dict[str, Any]], None]:
    """For `training.loop.fit`: looks at the validation split's first drawn sequences and adds a row to the folder's FILE.

    Weights, gradients, mode and random state stay as they are: a run that is watched trains to the same bit.
    """
    horizon = "memory" not in task.left_out(recipe)
    sample = task.sample(encoded, "validation", SEQUENCES, recipe.training.seed)

    def watch(model: nn.Module, row: dict[str, Any]) -> None:
        seen = {
            "step": row["step"],
            **look(task.view(model, encoded.encoder, recipe), sample, horizon and row["step"] > 0),
        }  # before the first step what context saves is noise
        earlier = [one for one in watched(folder) if one["step"] < row["step"]]  # a resumed run repeats steps
        write_text(folder / FILE, "".join(json.dumps(one) + "\n" for one in [*earlier, seen]))

    return watch


def watched(folder: Path) -> list[dict[str, Any]]:
    """The rows that were written, in order; none where the run was not watched."""
    path = folder / FILE
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )
