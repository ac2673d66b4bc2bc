"""minLSTM (Feng et al. 2024, section 3.2) in float64 NumPy: weights by name, x, the old state -> new state, gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    (h,) = state
    i, f, n = np.split(affine(w, "ih", x), 3)
    i, f = sigmoid(i), sigmoid(f)
    i, f = i / (i + f), f / (i + f)
    return (f * h + i * n,), {"input_gate": i, "forget_gate": f, "candidate": n}
