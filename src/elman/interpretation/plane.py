"""The plane of a `dynamics` finding: where states lie in it, and one sequence's way through it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation.view import View


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
        return placed(finding, stepping.states(read(inputs.to(view.device)).double().cpu())[0].numpy())
