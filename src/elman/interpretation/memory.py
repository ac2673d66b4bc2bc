"""Memory: how far back the network looks.

Loss with only the last n steps given (Khandelwal et al. 2018, section 3): the memory horizon is the least n from which on the loss is
within `tolerance` of that with all steps, as a share of what context is worth at all. Control: the steps before the last
n shuffled instead of dropped, which keeps what they say together and loses their order.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import lines
from elman.interpretation.view import Sample, View, untouched

TOLERANCE = 0.02  # of the loss that context saves


def memory(
    view: View, sample: Sample, *, draws: int = 200, seed: int = 0, tolerance: float = TOLERANCE
) -> Finding:
    """The memory horizon in steps with its bootstrap interval, and loss against context length."""
    lengths = (
        sample.lengths if sample.lengths is not None else torch.full((len(sample),), sample.inputs.shape[1])
    )
    longest = int(lengths.max())
    grid = sorted({1, *np.unique(np.geomspace(1, longest, 16).round().astype(int)).tolist(), longest})
    draw = np.random.default_rng(seed)
    with untouched(view), torch.no_grad():
        cut = np.stack([_losses(view, sample, lengths, n, None) for n in grid])
        mixed = np.stack([_losses(view, sample, lengths, n, draw) for n in grid])
    whole = cut[-1]
    horizon = _horizon(grid, cut.mean(1), tolerance)
    picks = draw.integers(0, len(sample), (draws, len(sample)))
    spread = [_horizon(grid, cut[:, rows].mean(1), tolerance) for rows in picks]
    low, high = (int(value) for value in np.percentile(spread, [2.5, 97.5]))
    saved = float(cut[0].mean() - whole.mean())
    shuffled = _horizon(grid, mixed.mean(1), tolerance)
    rows = [
        {
            "steps of context kept": n,
            "loss (nats)" if view.labels else "loss": float(value),
            "what happens to the rest": name,
        }
        for name, values in (("dropped", cut), ("shuffled", mixed))
        for n, value in zip(grid, values.mean(1))
    ]
    unit = "loss (nats)" if view.labels else "loss"
    edge = " (all there is in these sequences)" if horizon >= longest else ""
    sentence = f"It uses the last {horizon} steps{edge}: beyond them, loss changes by less than {tolerance:.0%} of what context is worth ({saved:.3g})."
    return Finding(
        "memory", "Memory horizon", sentence, float(horizon), "steps", interval=(float(low), float(high)), control=float(shuffled),
        sample=f"{len(sample)} sequences of up to {longest} steps", chart=lines(rows, "steps of context kept", unit, "what happens to the rest", log_x=True),
        arrays={"context": np.array(grid), "loss_cut": cut, "loss_shuffled": mixed},
    )  # fmt: skip


def _horizon(grid: list[int], loss: np.ndarray, tolerance: float) -> int:
    """Least context from which on the loss stays within the tolerance of the last."""
    saved = max(loss[0] - loss[-1], 1e-9)
    off = np.abs(loss - loss[-1]) > tolerance * saved
    return grid[int(np.flatnonzero(off)[-1]) + 1] if off.any() else grid[0]


def _losses(
    view: View, sample: Sample, lengths: Tensor, kept: int, shuffle: np.random.Generator | None
) -> np.ndarray:
    """Loss of each sequence (n,) with its last `kept` steps whole and the steps before dropped, or shuffled."""
    found = []
    for start in range(0, len(sample), 64):
        inputs, length = sample.inputs[start : start + 64], lengths[start : start + 64]
        keep = length.clamp(max=kept)
        if shuffle is None:
            place = torch.arange(int(keep.max())) + (length - keep)[:, None]
            place = place.clamp(max=inputs.shape[1] - 1)
            rows = inputs.gather(
                1,
                place.reshape(*place.shape, *[1] * (inputs.dim() - 2)).expand(
                    *place.shape, *inputs.shape[2:]
                ),
            )
            given = keep
        else:
            place = torch.arange(inputs.shape[1]).repeat(len(inputs), 1)
            for row, (whole, some) in enumerate(zip(length.tolist(), keep.tolist())):
                place[row, : whole - some] = torch.from_numpy(shuffle.permutation(whole - some))
            rows = inputs.gather(1, place.reshape(*place.shape, *[1] * (inputs.dim() - 2)).expand_as(inputs))
            given = length
        ragged = (
            given
            if sample.lengths is not None or (shuffle is None and int(given.min()) < rows.shape[1])
            else None
        )
        outputs = view.read(view.embed(rows), ragged)
        found.append(view.loss(outputs, sample.targets[start : start + 64]).cpu().numpy())
    return np.concatenate(found)
