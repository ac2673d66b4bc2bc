"""Connectivity: how strongly the answer hangs on what was read so many steps before it.

The norm of the slope of the output with respect to the vector read at a step, || d output_t / d x_s || (Madsen 2019), by lag t - s.
With many outputs it is estimated from DRAWN random directions v: the mean of |v^T J|^2 is the squared Frobenius norm. A slope says what
a small change of an input would do, not what inputs do: beside the memory horizon it tells a network that could look further
back from one that does. Control: the same network with its weights shuffled.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import lines
from elman.interpretation.view import NO_WEIGHTS, Sample, View, one_for_each, shuffled, untouched

ALL = 8  # up to so many outputs the norm is exact
DRAWN = 4
SHOWN = 200  # lags in the picture


def connectivity(view: View, sample: Sample, *, draws: int = 200, seed: int = 0) -> Finding | None:
    """Within how many of the last steps half of the connectivity lies; None where the answer is not about the last step, or steps have no vectors of their own.

    `arrays`: "connectivity" (sequences, lags), NaN beyond a sequence's start, "mean" (lags,), and "mean_shuffled" where there are weights.
    """
    if view.asked is not None:
        return None
    sample = sample.to(view.device)
    with untouched(view):
        if not one_for_each(view, sample):
            return None
        found = slopes(view, sample, seed)
        control = None
        if view.has_weights:
            with shuffled(view, seed):
                control = by_lag(slopes(view, sample, seed))
    mean = by_lag(found)
    arrays = {"connectivity": found, "mean": mean} | ({} if control is None else {"mean_shuffled": control})
    unit = "norm of the slope"
    if not mean.sum() > 0:
        return Finding(
            "connectivity", "Connectivity", "No small change of any step changes the answer: its slope is 0 everywhere.",
            sample=_said(sample, view), arrays=arrays,
        )  # fmt: skip
    picks = np.random.default_rng(seed).integers(0, len(found), (draws, len(found)))
    spread = [half(by_lag(found[rows])) for rows in picks]
    value, wanted = half(mean), None if control is None else half(control)
    beside = NO_WEIGHTS if wanted is None else f"With shuffled weights it lies in the last {wanted}."
    ends = np.percentile(spread, 2.5, method="lower"), np.percentile(spread, 97.5, method="higher")
    ratio = mean[-1] / mean.max()
    sentence = (
        f"Half of the slope of the answer lies in the last {value} step{'s' * (value != 1)}. The strongest lag is {int(mean.argmax())}; of its "
        f"slope, a share of {ratio:.2g} is left at the farthest, {len(mean) - 1} steps back. {beside}"
    )
    rows = [
        {"steps before the last": lag, unit: float(each), "network": name}
        for name, values in (("this network", mean), ("weights shuffled", control))
        if values is not None
        for lag, each in enumerate(values[:SHOWN])
        if np.isfinite(each)
    ]
    return Finding(
        "connectivity", "Connectivity", sentence, float(value), "steps", (float(ends[0]), float(ends[1])), None if wanted is None else float(wanted),
        sample=_said(sample, view),
        chart=lines(
            rows, "steps before the last", unit, "network", points=len(mean) <= 40, title="How strongly the answer hangs on each step"
        ),
        arrays=arrays,
    )  # fmt: skip


def slopes(view: View, sample: Sample, seed: int = 0) -> np.ndarray:
    """|| d output / d x || (sequences, lags) of the answer of each sequence; lag 0 is its last step, NaN is before its first."""
    longest = max(sample.length(row) for row in range(len(sample)))
    found = np.full((len(sample), longest), np.nan)
    draw, at = torch.Generator().manual_seed(seed), 0
    for part in sample.parts(32, outputs=max(1, len(view.labels))):
        with torch.no_grad():
            embedded = view.embed(part.inputs)
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            embedded = embedded.detach().requires_grad_(True)
            outputs = view.read(embedded, part.lengths).flatten(1)
            squared = torch.zeros(embedded.shape[:2], dtype=torch.float64)
            for direction in _directions(outputs, draw) if outputs.requires_grad else ():
                (slope,) = torch.autograd.grad(
                    outputs, embedded, direction, retain_graph=True, allow_unused=True
                )
                if slope is not None:  # the vectors had a part in it
                    squared += slope.double().square().reshape(*squared.shape, -1).sum(2).cpu()
        for row, each in enumerate(squared.sqrt().numpy()):
            length = part.length(row)
            found[at + row, :length] = each[:length][::-1]
        at += len(part)
    return found


def by_lag(found: np.ndarray) -> np.ndarray:
    """The mean over the sequences that reach so far back (lags,); 0 where none of them does."""
    there = np.isfinite(found)
    total: np.ndarray = np.where(there, found, 0.0).sum(0) / np.maximum(1, there.sum(0))
    return total


def half(mean: np.ndarray) -> int:
    """How many of the last steps hold half of the sum (lags,)."""
    return int(np.searchsorted(np.cumsum(mean), 0.5 * mean.sum())) + 1


def _directions(outputs: Tensor, draw: torch.Generator) -> Iterator[Tensor]:
    """Each output of a few, random directions through many; their squared slopes sum to the squared norm."""
    batch, count = outputs.shape
    if count <= ALL:
        for k in range(count):
            direction = torch.zeros_like(outputs)
            direction[:, k] = 1.0
            yield direction
        return
    for _ in range(DRAWN):
        signs = torch.randint(0, 2, (batch, count), generator=draw).to(outputs)
        yield (2 * signs - 1) / DRAWN**0.5


def _said(sample: Sample, view: View) -> str:
    many = f", norms from {DRAWN} random directions" if len(view.labels) > ALL else ""
    return f"{len(sample)} sequences{many}"
