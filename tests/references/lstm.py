"""LSTM in float64 NumPy: weights by name, x (input,), the old state -> the new state and the gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    h, c = state
    i, f, n, o = np.split(affine(w, "ih", x) + affine(w, "hh", h), 4)
    i, f, n, o = sigmoid(i), sigmoid(f), np.tanh(n), sigmoid(o)
    c = f * c + i * n
    h = o * np.tanh(c)
    if "hr.weight" in w:  # Sak et al. 2014
        h = w["hr.weight"] @ h
    return (h, c), {"input_gate": i, "forget_gate": f, "candidate": n, "output_gate": o}
