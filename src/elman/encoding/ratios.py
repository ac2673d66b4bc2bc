"""Log-count ratios: how much more often a token stands in texts of one class than of the other.

With p = 1 + (texts of class 1 that hold the token), q the same for class 0, the ratio is log(p / sum(p)) - log(q / sum(q)) (Wang and
Manning 2012, eq. 1, on presence). They are learned from labels, so a training text must not be described by a count it took part in:
its own ratios come from the other nine tenths of the training texts. Texts of other splits get the ratios of all training texts.
"""

from __future__ import annotations

import numpy as np

FOLDS = 10


def log_count_ratios(
    sequences: list[np.ndarray], targets: np.ndarray, size: int, seed: int = 0
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The ratio of each of `size` tokens (size,), and for each training sequence those of its own steps, out of fold.

    `sequences` are token numbers below `size`, of which 0 is no token and gets the ratio 0; `targets` (n,) are 0 or 1.
    """
    fold = np.random.default_rng(seed).permutation(len(sequences)) % FOLDS
    present = [np.unique(row) for row in sequences]
    text = np.repeat(np.arange(len(sequences)), [len(row) for row in present])
    group = fold[text] * 2 + targets[text]
    flat = np.concatenate(present).astype(np.int64) if present else np.zeros(0, np.int64)
    counts = np.bincount(group * size + flat, minlength=FOLDS * 2 * size).reshape(FOLDS, 2, size)
    total = counts.sum(0)
    others = [_ratios(total - counts[number]) for number in range(FOLDS)]
    return _ratios(total), [others[number][row] for number, row in zip(fold, sequences)]


def _ratios(counts: np.ndarray) -> np.ndarray:
    """Counts (2, size) to ratios (size,) float32; rounded, so that they are the same once stored as text."""
    smooth = 1.0 + counts
    smooth[:, 0] = 0
    shares = smooth / smooth.sum(1, keepdims=True)
    shares[:, 0] = 1
    ratios: np.ndarray = np.round(np.log(shares[1]) - np.log(shares[0]), 4).astype(np.float32)
    return ratios
