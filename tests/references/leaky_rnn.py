"""Leaky RNN in float64 NumPy, as an Euler step of tau dh/dt = -h + tanh(...): weights by name, x, old state -> new state."""

from __future__ import annotations

import numpy as np

from .affine import affine


def step(w, x, state):
    (h,) = state
    tau = 1.0 + np.exp(-w["leak"])
    n = np.tanh(affine(w, "ih", x) + affine(w, "hh", h))
    return (h + (n - h) / tau,), {"update_gate": 1.0 / tau, "candidate": n}
