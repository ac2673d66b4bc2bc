"""Where a recipe starts: a source's own settings, then a TOML file, then what the user says."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

from elman.core.catalogue import catalogue, find
from elman.core.cell_file import placed, trust
from elman.core.errors import RecipeError
from elman.core.recipe import Recipe

CELL = ("cell", "model.cell")


def as_recipe(source: str | Path | Recipe, **settings: Any) -> Recipe:
    """A recipe from a source's name, a data file or folder, a TOML recipe, or a Recipe; `settings` on top.

    A named source brings settings that suit it; a TOML recipe overrides them, and `settings` override both. A cell may be a file,
    `mycell.py` or `mycell.py:Mine`, as seen from the working folder (in a TOML recipe: from its own), or a class of such a file.
    """
    settings = {key: _cell(value) if key in CELL else value for key, value in settings.items()}
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
        flat["model.cell"] = placed(flat["model.cell"], path.parent)
    if not whole.data.source:
        raise RecipeError(f'{path} names no data: add [data] source = "...".')
    return _start(whole.data.source).override(flat | settings)


def _cell(given: Any) -> Any:
    """What a recipe says of a cell: its name, or its file's whole path; a class is told by where it is defined."""
    if isinstance(given, str):
        cell = placed(given, Path.cwd())
        trust(cell)
        return cell
    if not isinstance(given, type):
        return given
    if given.__module__.startswith("elman.cells."):
        return given.__module__.rpartition(".")[2]
    try:
        file = inspect.getfile(given)
    except (OSError, TypeError):  # typed into a notebook or a shell
        file = ""
    if given.__module__ == "__main__" or not file.endswith(".py"):
        raise RecipeError(
            f"{given.__name__} is defined where it runs, and a run could not find it again. Put it into a file of its own and "
            'name that: cell="mycell.py".'
        )
    trust(file)
    return f"{file}:{given.__name__}"


def _start(source: str) -> Recipe:
    key = source.lower().replace("-", "_")
    if key not in catalogue("data.sources"):
        from elman.data import conllu, ts_file

        path = Path(source)
        if conllu.is_conllu(path):
            return Recipe().override(dict(conllu.DEFAULTS))
        return Recipe().override(dict(ts_file.DEFAULTS)) if ts_file.is_ts(path) else Recipe()
    return Recipe().override(dict(find("data.sources", key).source.defaults))
