"""The vanilla RNN in float64 NumPy: weights by name, x (input,), the old state -> the new state and its candidate."""

from __future__ import annotations

import math

import numpy as np

from .affine import affine, sigmoid

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": sigmoid,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0))),
    "identity": lambda x: x,
}


def step(w, x, state, activation="tanh"):
    (h,) = state
    new = ACTIVATIONS[activation](affine(w, "ih", x) + affine(w, "hh", h))
    return (new,), {"candidate": new}
