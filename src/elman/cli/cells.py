"""List the cells, with parameters and readable gates, or show one cell's equations.

elman cells
elman cells lstm
"""

from __future__ import annotations

from elman.core.catalogue import catalogue
from elman.core.errors import UnknownName


def main(arguments: list[str]) -> int:
    """Run the verb; reads docstrings only, so it answers without torch."""
    cells = catalogue("cells")
    if any(argument in ("-h", "--help") for argument in arguments):
        print(__doc__)
        return 0
    if not arguments:
        for name, entry in cells.items():
            print(f"{name:<8} {entry.summary}")
        print("\nEquations of one: elman cells NAME      In a network: elman train SOURCE --cell NAME")
        return 0
    if arguments[0] not in cells:
        raise UnknownName("cell", arguments[0], cells)
    print(cells[arguments[0]].docstring)
    from elman.models.rnn import RNN

    layer = RNN(arguments[0], 128, 128)
    count = sum(parameter.numel() for parameter in layer.parameters())
    print(
        f"\nParameters at input 128, hidden 128: {count:,}. Readable at every step: {', '.join((*layer.readings, *layer.state_names))}."
    )
    return 0
