"""LRU (Orvieto et al. 2023) in complex128 NumPy: weights by name, x (input,), the old state -> new state, drive."""

from __future__ import annotations

import numpy as np

from .affine import affine


def step(w, x, state):
    _, real, imaginary = state
    size = len(real)
    eigenvalue = np.exp(-np.exp(w["nu_log"]) + 1j * np.exp(w["theta_log"]))
    driven = affine(w, "ih", x)
    drive = np.exp(w["gamma_log"]) * (driven[:size] + 1j * driven[size:])
    c = w["out.weight"][:, :size] - 1j * w["out.weight"][:, size:]
    s = eigenvalue * (real + 1j * imaginary) + drive
    y = (c @ s).real + w["skip.weight"] @ x
    return (y, s.real, s.imag), {"candidate_real": drive.real, "candidate_imaginary": drive.imag}
