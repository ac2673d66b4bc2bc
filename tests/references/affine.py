"""What the NumPy transcriptions share: the logistic function, and norm(W v + b) with an optional layer norm."""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def affine(w, name, v):
    y = w[f"{name}.weight"] @ v
    if f"{name}.bias" in w:
        y = y + w[f"{name}.bias"]
    if f"{name}.norm.weight" in w:  # Ba et al. 2016, eq. 4; torch adds 1e-5 to the variance
        y = (y - y.mean()) / np.sqrt(y.var() + 1e-5) * w[f"{name}.norm.weight"] + w[f"{name}.norm.bias"]
    return y
