"""List the cells with parameters and cost, or show one: equations, options, gates, and which executor runs it.

elman cells
elman cells lstm
"""

from __future__ import annotations

from elman.core.catalogue import catalogue
from elman.core.errors import UnknownName

SIZE = 128  # inputs and units at which parameters and cost are told


def main(arguments: list[str]) -> int:
    """Run the verb: measures every cell on itself."""
    cells = catalogue("cells")
    if any(argument in ("-h", "--help") for argument in arguments):
        print(__doc__)
        return 0
    if not arguments:
        _list()
        return 0
    name = arguments[0].strip().lower().replace("-", "_")
    if name not in cells:
        raise UnknownName("cell", arguments[0], cells)
    print(cells[name].docstring)
    _show(name)
    return 0


def _list() -> None:
    from elman.cells._cost import multiply_adds, parameters
    from elman.models.rnn import RNN

    cells = catalogue("cells")
    width = max(map(len, cells))
    print(f"{'cell':<{width}}  {'parameters':>10}  {'cost a step':>11}")
    for name, entry in cells.items():
        cell = RNN(name, SIZE, SIZE).layers[0][0]  # type: ignore[index]
        print(f"{name:<{width}}  {parameters(cell):>10,}  {multiply_adds(cell):>11,}  {entry.summary}")
    print(
        f"\nAt {SIZE} inputs and {SIZE} units; the cost is in multiply-adds of one step of one sequence."
        "\nEquations of one: elman cells NAME      In a network: elman train SOURCE --cell NAME"
        "\nOne of your own:  elman check cell mycell.py, then elman train SOURCE --cell mycell.py"
    )


def _show(name: str) -> None:
    import inspect

    import torch

    from elman.cells._cost import multiply_adds, parameters
    from elman.models.rnn import RNN

    layer = RNN(name, SIZE, SIZE)
    cell = layer.layers[0][0]  # type: ignore[index]
    keywords = inspect.signature(type(cell)).parameters.values()
    options = [f"{one.name}={one.default!r}" for one in keywords if one.kind is one.KEYWORD_ONLY]
    plan = str(layer.plan(torch.zeros(1, 2, SIZE)))
    print(
        f"\nAt {SIZE} inputs and {SIZE} units: {parameters(cell):,} parameters, {multiply_adds(cell):,} multiply-adds a step."
        f"\nReadable at every step: {', '.join(layer.traced)}."
        f"\nOptions: {', '.join(options)}."
        f"\nExecutor: {plan.replace(chr(10), chr(10) + '          ')}"
    )
