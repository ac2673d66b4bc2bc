"""The recipes that come with the repository say what the recipe's own names are, and start from their source."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.core.recipe import Recipe
from elman.recipes import as_recipe

FOLDER = Path(__file__).resolve().parents[1] / "recipes"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_is_read_and_can_be_overridden(path: Path) -> None:
    stated = Recipe.read(path)
    recipe = as_recipe(path, hidden_size=7)
    assert recipe.data.source == stated.data.source and recipe.model.hidden_size == 7
    assert recipe.training.learning_rate == stated.training.learning_rate
