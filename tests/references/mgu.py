"""Minimal gated unit (Zhou et al. 2016) in float64 NumPy: weights by name, x (input,), the old state -> new state, gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    (h,) = state
    from_x = np.split(affine(w, "ih", x), 2)
    f = sigmoid(from_x[0] + affine(w, "hh", h))
    n = np.tanh(from_x[1] + affine(w, "hn", f * h))
    return ((1 - f) * h + f * n,), {"forget_gate": f, "candidate": n}
