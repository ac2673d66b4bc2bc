"""Check that a cell of your own keeps what every cell promises, or that the analyses find what is known.

elman check cell mycell.py
elman check cell lstm
elman check analyses          # on networks whose answers are known
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from elman.core.catalogue import catalogue
from elman.core.cell_file import trust
from elman.core.errors import RecipeError, UnknownName

CHECKS = ("cell", "analyses")


def main(arguments: list[str]) -> int:
    """Run the verb: exit status 0 if every promise is kept, 1 if one is broken."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(__doc__)
        return 0
    if not arguments:
        raise RecipeError("what shall be checked? elman check cell mycell.py, or elman check analyses")
    if arguments[0] not in CHECKS:
        raise UnknownName("check", arguments[0], CHECKS)
    if arguments[0] == "analyses":
        if len(arguments) > 1:
            raise RecipeError(f"elman check analyses takes nothing more; got {' '.join(arguments[1:])}.")
        return 0 if _analyses() else 1
    if len(arguments) != 2:
        raise RecipeError("give one file or name: elman check cell mycell.py")
    makers = _makers(arguments[1])
    trust(arguments[1])
    broken = [
        name for name, maker in makers.items() if not _check(name, maker, arguments[1], len(makers) > 1)
    ]
    return 1 if broken else 0


def _analyses() -> bool:
    """A line for each known answer: what was expected, and what the analysis found."""
    from elman.known_answers import known_answers

    right = True
    for known in known_answers():
        found = known.measure()
        held = known.holds(found)
        right &= held
        print(
            f"  {'right' if held else 'WRONG'}  {known.question:<14} {known.network}: {known.quantity} {found:.6g}, "
            f"expected {known.expected:.6g}"
        )
    print(
        "Every analysis finds what is known."
        if right
        else "An analysis is wrong here: do not trust its findings."
    )
    return right


def _makers(given: str) -> dict[str, Any]:
    """The name of each cell -> what makes it: the classes of a file, or one of ours."""
    if given.replace("-", "_") in catalogue("cells"):
        return {given: given.replace("-", "_")}
    from elman.cells._own import cells_of

    if not given.endswith(".py") and not Path(given).exists():
        raise UnknownName("cell", given, catalogue("cells"))
    return {kind.__name__: kind for kind in cells_of(given)}


def _check(name: str, maker: Any, given: str, several: bool) -> bool:
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
        print(
            f"Every promise is kept. Use it: elman train SOURCE --cell {given}{f':{name}' * several}, or elman.RNN({name}, input_size, hidden_size)"
        )
    return kept
