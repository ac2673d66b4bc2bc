"""GRU of Cho et al. 2014 (eqs. 5-8) in float64 NumPy: weights by name, x (input,), the old state -> new state, gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    (h,) = state
    size = len(h)
    from_x, from_h = affine(w, "ih", x), affine(w, "hh", h)
    r = sigmoid(from_x[:size] + from_h[:size])
    z = sigmoid(from_x[size : 2 * size] + from_h[size:])
    n = np.tanh(from_x[2 * size :] + affine(w, "hn", r * h))
    return (z * h + (1 - z) * n,), {"reset_gate": r, "update_gate": z, "candidate": n}
