"""Ridge regression whose strength is chosen by leaving one out, in closed form.

Hastie, Tibshirani and Friedman (2009, 7.10). One decomposition serves all strengths and any number of targets, so that a probe and its control cost one. What
scikit-learn's RidgeCV and RidgeClassifierCV give, which decompose anew for each target.
"""

from __future__ import annotations

import numpy as np
import torch

STRENGTHS = (1e-3, 1e-1, 1e1, 1e3)


class Ridge:
    """The states that are fitted on, centred and decomposed; each column is brought to a variance of 1 first."""

    def __init__(self, states: np.ndarray) -> None:
        states = np.asarray(states, np.float64)
        self.mean, spread = states.mean(0), states.std(0)
        # What does not vary but for rounding is left as it is.
        still = spread <= 10 * np.finfo(np.float64).eps * np.maximum(np.abs(self.mean), 1e-300)
        self.spread = np.where(still, 1.0, spread)
        self.states = (states - self.mean) / self.spread
        # X = U sqrt(values) V^T, from the smaller of X X^T and X^T X.
        matrix = torch.from_numpy(self.states)
        if matrix.shape[1] <= len(matrix):
            values, right = torch.linalg.eigh(matrix.T @ matrix)
        else:
            values, left = torch.linalg.eigh(matrix @ matrix.T)
            there = values > 1e-12 * values.max()
            values, left = values[there], left[:, there]
            right = matrix.T @ (left / values.sqrt())
        self.values, self.right = values.clamp(min=0.0).numpy(), right.numpy()
        self.turned = (matrix @ right).numpy()  # U sqrt(values)

    def read(self, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Fit targets (n, outputs) and say them for other states (m, size): (m, outputs).

        The strength is the one of STRENGTHS with the least mean squared error over all outputs, each state left out in turn.
        """
        centre = targets.mean(0)
        centred = targets - centre
        along = self.turned.T @ centred
        best = (np.inf, STRENGTHS[0])
        for strength in STRENGTHS:
            shrunk = 1 / (self.values + strength)
            left = centred - self.turned @ (shrunk[:, None] * along)
            own = 1 / len(targets) + np.square(self.turned) @ shrunk
            error = float(np.square(left / np.maximum(1 - own, 1e-12)[:, None]).mean())
            best = min(best, (error, strength))
        weights = self.right @ (along / (self.values + best[1])[:, None])
        said: np.ndarray = ((np.asarray(asked, np.float64) - self.mean) / self.spread) @ weights + centre
        return said
