"""Context: how many steps on either side an answer about one step needs, where the network reads from both ends.

Loss with all steps further away than n taken out (their vectors are the baseline: nothing there), on both sides, on the left or on the
right alone; after Khandelwal et al. (2018), who cut the context of language models. The reach is the least n from which on the loss is
within `tolerance` of that with all steps, as a share of what context is worth at all. Control: the steps further away shuffled among
themselves instead of taken out; its reach is how far away order counts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.memory import TOLERANCE, settled
from elman.interpretation.pictures import lines
from elman.interpretation.view import Sample, View, untouched

NEAR = 12  # distances that are tried one by one; then every other, every fourth ...
SIDES = {"left and right": (True, True), "left": (True, False), "right": (False, True)}


def context(
    view: View, sample: Sample, *, draws: int = 200, seed: int = 0, tolerance: float = TOLERANCE
) -> Finding | None:
    """The reach in steps with its bootstrap interval, and loss against distance; None where an answer is about the last step.

    `arrays`: "distance" (points,), and "loss SIDES" and "loss shuffled" (points, sequences).
    """
    if view.asked is None:
        return None
    sample, draw = sample.to(view.device), np.random.default_rng(seed)
    grid = distances(max(sample.length(row) for row in range(len(sample))))
    with untouched(view), torch.no_grad():
        curves = {
            name: np.stack([_losses(view, sample, n, sides, None) for n in grid])
            for name, sides in SIDES.items()
        }
        curves["shuffled"] = np.stack([_losses(view, sample, n, (True, True), draw) for n in grid])
    both = curves["left and right"]
    picks = draw.integers(0, len(sample), (draws, len(sample)))
    means = both[:, picks].mean(2)  # (points, draws)
    low, high = np.percentile(means[0] - means[-1], [2.5, 97.5])
    saved, unit = float(both[0].mean() - both[-1].mean()), "loss (nats)" if view.labels else "loss"
    if low <= 0:
        reach, order, interval = 0, None, None
        sentence = (
            f"No use of the steps around can be shown: loss with the step alone, minus loss with all, is {saved:+.3g} "
            f"(95% interval {low:+.3g} to {high:+.3g})."
        )
    else:
        reach, left, right, order = (
            settled(grid, curve.mean(1), tolerance * saved) for curve in curves.values()
        )
        spread = [settled(grid, curve, tolerance * max(curve[0] - curve[-1], 0.0)) for curve in means.T]
        ends = np.percentile(spread, 2.5, method="lower"), np.percentile(spread, 97.5, method="higher")
        interval = (float(ends[0]), float(ends[1]))
        sentence = (
            f"An answer needs {reach} step{'s' * (reach != 1)} on either side: beyond them, loss changes by less than {tolerance:.0%} of the "
            f"{saved:.3g}{' nats' if view.labels else ''} that context saves. With the other side whole it needs {left} on the left and "
            f"{right} on the right. The order of steps counts {f'up to {order} away' if order else 'for nothing that can be shown'}."
        )
    titles = {
        "left and right": "both sides cut",
        "left": "left cut",
        "right": "right cut",
        "shuffled": "both sides shuffled",
    }
    rows = [
        {"steps kept on a side": n, unit: float(value), "further away": titles[name]}
        for name, curve in curves.items()
        for n, value in zip(grid, curve.mean(1))
        if n <= max(NEAR, 2 * reach)
    ]
    title = "Loss settles where the dashed line stands" if interval else "Steps around do not lower the loss"
    mark = float(reach) if interval else None
    chart = lines(rows, "steps kept on a side", unit, "further away", title=title, mark=mark)
    return Finding(
        "context", "Context of a step", sentence, float(reach), "steps", interval, None if order is None else float(order),
        sample=f"{len(sample)} sequences of up to {grid[-1]} step{'s' * (grid[-1] != 1)}", chart=chart,
        arrays={"distance": np.array(grid)} | {f"loss {name}": curve for name, curve in curves.items()},
    )  # fmt: skip


def middle(lengths: Tensor) -> Tensor:
    """The middle step of each sequence (batch,): the one asked about where every step has an answer and both ends are read."""
    return (lengths - 1) // 2


def distances(longest: int) -> list[int]:
    """The distances that are tried."""
    far = np.geomspace(NEAR, max(NEAR, longest), 8).round().astype(int)
    return sorted({n for n in (*range(NEAR + 1), *far.tolist(), longest) if n <= longest})


def _losses(
    view: View, sample: Sample, reach: int, sides: tuple[bool, bool], shuffle: np.random.Generator | None
) -> np.ndarray:
    """Loss of each sequence (n,) without what is further than `reach` away on these sides, or with it shuffled."""
    assert view.asked is not None
    found = []
    for part in sample.parts(outputs=len(view.labels)):
        embedded = view.embed(part.inputs)
        batch, time = embedded.shape[:2]
        lengths = torch.full((batch,), time, device=embedded.device) if part.lengths is None else part.lengths
        steps = torch.arange(time, device=embedded.device)
        away = steps - view.asked(lengths)[:, None]
        far = ((away < -reach) & sides[0] | (away > reach) & sides[1]) & (steps < lengths[:, None])
        if shuffle is None:
            nothing = (
                torch.zeros_like(embedded[0, 0]) if view.baseline is None else view.baseline.to(embedded)
            )
            embedded = torch.where(far[..., None], nothing, embedded)
        else:
            embedded = embedded.clone()
            for row, places in enumerate(far):
                there = places.nonzero()[:, 0]
                embedded[row, there] = embedded[row, there[shuffle.permutation(len(there))]]
        found.append(view.loss(view.read(embedded, part.lengths), part.targets).double().cpu().numpy())
    return np.concatenate(found)
