"""Trials: the state's way by condition, aligned at an event.

What distinguishes the sequences (a table of trial conditions: a class, a coherence, a subject) colours the mean way of the state through the plane
of the dynamics; the steps are counted from an event of each sequence, if there is one. The measurement: at each of these steps, the share of the
variance of the full state over sequences that lies between the conditions (eta squared, all numbers of the state together). Control: the conditions
dealt out to other sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.pictures import field, finish, hue, lines
from elman.interpretation.view import Sample, View

LEVELS = 8  # conditions that are told apart; of more, the rarest are one
GROUPS = 4  # that many different numbers are cut into, equally large
DEALS = 20  # of the control
CLASS = "class"


@dataclass(frozen=True)
class Trials:
    """One condition: its levels; steps from the event (k,); means (levels, k, size); shares of the variance (k,)."""

    name: str
    levels: tuple[str, ...]
    steps: np.ndarray
    means: np.ndarray
    share: np.ndarray
    control: np.ndarray
    ranked: bool = False  # whether levels are numbers, lowest first

    @property
    def best(self) -> int:
        """Where the share is farthest above its control."""
        return int((self.share - self.control).argmax())


def trials(
    name: str, values: np.ndarray, states: np.ndarray, lengths: list[int], align: np.ndarray | None = None, seed: int = 0
) -> Trials | None:  # fmt: skip
    """The states (sequences, time, size) by a condition (sequences,), counted from the step `align` (sequences,), the first if None.

    Steps count that at least half of the sequences have, and every level. None for a condition that is the same everywhere. Raises RecipeError for values or
    events that fit no sequence.
    """
    values = np.asarray(values)
    if values.shape != (len(states),):
        raise RecipeError(
            f"condition {name!r} is {values.shape}; expected a value for each of {len(states)} sequences."
        )
    event = np.zeros(len(states), int) if align is None else np.asarray(align)
    if event.shape != (len(states),) or ((event < 0) | (event >= np.array(lengths))).any():
        raise RecipeError(
            f"align wants a step for each of {len(states)} sequences, from 0 to before its length."
        )
    level, names = leveled(values)
    if len(names) < 2:
        return None
    before = int(event.max())
    after = max(length - at for length, at in zip(lengths, event))
    moved = np.full((len(states), before + after, states.shape[2]), np.nan)
    for row, (length, at) in enumerate(zip(lengths, event)):
        moved[row, before - at : before - at + length] = states[row, :length]
    there = np.isfinite(moved[..., 0])
    kept = there.mean(0) >= 0.5
    kept &= np.all([there[level == k].any(0) for k in range(len(names))], axis=0)
    moved, steps = moved[:, kept], np.arange(-before, after)[kept]
    draw = np.random.default_rng(seed)
    chance = [between(moved, draw.permutation(level), len(names)) for _ in range(DEALS)]
    means = np.stack([np.nanmean(moved[level == k], 0) for k in range(len(names))])
    share = between(moved, level, len(names))
    return Trials(name, names, steps, means, share, np.mean(chance, 0), values.dtype.kind == "f")


def between(states: np.ndarray, level: np.ndarray, count: int) -> np.ndarray:
    """The share of the variance over sequences that lies between levels, at each step (k,); states NaN where a sequence is not."""
    there = np.isfinite(states[..., :1])
    filled = np.where(there, states, 0.0)
    middle = filled.sum(0) / np.maximum(1, there.sum(0))
    whole = (np.where(there, states - middle, 0.0) ** 2).sum((0, 2))
    apart = np.zeros(len(whole))
    for k in range(count):
        some = there[level == k].sum(0)
        mean = filled[level == k].sum(0) / np.maximum(1, some)
        apart += some[:, 0] * ((mean - middle) ** 2).sum(1)
    return np.where(whole > 0, apart / np.where(whole > 0, whole, 1.0), 0.0)


def leveled(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The level of each value (n,) and what levels are called: themselves, or ranges of numbers where there are many."""
    if values.dtype.kind == "f" and len(np.unique(values)) > LEVELS:
        edges = np.quantile(values, np.linspace(0, 1, GROUPS + 1))
        level = np.searchsorted(edges[1:-1], values, side="right")
        names = [f"{low:.3g} to {high:.3g}" for low, high in zip(edges[:-1], edges[1:])]
        seen = [k for k in range(GROUPS) if (level == k).any()]  # many values may be the same
        return np.searchsorted(seen, level), tuple(names[k] for k in seen)
    kinds, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(kinds) <= LEVELS:
        return level, tuple(str(kind) for kind in kinds)
    common = np.sort(np.argsort(-counts, kind="stable")[: LEVELS - 1])
    place = {int(kind): k for k, kind in enumerate(common)}
    level = np.array([place.get(int(each), LEVELS - 1) for each in level])
    return level, (*(str(kinds[k]) for k in common), "others")


def conditions_named(view: View, sample: Sample, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Conditions that a run has itself: its classes, and a feature by the mean over a sequence. Raises UnknownName for another."""
    known = classes_of(view, sample)
    values = sample.inputs.cpu().numpy()
    found = {}
    for name in names:
        if name in known:
            found[name] = known[name]
        elif name in view.feature_names and values.ndim == 3:
            at = view.feature_names.index(name)
            found[name] = np.array(
                [values[row, : sample.length(row), at].mean() for row in range(len(sample))], float
            )
        else:
            raise UnknownName("condition", name, (*known, *view.feature_names))
    return found


def classes_of(view: View, sample: Sample) -> dict[str, np.ndarray]:
    """The true class of each sequence as a condition, where it has one and there are no more than can be told apart."""
    targets = sample.targets.cpu().numpy()
    if not 2 <= len(view.labels) <= LEVELS or view.names_next_step or view.asked is not None:
        return {}
    if targets.ndim != 1 or targets.dtype.kind != "i":
        return {}
    return {CLASS: np.array([view.labels[int(target)] for target in targets])}


def told(found: Trials, aligned: bool) -> str:
    """What a condition explains, in a sentence."""
    at, since = int(found.steps[found.best]), "its event" if aligned else "the first step"
    plural = "s" * (abs(at) != 1)
    when = f"{abs(at)} step{plural} {'after' if at > 0 else 'before'} {since}" if at else f"at {since}"
    return (
        f"{found.name[0].upper()}{found.name[1:]} explains {found.share[found.best]:.0%} of the state's variance {when}"
        f" (conditions dealt out at random: {found.control[found.best]:.0%})."
    )


def pictures(
    found: Trials, frame: tuple[np.ndarray, np.ndarray], aligned: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The mean way of each level through the plane, and the share of variance by step."""
    import altair as alt

    mean, components = frame
    x, y, step = (
        "first component",
        "second component",
        f"steps from {'the event' if aligned else 'the first'}",
    )
    rows: list[dict[str, Any]] = [
        {x: float(a), y: float(b), "step": int(at), found.name: level}
        for level, way in zip(found.levels, (found.means - mean) @ components.T)
        for at, (a, b) in zip(found.steps, way)
    ]
    encoding = {
        axis: kind(f"{field(name)}:Q", title=name, scale=alt.Scale(zero=False), axis=alt.Axis(grid=False))
        for axis, kind, name in (("x", alt.X, x), ("y", alt.Y, y))
    } | {"color": hue(rows, found.name, ranked=found.ranked)}
    way = alt.Chart(alt.Data(values=rows)).mark_line(strokeWidth=2).encode(
        **encoding, order=alt.Order("step:Q"), tooltip=[f"{field(found.name)}:N", "step:Q"]
    )  # fmt: skip
    events = [row for row in rows if row["step"] == max(0, int(found.steps[0]))]
    dots = alt.Chart(alt.Data(values=events)).mark_point(filled=True, size=70, opacity=1).encode(**encoding)
    share = [
        {step: int(at), "share of variance": float(value), "conditions": which}
        for which, values in (("as they are", found.share), ("dealt out at random", found.control))
        for at, value in zip(found.steps, values)
    ]
    return (
        finish(alt.layer(way, dots), 300, f"Mean ways by {found.name}; the dot is {'the event' if aligned else 'the first step'}"),
        lines(share, step, "share of variance", "conditions", title=f"How much of the state {found.name} explains"),
    )  # fmt: skip
