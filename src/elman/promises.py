"""What every cell promises, asked of yours: `elman.check(MyCell)` in Python, `elman check cell mycell.py` in a shell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.cells._check import HIDDEN, INPUT, Broken
from elman.cells._check import check as properties
from elman.cells._own import cells_of, where
from elman.core.catalogue import catalogue
from elman.core.cell_file import trust
from elman.core.errors import UnknownName
from elman.models.rnn import RNN


@dataclass(frozen=True)
class Promise:
    """One promise of a cell; `wrong` is how it is broken, None where it is kept."""

    cell: str
    text: str
    wrong: str | None

    def __str__(self) -> str:
        said = f"  {'kept  ' if self.wrong is None else 'BROKEN'}  {self.text}"
        return said if self.wrong is None else f"{said}\n          {self.wrong}"


class Promises(list[Promise]):
    """All of them; prints as lines."""

    @property
    def kept(self) -> bool:
        """Whether none is broken."""
        return all(one.wrong is None for one in self)

    def __repr__(self) -> str:
        return "\n".join(
            f"{one.cell}:\n{one}" if k == 0 or self[k - 1].cell != one.cell else str(one)
            for k, one in enumerate(self)
        )


def check(cell: str | Path | Callable[..., Any]) -> Promises:
    """Ask a cell what every cell promises: its class, the name of one of ours, or a file with one or several.

    A file runs, and counts as trusted as it is now. Raises DataError for a file that does not run or holds no cell, UnknownName for
    a name that is none.
    """
    return Promises(asked(cell))


def asked(cell: str | Path | Callable[..., Any]) -> Iterator[Promise]:
    """The same, one promise after the other as they are asked; ends early in a cell that has not even the right shapes."""
    for name, maker in _makers(cell).items():
        file = Path(inspect.getfile(maker)) if inspect.isclass(maker) else None
        for text, wrong in properties(lambda maker=maker, **options: RNN(maker, INPUT, HIDDEN, **options)):
            told = wrong if wrong is None or isinstance(wrong, Broken) else where(wrong, file)
            yield Promise(name, text, None if told is None else str(told))


def _makers(cell: str | Path | Callable[..., Any]) -> dict[str, Any]:
    """The name of each cell -> what makes it: a class, the classes of a file, or one of ours."""
    if callable(cell):
        return {getattr(cell, "__name__", "cell"): cell}
    given = str(cell)
    if given.replace("-", "_") in catalogue("cells"):
        return {given: given.replace("-", "_")}
    if not given.endswith(".py") and not Path(given).exists():
        raise UnknownName("cell", given, catalogue("cells"))
    kinds = cells_of(given)
    trust(given)
    return {kind.__name__: kind for kind in kinds}
