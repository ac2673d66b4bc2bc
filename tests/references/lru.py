"""LRU (Orvieto et al. 2023) in complex128 NumPy: weights by name, x (input,), the old state -> new state, drive; its output apart."""

from __future__ import annotations

import numpy as np

from .affine import affine


def step(w, x, state):
    real, imaginary = state
    size = len(real)
    eigenvalue = np.exp(-np.exp(w["nu_log"]) + 1j * np.exp(w["theta_log"]))
    driven = affine(w, "ih", x)
    drive = np.exp(w["gamma_log"]) * (driven[:size] + 1j * driven[size:])
    s = eigenvalue * (real + 1j * imaginary) + drive
    return (s.real, s.imag), {"candidate_real": drive.real, "candidate_imaginary": drive.imag}


def readout(w, x, state):
    real, imaginary = state
    size = len(real)
    c = w["out.weight"][:, :size] - 1j * w["out.weight"][:, size:]
    return (c @ (real + 1j * imaginary)).real + w["skip.weight"] @ x
