"""Gates edited inside a cell's own step, whatever the cell: what is made of them follows from the edited values.

A cell's step is plain torch, and its readings are results of operations in it. A first run of the step finds which operation makes
which reading; from then on each step runs once, and the result of that operation goes through the edit before anything uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from elman.cells.contract import Cell
from elman.core.errors import RecipeError

Change = Callable[[str, Tensor], Tensor]  # name of the reading, values (batch, size) -> values


class GateEditing:
    """One cell's step with its gates open to an edit."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.makers: dict[tuple[int, int], str] | None = None

    def step(self, projected: Tensor, state: Any, change: Change) -> Any:
        """The new state and the readings, with `change` applied to each reading as soon as it is made.

        Raises RecipeError for a cell that shows a reading which no operation of its step makes as it is shown.
        """
        if self.makers is None:
            self.makers = self._find(projected, state)
        with _Editing(self.makers, change):
            return type(self.cell).step(self.cell, projected, state)

    def _find(self, projected: Tensor, state: Any) -> dict[tuple[int, int], str]:
        with _Recording() as seen:
            _, readings = type(self.cell).step(self.cell, projected, state)
        makers = {}
        for name, reading in zip(self.cell.readings, readings):
            made = [place for place, value in seen.results.items() if value is reading]
            if not made:
                raise RecipeError(
                    f"{name} of {type(self.cell).__name__} cannot be set: its step shows it, but does not compute with it as it is shown."
                )
            makers[made[-1]] = name
        return makers


class _Recording(TorchFunctionMode):
    """Keeps every tensor that an operation gives, by its place: the operation's number, and which of its results."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[tuple[int, int], Tensor] = {}
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for which, value in enumerate(result if isinstance(result, (tuple, list)) else (result,)):
            if isinstance(value, Tensor):
                self.results[self.count, which] = value
        self.count += 1
        return result


class _Editing(TorchFunctionMode):
    """Lets the results that are readings through the edit."""

    def __init__(self, makers: dict[tuple[int, int], str], change: Change) -> None:
        super().__init__()
        self.makers, self.change = makers, change
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        at, self.count = self.count, self.count + 1
        single = not isinstance(result, (tuple, list))
        for which, value in enumerate((result,) if single else result):
            name = self.makers.get((at, which))
            if name is None:
                continue
            changed = self.change(name, value)  # its own operations are not counted: no mode is on in here
            if single:
                return changed
            result = [*result[:which], changed, *result[which + 1 :]]
        return result
