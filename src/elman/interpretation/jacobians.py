"""How far a small change of the state gets: norms of the Jacobian over one step and over many.

J(t, k) = d s(t + k) / d s(t) is the product of the Jacobians of k steps along real inputs, over the full state; whether gradients vanish or
explode hangs on its norm (Pascanu, Mikolov and Bengio 2013). Given is ||J||_F / sqrt(size), the root of the mean square of what a change of
size 1 in a random direction has become. Exact for small states; estimated from random signs v for large ones, for which the mean of |J v|^2 is
the squared Frobenius norm. The exponents tell the rate in the long run; this tells what comes first: a change may grow before it fades.
"""

from __future__ import annotations

import numpy as np
import torch

from elman.interpretation.stepping import Stepping

LAGS = 50  # steps that a change is followed, at most
EACH = 3  # changes along a sequence
EXACT = 64  # states up to this size are changed in all directions, larger ones in DRAWN
DRAWN = 16


def growth(
    stepping: Stepping, vectors: torch.Tensor, states: torch.Tensor, lengths: list[int], *, settled: float = 0.0, seed: int = 0
) -> np.ndarray:  # fmt: skip
    """Norms (changes, lags) of J(t, k) for k = 1, 2 ...; `states` (sequences, time, size) are those after reading `vectors`.

    Changes are made EACH times along every sequence that is long enough, from the share `settled` of its steps on.
    """
    lags, places = lags_of(lengths), []
    for row, length in enumerate(lengths):
        if length >= lags:
            first = min(int(settled * length), length - lags)
            places += [
                (row, int(step)) for step in np.unique(np.linspace(first, length - lags, EACH).astype(int))
            ]
    rows, steps = (torch.tensor(each) for each in zip(*places))
    # After no step the state is the one it starts with.
    now = torch.where((steps > 0)[:, None], states[rows, (steps - 1).clamp(min=0)], stepping.start)
    moved = _directions(stepping.size, seed).expand(len(places), -1, -1)
    found = []
    for lag in range(lags):
        now, moved = stepping.push(now, vectors[rows, steps + lag], moved)
        found.append(moved.square().sum(1).mean(1).sqrt())
    return torch.stack(found, 1).numpy()


def lags_of(lengths: list[int]) -> int:
    """How many steps a change is followed: half of the longest sequence at most."""
    return max(1, min(LAGS, max(lengths) // 2))


def typical(norms: np.ndarray) -> np.ndarray:
    """The geometric mean over changes (lags,); 0 where one of them is lost."""
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.exp(np.log(norms).mean(0))
    return found


def said(norms: np.ndarray) -> str:
    """What becomes of a small change, in a sentence."""
    each = typical(norms)
    text = f"A small change in a random direction has {each[0]:.2g} of its size after a step"
    text += f", {each[-1]:.2g} after {len(each)}" if len(each) > 1 else ""
    most = int(each.argmax())
    grown = most > 0 and each[most] > max(1.0, each[0], each[-1])
    return f"{text}{f'; it is largest after {most + 1}, {each[most]:.2g}' if grown else ''}."


def _directions(size: int, seed: int) -> torch.Tensor:
    """Directions of length 1 (1, size, k)."""
    if size <= EXACT:
        return torch.eye(size, dtype=torch.float64)[None]
    draw = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randint(0, 2, (1, size, DRAWN), generator=draw).double() - 1) / size**0.5
