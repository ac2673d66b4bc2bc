"""minGRU in float64 NumPy: weights by name, x (input,), the old state -> the new state and its gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    (h,) = state
    z, n = np.split(affine(w, "ih", x), 2)
    z = sigmoid(z)
    return ((1 - z) * h + z * n,), {"update_gate": z, "candidate": n}
