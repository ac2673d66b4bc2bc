"""Settings that belong to another task are refused by name: a flag that changes nothing misleads."""

from __future__ import annotations

from typing import Any

from elman.core.catalogue import catalogue, find
from elman.core.errors import RecipeError
from elman.core.recipe import Recipe
from elman.data.contract import Dataset
from elman.data.load import KINDS
from elman.tasks.contract import Task

# What a task that reads tokens has, whatever it makes of them.
TOKENS = frozenset(
    {
        "data.limit",
        "encoding.tokenizer",
        "encoding.vocabulary_size",
        "encoding.min_count",
        "encoding.lowercase",
        "model.embedding_size",
        "model.vectors",
        "model.embedding_dropout",
        "model.token_dropout",
    }
)


def refuse_foreign(task: Task, dataset: Dataset, recipe: Recipe, written: dict[str, Any]) -> None:
    """RecipeError for the first setting that only other tasks read, or that this data set has no use for.

    `written` is what the task itself writes in.
    A setting at its default, or at the value in `written` (a run's recipe has those), says nothing and passes.
    """
    others = [find("tasks", name).task for name in catalogue("tasks") if name != task.name]
    foreign = frozenset().union(*(other.own for other in others)) - task.own
    useless = task.own - task.reads(dataset)
    for key, value in recipe.changed().items():
        if value == written.get(key):
            continue
        name = key.rpartition(".")[2]
        if key in useless:
            flag = name.replace("_", "-")
            raise RecipeError(
                f"{name} means nothing for {KINDS[type(dataset)][0]}, which {recipe.data.source} gives. Drop --{flag}."
            )
        if key in foreign:
            *some, last = (other.name for other in others if key in other.own)
            users = f"{', '.join(some)} and {last}" if some else last
            raise RecipeError(
                f"{name} is a setting of {users}; {task.name} does not use it. Drop --{name.replace('_', '-')}."
            )
