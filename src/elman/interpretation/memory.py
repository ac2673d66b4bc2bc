"""Memory: how far back the network looks.

Loss with only the last n steps given, as Khandelwal et al. (2018) cut and shuffled the context of language models. The memory
horizon is the least n from which on the loss is within `tolerance` of that with all steps, as a share of what context is worth
at all. Control: the steps before the last n shuffled instead of dropped, which keeps what they say together and loses their
order; its horizon is how far back order counts. Beside the horizon stand the slopes of the answer by lag (see connectivity) and the
time scales that the gates allow (see gates); they may disagree.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.connectivity import by_lag, half, slopes
from elman.interpretation.gates import find_keepers, spoken, tally, time_scales
from elman.interpretation.pictures import lines
from elman.interpretation.view import Sample, View, one_for_each, untouched

TOLERANCE = 0.02  # of the loss that context saves; ours: less is lost in the spread over sequences
POINTS = 16  # context lengths tried first, evenly on a log scale; then the gap around the horizon is halved
BESIDE = 32  # sequences of which slopes and gates are taken, to stand beside the horizon
DRAWS = 1000  # of the sequences, for intervals
RESOLUTION = 0.05  # until it is at most this share of the horizon


def memory(
    view: View, sample: Sample, *, draws: int = DRAWS, seed: int = 0, tolerance: float = TOLERANCE
) -> Finding:
    """The memory horizon in steps with its bootstrap interval, and loss against context length.

    `arrays`: "context" (points,), "loss_cut" and "loss_shuffled" (points, sequences).
    """
    sample = sample.to(view.device)
    longest = max(sample.length(row) for row in range(len(sample)))
    draw = np.random.default_rng(seed)
    with untouched(view), torch.no_grad():
        cut = {n: _losses(view, sample, n, None) for n in lengths_tried(longest, shortest(view, sample))}
        while (n := _between(cut, tolerance)) is not None:
            cut[n] = _losses(view, sample, n, None)
        mixed = {n: _losses(view, sample, n, draw) for n in sorted(cut)}
    contexts = sorted(cut)
    losses, shuffled = (np.stack([curve[n] for n in contexts]) for curve in (cut, mixed))
    means = resampled(losses, draws, seed)
    low, high = spread_of_saving(means)
    saved = float(losses[0].mean() - losses[-1].mean())
    unit = "loss (nats)" if view.labels else "loss"
    if low <= 0:
        few = "step" if contexts[0] == 1 else f"{contexts[0]} steps"
        horizon, order = contexts[0], None
        interval = (
            (float(contexts[0]),) * 2 if low == high == 0 else None
        )  # certain only where no step changes anything
        sentence = (
            f"No use of context beyond the last {few} can be shown: loss with the last {few} alone, minus loss with all {longest} "
            f"steps, is {saved:+.3g} (95% interval {low:+.3g} to {high:+.3g})."
        )
    else:
        horizon = settled(contexts, losses.mean(1), tolerance * saved)
        order = settled(contexts, shuffled.mean(1), tolerance * saved)
        interval = spread_of_horizon(contexts, means, tolerance)
        within = (
            "" if interval[0] == interval[1] else f" (95% interval {interval[0]:.0f} to {interval[1]:.0f})"
        )
        order_said = f"over the last {order}" if order > contexts[0] else "for nothing that can be shown"
        edge = " (all there is in these sequences)" if horizon >= longest else ""
        sentence = (
            f"It uses the last {horizon} steps{within}{edge}: beyond them, loss changes by less than {tolerance:.0%} of the {saved:.3g}"
            f"{' nats' if view.labels else ''} that context saves. The order of steps counts {order_said}."
        )
    names = (("older steps dropped", losses), ("older steps shuffled", shuffled))
    rows = [
        {"steps of context kept in order": n, unit: float(value), "older steps": name}
        for name, curves in names
        for n, value in zip(contexts, curves.mean(1))
    ]
    title = "More context does not lower the loss"
    if interval:
        shade = "" if interval[0] == interval[1] else "; the shade is its interval"
        title = f"Loss settles where the dashed line stands{shade}"
    chart = lines(
        rows, "steps of context kept in order", unit, "older steps", log_x=True, title=title,
        mark=float(horizon) if interval else None, band=interval,
    )  # fmt: skip
    return Finding(
        "memory", "Memory horizon", sentence, float(horizon), "steps", interval, None if order is None else float(order),
        sample=f"{len(sample)} sequences of up to {longest} step{'s' * (longest != 1)}", chart=chart,
        table=_beside(view, sample.part(0, min(BESIDE, len(sample))), horizon, order),
        arrays={"context": np.array(contexts), "loss_cut": losses, "loss_shuffled": shuffled},
    )  # fmt: skip


def _beside(view: View, few: Sample, horizon: int, order: int | None) -> tuple[dict[str, object], ...]:
    """Other numbers for how far back it looks, which may disagree: what it could use, and what its gates let it keep."""
    rows: list[dict[str, object]] = [
        {"how far back": "loss settles (the memory horizon)", "steps": float(horizon)}
    ]
    if order is not None:
        rows.append({"how far back": "order counts", "steps": float(order)})
    with untouched(view):
        mean = by_lag(slopes(view, few)) if view.asked is None and one_for_each(view, few) else np.zeros(1)
    if mean.sum() > 0:
        rows.append({"how far back": "half of the slope of the answer", "steps": float(half(mean))})
    tallies = tally(view, few)
    for layer, scales in time_scales(find_keepers(view.model, tallies), tallies).items():
        where = spoken(f"{layer}.units").removesuffix(" units")
        for which, value in (("the median unit", np.median(scales)), ("the slowest unit", scales.max())):
            rows.append({"how far back": f"by the keeping gate of {where}, {which}", "steps": float(value)})
    return tuple(rows)


def lengths_tried(longest: int, least: int = 1) -> list[int]:
    """The context lengths that are tried first."""
    return sorted({least, longest, *np.geomspace(least, longest, POINTS).round().astype(int).tolist()})


def shortest(view: View, sample: Sample) -> int:
    """The fewest steps that the network reads: 1, but where something before its layers looks at several at once (a convolution)."""
    one = sample.part(0, 1)

    def reads(steps: int) -> bool:
        try:
            _losses(view, one, steps, None)
        except RuntimeError:  # torch's own, of a layer that needs more
            return False
        return True

    if reads(1):
        return 1
    low, high = 1, one.length(0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reads(middle) else (middle, high)
    return high


def resampled(losses: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Mean losses (points, draws) of sequences drawn anew, from the losses of each (points, sequences): the same draws for the same number of sequences."""
    count = losses.shape[1]
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    # One product for each length of context, since equal losses must have equal means, to the last bit.
    return np.stack([times @ each / count for each in losses])


def spread_of_saving(means: np.ndarray) -> tuple[float, float]:
    """The 95% interval of what context saves, from mean losses (points, draws) of resampled sequences: no use can be shown where it reaches 0."""
    low, high = np.percentile(means[0] - means[-1], [2.5, 97.5])
    return float(low), float(high)


def spread_of_horizon(
    contexts: list[int], means: np.ndarray, tolerance: float = TOLERANCE
) -> tuple[float, float]:
    """The 95% interval of the horizon, from mean losses (points, draws) of resampled sequences; its ends are context lengths that were tried."""
    spread = [settled(contexts, curve, tolerance * max(curve[0] - curve[-1], 0.0)) for curve in means.T]
    low, high = np.percentile(spread, 2.5, method="lower"), np.percentile(spread, 97.5, method="higher")
    return float(low), float(high)


def settled(contexts: list[int], loss: np.ndarray, margin: float) -> int:
    """Least context from which on the loss stays within the margin of the last."""
    off = np.flatnonzero(np.abs(loss - loss[-1]) > margin)
    return contexts[int(off[-1]) + 1] if len(off) else contexts[0]


def _between(cut: Mapping[int, np.ndarray], tolerance: float) -> int | None:
    """The context length to try next: halfway between the horizon and the one before it, None where that is close."""
    contexts = sorted(cut)
    loss = np.array([cut[n].mean() for n in contexts])
    at = contexts.index(settled(contexts, loss, tolerance * max(loss[0] - loss[-1], 0.0)))
    before = contexts[max(0, at - 1)]
    gap = contexts[at] - before
    return before + gap // 2 if gap > max(1, RESOLUTION * contexts[at]) else None


def _losses(view: View, sample: Sample, kept: int, shuffle: np.random.Generator | None) -> np.ndarray:
    """Loss of each sequence (n,) with its last `kept` steps whole and the steps before dropped, or shuffled."""
    found = []
    for part in sample.parts(outputs=len(view.labels)):
        batch, time = part.inputs.shape[:2]
        length = torch.full((batch,), time) if part.lengths is None else part.lengths.cpu()
        keep = length.clamp(max=kept)
        if shuffle is None:
            place = (torch.arange(int(keep.max())) + (length - keep)[:, None]).clamp(max=time - 1)
            given = keep
        else:
            place = torch.arange(time).repeat(batch, 1)
            for row, old in enumerate((length - keep).tolist()):
                place[row, :old] = torch.from_numpy(shuffle.permutation(old))
            given = length
        inputs = part.inputs.gather(1, _like(place.to(part.inputs.device), part.inputs))
        ragged = None if part.lengths is None else given.to(part.inputs.device)
        outputs = view.read(view.embed(inputs), ragged)
        found.append(view.loss(outputs, part.targets).double().cpu().numpy())
    return np.concatenate(found)


def _like(place: Tensor, inputs: Tensor) -> Tensor:
    """Places (batch, steps) as an index into inputs (batch, time, ...) along time."""
    extra = inputs.shape[2:]
    return place.reshape(*place.shape, *[1] * len(extra)).expand(*place.shape, *extra)
