"""IndRNN (Li et al. 2018, eq. 2) in float64 NumPy: weights by name, x (input,), the old state -> new state, candidate."""

from __future__ import annotations

import numpy as np

from .affine import affine


def step(w, x, state):
    (h,) = state
    new = np.maximum(affine(w, "ih", x) + np.diag(w["recurrent"]) @ h, 0.0)
    return (new,), {"candidate": new}
