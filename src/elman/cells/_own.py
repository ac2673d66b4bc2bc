"""A user's own cells, from a Python file."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import json
import sys
from pathlib import Path

from elman.cells.contract import Cell
from elman.core.errors import DataError, UnknownName
from elman.core.files import sha256, state_folder, write_json

EXAMPLE = "class MyCell(Cell) with project(self, x) and step(self, projected, state); see docs/engine.md"


def cells_of(path: str | Path) -> list[type[Cell]]:
    """The Cell classes that a file defines, in its order.

    Raises DataError where there is no file, where it fails to run (with its line), or where it holds no cell that can be
    made.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no file at {path}. Expected a Python file with a {EXAMPLE}.")
    name = f"_own_{path.stem}_{sha256(path)[:8]}"  # not the bare name, which may be another module's
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise DataError(f"{path} is not a Python file (its name should end in .py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a class looks for its own module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise DataError(f"{path} does not run: {where(error, path)}.") from error
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Cell)]
    mine = [kind for kind in kinds if kind.__module__ == name]
    if not mine:
        raise DataError(f"{path} defines no cell. Expected a {EXAMPLE}.")
    whole = [kind for kind in mine if not inspect.isabstract(kind)]
    if not whole:
        missing = ", ".join(sorted(getattr(mine[0], "__abstractmethods__", ())))
        raise DataError(f"{mine[0].__name__} in {path} lacks {missing}. Expected a {EXAMPLE}.")
    return whole


def own_cell(path: Path, kind: str = "") -> type[Cell]:
    """The Cell class `kind`, or the only one, of a file that `elman check cell` has found to keep every promise as it is now.

    A recipe or a run's folder may come from a stranger, and a cell is a program: it runs where somebody on this machine had it
    checked. Raises DataError where that was not done, and for a file as `cells_of` does, UnknownName for another class.
    """
    if not path.is_file():
        raise DataError(f"no file at {path}. Expected a Python file with a {EXAMPLE}.")
    content = sha256(path)
    if content not in _checked():
        raise DataError(
            f"{path} was not checked as it is now, and a cell is a program that runs with your rights. If you trust it: "
            f"elman check cell {path}"
        )
    found = {one.__name__: one for one in _loaded(path.resolve(), content)}
    if not kind and len(found) > 1:
        raise DataError(
            f"{path} defines {', '.join(found)}; say which one, as in --cell {path}:{next(iter(found))}."
        )
    if kind and kind not in found:
        raise UnknownName(f"cell of {path}", kind, found)
    return found[kind or next(iter(found))]


def remember(path: Path) -> None:
    """This file keeps every promise as it is now. Raises StorageError where nothing can be stored."""
    write_json(_record(), sorted({*_checked(), sha256(path)}))


def _record() -> Path:
    return state_folder() / "checked-cells.json"


def _checked() -> list[str]:
    try:
        known = json.loads(_record().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(one) for one in known] if isinstance(known, list) else []


@functools.lru_cache(maxsize=64)
def _loaded(path: Path, content: str) -> list[type[Cell]]:
    """Once for each content, so that a class is one class."""
    return cells_of(path)


def where(error: BaseException, path: Path | None = None) -> str:
    """An error in one line, with the line of the user's file that raised it."""
    text = " ".join(str(error).split())
    trace = error.__traceback__
    line = getattr(error, "lineno", None)
    while trace is not None:
        if path is not None and trace.tb_frame.f_code.co_filename == str(path.resolve()):
            line = trace.tb_lineno
        trace = trace.tb_next
    short = text if len(text) <= 160 else text[:157] + "..."
    return f"{type(error).__name__}: {short}".rstrip(". ") + (f" (line {line})" if line else "")
