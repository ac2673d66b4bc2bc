"""Saturation: how often is each single unit's gate shut or wide open?

For every gate of every unit the share of steps at which it is left-saturated (below 0.1) and right-saturated (above 0.9), drawn against each
other as Karpathy, Johnson and Li (2015, figure 2) did: a forget gate at the right end belongs to a unit that never forgets, one at the
origin is never decided, on the diagonal it is a switch. For cells without gates the states themselves, below -0.9 and above 0.9. Control: the
same network with its weights shuffled. `gates` has the mean over units and what it means for time scales.
"""

from __future__ import annotations

import numpy as np
import torch

from elman.core.results import Finding
from elman.interpretation.gates import _valid, spoken
from elman.interpretation.pictures import plane
from elman.interpretation.view import NO_WEIGHTS, Sample, View, shuffled, untouched

LOW, HIGH = 0.1, 0.9  # the paper's
MOSTLY = 0.9  # share of steps from which on a unit counts as stuck at one side, or as a switch on both
SHOWN = 1500  # dots in the picture


def saturation(view: View, sample: Sample, *, seed: int = 0) -> Finding | None:
    """Share of the gates' units at one bound in at least 90% of steps; None where nothing bounded can be read.

    `arrays`: "left" and "right" (units,), share of steps, with "units" their names; "left.READING" likewise for each reading.
    """
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        found = _sides(view, sample)
        if not found:
            return None
        others = None
        if view.has_weights:
            with shuffled(view, seed):
                others = _sides(view, sample)
    left, right = (np.concatenate([sides[k] for sides in found.values()]) for k in (0, 1))
    control = None if others is None else _stuck([np.maximum(*sides) for sides in others.values()])
    names = [f"{name}.{number}" for name, sides in found.items() for number in range(len(sides[0]))]
    shut, opened = left >= MOSTLY, right >= MOSTLY
    switch = (left + right >= MOSTLY) & ~shut & ~opened
    value = float((shut | opened).mean())
    gated = next(iter(found)).endswith("gate")
    low, high = ("shut (below 0.1)", "wide open (above 0.9)") if gated else ("below -0.9", "above 0.9")
    sentence = (
        f"Of {len(names):,} {'gates of single units' if gated else 'entries of the state'}, {int(shut.sum())} are {low} and "
        f"{int(opened.sum())} {high} in at least {MOSTLY:.0%} of the steps; {int(switch.sum())} are switches, nearly always at one "
        f"of the two. {NO_WEIGHTS if control is None else f'With the weights shuffled {control:.0%} are stuck at one side.'}"
    )
    x, y = f"share of steps {high}", f"share of steps {low}"
    keep = np.random.default_rng(seed).permutation(len(names))[:SHOWN]
    points = [
        {x: float(right[k]), y: float(left[k]), "point": spoken(names[k].rpartition(".")[0])}
        for k in np.sort(keep)
    ]
    return Finding(
        "saturation", "Units at their bounds", sentence, value, "share of units", control=control, sample=f"{len(sample)} sequences",
        chart=plane([], points, x, y, title="How often each unit is at either bound"),
        table=tuple(
            {"reading": spoken(name), "units": len(sides[0]), f"mostly {low}": int((sides[0] >= MOSTLY).sum()),
             f"mostly {high}": int((sides[1] >= MOSTLY).sum())}
            for name, sides in found.items()
        ),
        arrays={"units": np.array(names), "left": left, "right": right}
        | {f"{side}.{name}": sides[k] for name, sides in found.items() for k, side in enumerate(("left", "right"))},
    )  # fmt: skip


def _stuck(shares: list[np.ndarray]) -> float:
    """The share of units that are mostly at one side."""
    return float((np.concatenate(shares) >= MOSTLY).mean()) if shares else 0.0


def _sides(view: View, sample: Sample) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reading -> share of valid steps below and above its bounds (units,): of gates, or of states where there are none."""
    counts: dict[str, list[np.ndarray]] = {}
    steps: dict[str, int] = {}
    largest: dict[str, float] = {}
    for part in sample.parts():
        for name, reading in view.trace(part.inputs, part.lengths).items():
            values = _valid(reading, part).float()
            low = LOW if name.endswith("gate") else -HIGH
            added = [(values < low).sum(0).cpu().numpy(), (values > HIGH).sum(0).cpu().numpy()]
            counts[name] = [a + b for a, b in zip(counts[name], added)] if name in counts else added
            steps[name] = steps.get(name, 0) + len(values)
            largest[name] = max(largest.get(name, 0.0), float(values.abs().max()) if values.numel() else 0.0)
    gates = [name for name in counts if name.endswith("gate")]
    chosen = gates or [
        name for name in counts if not name.endswith(("candidate", "rate")) and largest[name] <= 1
    ]
    return {
        name: (counts[name][0] / max(1, steps[name]), counts[name][1] / max(1, steps[name]))
        for name in chosen
    }
