"""LSTM with peepholes (Graves 2013, eqs. 7-11) in float64 NumPy: weights by name, x, the old state -> new state, gates."""

from __future__ import annotations

import numpy as np

from .affine import affine, sigmoid


def step(w, x, state):
    h, c = state
    size = len(c)
    total = affine(w, "ih", x) + affine(w, "hh", h)
    rows = {gate: total[k * size : (k + 1) * size] for k, gate in enumerate("ifno")}
    look = {gate: np.diag(w["peephole"][k * size : (k + 1) * size]) for k, gate in enumerate("ifo")}
    i = sigmoid(rows["i"] + look["i"] @ c)
    f = sigmoid(rows["f"] + look["f"] @ c)
    n = np.tanh(rows["n"])
    c = f * c + i * n
    o = sigmoid(rows["o"] + look["o"] @ c)
    h = o * np.tanh(c)
    if "hr.weight" in w:  # Sak et al. 2014
        h = w["hr.weight"] @ h
    return (h, c), {"input_gate": i, "forget_gate": f, "candidate": n, "output_gate": o}
