"""Check that a cell of your own keeps what every cell promises, or that the analyses find what is known.

elman check cell mycell.py
elman check cell lstm
elman check analyses          # on networks whose answers are known
"""

from __future__ import annotations

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
    return 0 if _cell(arguments[1]) else 1


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


def _cell(given: str) -> bool:
    """A line for each promise as it is asked, and what to do next under those of each cell."""
    from elman.promises import Promises, asked

    told = Promises()
    for promise in asked(given):
        if not told or told[-1].cell != promise.cell:
            print(f"{promise.cell}:")
        print(promise, flush=True)
        told.append(promise)
    cells = list(dict.fromkeys(one.cell for one in told))
    if not told.kept:
        print("Mend the first one first: the others often follow from it.")
    elif given == cells[0]:
        print("Every promise is kept.")
    else:
        which = given if len(cells) == 1 else f"{given}:{cells[0]}"
        print(
            f"Every promise is kept. Use it: elman train SOURCE --cell {which}, or elman.RNN({cells[0]}, input_size, hidden_size)"
        )
    return told.kept
