"""Independent float64 NumPy transcriptions of the cells' equations, one function per cell.

Each takes the cell's weights as a dict of arrays, x (input,), the old state (tuple of (hidden,)) and gives the new state and readings.
"""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def gate(w, name, rows, x, h, size):
    part = slice(rows * size, (rows + 1) * size)
    return w["ih.weight"][part] @ x + w["ih.bias"][part], w["hh.weight"][part] @ h + w["hh.bias"][part]


def lstm(w, x, state):
    h, c = state
    size = len(h)
    i = sigmoid(sum(gate(w, "i", 0, x, h, size)))
    f = sigmoid(sum(gate(w, "f", 1, x, h, size)))
    n = np.tanh(sum(gate(w, "n", 2, x, h, size)))
    o = sigmoid(sum(gate(w, "o", 3, x, h, size)))
    c = f * c + i * n
    return (o * np.tanh(c), c), {"input_gate": i, "forget_gate": f, "candidate": n, "output_gate": o}


def gru(w, x, state):
    (h,) = state
    size = len(h)
    r = sigmoid(sum(gate(w, "r", 0, x, h, size)))
    z = sigmoid(sum(gate(w, "z", 1, x, h, size)))
    from_x, from_h = gate(w, "n", 2, x, h, size)
    n = np.tanh(from_x + r * from_h)
    return ((1 - z) * n + z * h,), {"reset_gate": r, "update_gate": z, "candidate": n}


def rnn(w, x, state):
    (h,) = state
    new = np.tanh(w["ih.weight"] @ x + w["ih.bias"] + w["hh.weight"] @ h + w["hh.bias"])
    return (new,), {"candidate": new}


def mingru(w, x, state):
    (h,) = state
    size = len(h)
    z = sigmoid(w["ih.weight"][:size] @ x + w["ih.bias"][:size])
    n = w["ih.weight"][size:] @ x + w["ih.bias"][size:]
    return ((1 - z) * h + z * n,), {"update_gate": z, "candidate": n}
