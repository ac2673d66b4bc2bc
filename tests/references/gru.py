"""GRU (reset after the product) in float64 NumPy: weights by name, x (input,), the old state -> the new state and gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    (h,) = state
    from_x, from_h = np.split(affine(w, "ih", x), 3), np.split(affine(w, "hh", h), 3)
    r = sigmoid(from_x[0] + from_h[0])
    z = sigmoid(from_x[1] + from_h[1])
    n = np.tanh(from_x[2] + r * from_h[2])
    return ((1 - z) * n + z * h,), {"reset_gate": r, "update_gate": z, "candidate": n}
