"""From a recipe to encoded data: load, choose the task, write every default in, encode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from elman.core import limits
from elman.core.catalogue import find
from elman.core.recipe import Recipe
from elman.data.contract import Dataset
from elman.data.load import load as load_data
from elman.data.load import suits
from elman.evaluation import rivals
from elman.models.network import recurrent_layers
from elman.recipes import as_recipe
from elman.tasks._settings import refuse_foreign
from elman.tasks.contract import Encoded, Task
from elman.training.budget import seconds
from elman.training.device import device_named
from elman.training.enough import enough


@dataclass(frozen=True)
class Prepared:
    """A recipe with every default written in, its task, its data, and the data encoded."""

    recipe: Recipe
    task: Task
    dataset: Dataset
    encoded: Encoded


def load(source: str | Path | Recipe, **settings: Any) -> Dataset:
    """The data set of a source: texts with labels, a corpus, or a table of series; split, nothing encoded.

    Raises UnknownName for a source that does not exist and DataError for one that cannot be used.
    """
    return load_data(as_recipe(source, **settings).data)[1]


def check(recipe: Recipe) -> Recipe:
    """The recipe as it is, or the error that can be told before any data are read: of a number, a name, the network, the machine."""
    limits.check(recipe)
    if recipe.task:
        find("tasks", recipe.task)
    device_named(recipe.training.device)
    if recipe.training.budget:
        seconds(recipe.training.budget)
    rivals.check(recipe.evaluation)
    if recipe.model.executor != "auto":
        find("engine.executors", recipe.model.executor, "executor")
    with torch.device("meta"):  # the layers without their memory, and without a random number drawn
        recurrent_layers(recipe.model, 1)
    return recipe


def prepare(recipe: Recipe, encoder: Any = None) -> Prepared:
    """Load and encode what the recipe names; fits an encoder on the training split unless one is given."""
    source, dataset = load_data(check(recipe).data, recipe.task)
    recipe = recipe.fill(dict(source.defaults))
    task: Task = find("tasks", recipe.task or source.task).task
    suits(task.name, dataset, recipe.data.source)
    dataset = task.suited(dataset)
    written = task.defaults(dataset)
    if encoder is None:  # a run that exists keeps what it has
        refuse_foreign(task, dataset, recipe, written)
    given, recipe = recipe.training, replace(recipe, task=task.name).fill(written)
    encoded = task.encode(dataset, recipe, encoder)
    longer = enough(given, recipe.training, encoded.feeds["train"].steps(recipe.training.batch_size or 64))
    if longer:
        told = f"few examples: {longer['training.epochs']:.0f} epochs instead of {recipe.training.epochs:.0f}, the best weights are kept"
        recipe, encoded = recipe.override(longer), replace(encoded, summary=(*encoded.summary, told))
    return Prepared(recipe, task, dataset, encoded)
