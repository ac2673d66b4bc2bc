"""From a name and options to cells: what a cell takes, and who takes what it does not."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from elman.cells._own import own_cell
from elman.cells.contract import Cell
from elman.core.catalogue import catalogue, find
from elman.core.errors import RecipeError, UnknownName
from elman.core.recipe import cell_file

CellMaker = Callable[[int, int], Cell]


def maker(cell: str | CellMaker, options: dict[str, Any]) -> CellMaker:
    """How to make one cell. Raises RecipeError or UnknownName for an option that it does not take."""
    if not isinstance(cell, str):
        if options:
            raise RecipeError(f"got a cell and {', '.join(options)}; set these where the cell is made.")
        return lambda input_size, hidden_size: _checked(cell(input_size, hidden_size))
    kind = cell_class(cell)
    takes = options_of(kind)
    for option in options:
        if option not in takes:
            able = [other for other in catalogue("cells") if option in options_of(cell_class(other))]
            if not able:
                raise UnknownName(f"option of cell {cell!r}", option, takes)
            raise RecipeError(f"cell {cell!r} takes no {option!r}. Cells that do: {', '.join(able)}.")
    return lambda input_size, hidden_size: _checked(kind(input_size, hidden_size, **options))


def refuse(cell: Cell, option: str, lacks: str, able: Callable[[Cell], object]) -> None:
    """Raises RecipeError where `able(cell)` is empty: what the cell lacks, and which of ours have it."""
    if not able(cell):
        others = [name for name in catalogue("cells") if able(cell_class(name)(1, 1))]
        name = type(cell).__module__.rpartition(".")[2]
        fix = ""
        if name not in catalogue("cells"):
            name, fix = (
                type(cell).__name__,
                " One of your own says so: see docs/engine.md, A cell of your own.",
            )
        raise RecipeError(
            f"cell {name!r} takes no {option!r}, because it has no {lacks}. Cells that do: {', '.join(others)}.{fix}"
        )


def options_of(kind: Any) -> list[str]:
    """The keyword-only parameters of a cell: its options."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]


def cell_class(name: str) -> Any:
    """The one concrete Cell class that a file of `cells/` defines, or that of a file of the user's own, mycell.py or mycell.py:Mine."""
    own = cell_file(name)
    if own is not None:
        return own_cell(*own)
    module = find("cells", name)
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Cell))
    return next(kind for kind in kinds if kind.__module__ == module.__name__)


def _checked(cell: Any) -> Cell:
    if not isinstance(cell, Cell):
        raise RecipeError(f"got a {type(cell).__name__} as a cell; expected an elman.cells.contract.Cell.")
    return cell
