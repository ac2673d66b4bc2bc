"""Weight drop: DropConnect on recurrent weights, one mask for all steps and sequences of a run.

Merity, Keskar and Socher 2018, "Regularizing and optimizing LSTM language models" (section 2; DropConnect: Wan et al. 2013).
The mask falls on the weights before any step, so every executor, torch's kernels included, runs the thinned cell as it is.
"""

from __future__ import annotations

from torch import nn

from elman.cells.contract import Affine, Cell, over


def recurrent(cell: Cell) -> dict[str, Affine]:
    """The parts of a cell that multiply the state on its way to the next one, by name."""
    parts = cell.named_children()
    return {name: part for name, part in parts if isinstance(part, Affine) and part.recurrent}


def thinned(cell: Cell, share: float) -> Cell:
    """The same cell with `share` of each recurrent weight's entries at zero and the others larger by 1 / (1 - share).

    `cell` itself is left alone, so that other threads may run it meanwhile; gradients go to its weights.
    """
    drop = nn.functional.dropout
    return over(
        cell,
        {
            f"{name}.weight": drop(affine.weight, share, training=True)
            for name, affine in recurrent(cell).items()
        },
    )
