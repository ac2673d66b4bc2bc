"""Where a recipe starts: a source's own settings, then a TOML file, then what the user says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from elman.core.catalogue import catalogue, find
from elman.core.errors import RecipeError
from elman.core.recipe import Recipe


def as_recipe(source: str | Path | Recipe, **settings: Any) -> Recipe:
    """A recipe from a source's name, a data file or folder, a TOML recipe, or a Recipe; `settings` on top.

    A named source brings settings that suit it; a TOML recipe overrides them, and `settings` override both.
    """
    if isinstance(source, Recipe):
        return source.override(settings)
    if not str(source).endswith(".toml"):
        return _start(str(source)).override({"data.source": str(source), **settings})
    path = Path(source)
    whole = Recipe.read(path)  # checks every name and type
    stated = tomllib.loads(path.read_text(encoding="utf-8"))
    flat = {
        f"{part}.{key}": value
        for part, table in stated.items()
        if isinstance(table, dict)
        for key, value in table.items()
    }
    flat |= {key: value for key, value in stated.items() if not isinstance(value, dict)}
    if "model.cell" in flat:
        flat["model.cell"] = whole.model.cell  # a file beside the recipe
    if not whole.data.source:
        raise RecipeError(f'{path} names no data: add [data] source = "...".')
    return _start(whole.data.source).override(flat | settings)


def _start(source: str) -> Recipe:
    key = source.lower().replace("-", "_")
    if key not in catalogue("data.sources"):
        from elman.data import conllu, ts_file

        path = Path(source)
        if conllu.is_conllu(path):
            return Recipe().override(dict(conllu.DEFAULTS))
        return Recipe().override(dict(ts_file.DEFAULTS)) if ts_file.is_ts(path) else Recipe()
    return Recipe().override(dict(find("data.sources", key).source.defaults))
