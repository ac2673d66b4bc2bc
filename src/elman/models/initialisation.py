"""How recurrent layers start, where the cell's own way is not wanted."""

from __future__ import annotations

import torch
from torch import nn

from elman.cells.contract import Cell, initialise_uniform
from elman.core.errors import RecipeError, UnknownName
from elman.models.cell_maker import refuse
from elman.models.weight_drop import recurrent

INITIALISATIONS = ("cell", "orthogonal", "uniform", "chrono")


def check(initialisation: str, forget_bias: float | None, longest_memory: float | None) -> None:
    """Raises UnknownName for an unknown initialisation, RecipeError for settings that contradict each other."""
    if initialisation not in INITIALISATIONS:
        raise UnknownName("initialisation", initialisation, INITIALISATIONS)
    if (initialisation == "chrono") != (longest_memory is not None):
        raise RecipeError(
            "initialisation='chrono' and longest_memory, the longest dependency expected in steps, go together; "
            f"got initialisation={initialisation!r} and longest_memory={longest_memory}."
        )
    if longest_memory is not None and not 2 < longest_memory < float("inf"):
        raise RecipeError(f"longest_memory is {longest_memory}; expected more than 2, in steps.")
    if forget_bias is not None and not -float("inf") < forget_bias < float("inf"):
        raise RecipeError(f"forget_bias is {forget_bias}; expected a finite number.")
    if longest_memory is not None and forget_bias is not None:
        raise RecipeError("initialisation='chrono' sets the forget gate's bias; leave out forget_bias.")


def start(cell: Cell, initialisation: str, forget_bias: float | None, longest_memory: float | None) -> None:
    """Fill a new cell's weights.

    "cell"         as its file says
    "orthogonal"   each gate's recurrent weights orthogonal (Saxe et al. 2014); ours start so anyway
    "uniform"      as torch.nn starts its layers
    "chrono"       the forget gates at log u, u uniform in (1, longest_memory - 1), and their partners at -log u, so that
                   units remember from 2 steps to the longest (Tallec and Ollivier 2018, section 2)
    forget_bias    what the forget gate's bias starts at; where a gate keeps by being shut, its negative

    Raises RecipeError where the cell has no such weights or no such gate.
    """
    if initialisation == "uniform":
        initialise_uniform(cell)
    elif initialisation == "orthogonal":
        refuse(cell, "initialisation=orthogonal", "recurrent weights", recurrent)
        for affine in recurrent(cell).values():
            for block in affine.weight.data.split(cell.hidden_size):
                nn.init.orthogonal_(block)
    elif longest_memory is not None:
        refuse(cell, "initialisation=chrono", "gate that forgets", lambda one: one.keepers())
        cell.keep(torch.empty(cell.hidden_size).uniform_(1.0, longest_memory - 1).log(), partners=True)
    if forget_bias is not None:
        refuse(cell, "forget_bias", "gate that forgets", lambda one: one.keepers())
        cell.keep(forget_bias)
