"""Check that a cell of your own keeps what every cell promises, so that layers, ragged batches, trace and training work.

elman check cell mycell.py
elman check cell lstm
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError, UnknownName

CHECKS = ("cell",)


def main(arguments: list[str]) -> int:
    """Run the verb: exit status 0 if every promise is kept, 1 if one is broken."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(__doc__)
        return 0
    if not arguments:
        raise RecipeError("what shall be checked? elman check cell mycell.py")
    if arguments[0] not in CHECKS:
        raise UnknownName("check", arguments[0], CHECKS)
    if len(arguments) != 2:
        raise RecipeError("give one file or name: elman check cell mycell.py")
    broken = [name for name, maker in _makers(arguments[1]).items() if not _check(name, maker)]
    return 1 if broken else 0


def _makers(given: str) -> dict[str, Any]:
    """The name of each cell -> what makes it: the classes of a file, or one of ours."""
    if given.replace("-", "_") in catalogue("cells"):
        return {given: given.replace("-", "_")}
    from elman.cells._own import cells_of

    if not given.endswith(".py") and not Path(given).exists():
        raise UnknownName("cell", given, catalogue("cells"))
    return {kind.__name__: kind for kind in cells_of(given)}


def _check(name: str, maker: Any) -> bool:
    from elman.cells._check import HIDDEN, INPUT, Broken, check
    from elman.cells._own import where
    from elman.models.rnn import RNN

    print(f"{name}:")
    kept = True
    for promise, wrong in check(lambda **options: RNN(maker, INPUT, HIDDEN, **options)):
        print(f"  {'BROKEN' if wrong else 'kept  '}  {promise}")
        if wrong is not None:
            kept = False
            file = None if isinstance(maker, str) else Path(inspect.getfile(maker))
            print(f"          {wrong if isinstance(wrong, Broken) else where(wrong, file)}")
    if not kept:
        print("Mend the first one first: the others often follow from it.")
    elif isinstance(maker, str):
        print("Every promise is kept.")
    else:
        print(f"Every promise is kept. Use it: elman.RNN({name}, input_size, hidden_size)")
    return kept
