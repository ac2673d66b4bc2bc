"""A user's own cells, from a Python file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path

from elman.cells.contract import Cell
from elman.core.cell_file import file_of, trusted
from elman.core.errors import DataError, UnknownName
from elman.core.files import sha256

EXAMPLE = "class MyCell(Cell) with project(self, x) and step(self, projected, state); see docs/engine.md"


def cells_of(path: str | Path) -> list[type[Cell]]:
    """The Cell classes that a file defines, in its order.

    Raises DataError where there is no file, where it fails to run (with its line), or where it holds no cell that can be
    made.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no file at {path}. Expected a Python file with a {EXAMPLE}.")
    # Not the bare name, which may be another module's; files of one name may hold different cells.
    name = f"_own_{path.stem}_{sha256(path)[:8]}"
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


def own_cell(name: str) -> type[Cell] | None:
    """The class that `mycell.py` or `mycell.py:Mine` names; None for a name that is no file's.

    A recipe or a run's folder may come from a stranger, and a cell is a program: a file runs where the user named it as it is now,
    to train it or to check it. Raises DataError where nobody did, as `cells_of` does, and where a file of several cells is named
    without one, UnknownName for one it does not hold.
    """
    found = file_of(name)
    if found is None:
        return None
    path, wanted = found
    if path.is_file() and not trusted(path):
        raise DataError(
            f"{path} is a program that has not run on this machine as it is now. Read it; where you trust it: elman check cell {path}"
        )
    kinds = {kind.__name__: kind for kind in cells_of(path)}
    if wanted and wanted not in kinds:
        raise UnknownName(f"cell of {path.name}", wanted, kinds)
    if not wanted and len(kinds) > 1:
        raise DataError(
            f"{path.name} holds {len(kinds)} cells: {', '.join(kinds)}. Name one: {path.name}:{next(iter(kinds))}."
        )
    return kinds[wanted or next(iter(kinds))]


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
