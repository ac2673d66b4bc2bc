"""The plane of a `dynamics` finding: where states lie in it, and one sequence's way through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation.stepping import Stepping
from elman.interpretation.view import View

PIECE = 200  # steps whose states are held at once


def placed(finding: Finding, states: np.ndarray) -> np.ndarray:
    """States (..., size) in the finding's plane (..., 2): its first two principal components, around the mean state."""
    found: np.ndarray = (states - finding.arrays["mean"]) @ finding.arrays["components"].T
    return found


def way(view: View, finding: Finding, inputs: Tensor) -> np.ndarray:
    """The state after each step of one sequence (1, time, ...) in the finding's plane (time, 2).

    Raises RecipeError for a network that reads from the end, too: it has no one state that goes on.
    """
    if view.stepping is None:
        raise RecipeError("a network that reads from both ends has no one state that goes from step to step.")
    with torch.no_grad():
        stepping, read = view.stepping()
        return np.concatenate(list(pieces(stepping, finding, read(inputs.to(view.device)))))


def pieces(stepping: Stepping, finding: Finding, vectors: Tensor) -> Iterator[np.ndarray]:
    """`way` of what a network reads (1, time, features), PIECE steps at a time: the states of one piece are held."""
    state = stepping
    for part in vectors.detach().double().cpu().split(PIECE, 1):
        states = state.states(part)[0]
        state = replace(stepping, start=states[-1])
        yield placed(finding, states.numpy())
