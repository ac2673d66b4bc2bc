"""Spans: where else does the state look as it did here? Select and match, after LSTMVis (Strobelt et al. 2018).

A unit is on in a span if it stays above a threshold at every step of it. Spans of the same length are ranked by how many of the
selection's units are on in them, too; among equals the fewest other units come first. A hit is exact if just the same units are on.
The measurement, over many selections: how often does a hit read the same step as the selection, place by place, as random spans do?
"""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import torch

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation.pictures import coloured, lines, visible
from elman.interpretation.probes import _states
from elman.interpretation.view import Sample, View, untouched

LENGTH = 4  # steps of a selection where none is named
SELECTIONS = 40
HITS = 5  # of each selection
ABOVE = 1.0  # standard deviations above its own mean: a unit is on
BESIDE = 12  # steps shown on both sides of a hit


@dataclass(frozen=True)
class Hit:
    """A span (row, start) that shares `shared` units with the selection and has `others` on besides."""

    row: int
    start: int
    shared: int
    others: int


def matches(
    on: np.ndarray, row: int, start: int, stop: int, *, valid: np.ndarray | None = None, count: int = HITS
) -> list[Hit]:
    """The spans most like steps `start` to `stop` (not included) of sequence `row`, best first; none overlaps another.

    on      (sequences, time, units) bool: which unit is above its threshold
    valid   (sequences, time) bool: False where nothing was read; all is valid where it is not given
    """
    sequences, time, _ = on.shape
    if not (0 <= row < sequences and 0 <= start < stop <= time):
        raise RecipeError(
            f"steps {start} to {stop} of sequence {row} are no span of {sequences} sequences with {time} steps."
        )
    return Windows.of(on, stop - start, valid).like(row, start, count)


@dataclass(frozen=True)
class Windows:
    """All spans of one length: which units are on throughout each, how many these are, and which spans were read in full.

    through (sequences, starts, units) bool; totals (sequences, starts) and able, likewise.
    """

    length: int
    through: np.ndarray
    totals: np.ndarray
    able: np.ndarray

    @classmethod
    def of(cls, on: np.ndarray, length: int, valid: np.ndarray | None = None) -> Windows:
        """From what is on (sequences, time, units) and what was read (sequences, time)."""
        through = throughout(on, length)
        totals = through.sum(-1)
        able = np.ones(totals.shape, bool) if valid is None else throughout(valid, length)
        return cls(length, through, totals, able)

    def like(self, row: int, start: int, count: int = HITS) -> list[Hit]:
        """See `matches`."""
        shared = self.through[..., self.through[row, start]].sum(-1)
        others = self.totals - shared
        taken, hits = np.zeros((len(shared), shared.shape[1] + self.length - 1), bool), []
        taken[row, start : start + self.length] = True
        for at in np.lexsort((others.ravel(), -shared.ravel())):
            r, s = np.unravel_index(at, shared.shape)
            if self.able[r, s] and not taken[r, s : s + self.length].any():
                taken[r, s : s + self.length] = True
                hits.append(Hit(int(r), int(s), int(shared[r, s]), int(others[r, s])))
                if len(hits) == count:
                    break
        return hits


def throughout(flags: np.ndarray, length: int) -> np.ndarray:
    """Whether `flags` (sequences, time, ...) hold for `length` steps on end, by the step at which these begin."""
    found: np.ndarray = np.all(np.lib.stride_tricks.sliding_window_view(flags, length, axis=1), axis=-1)
    return found


def spans(
    view: View,
    sample: Sample,
    select: tuple[int, int, int] | None = None,
    *,
    above: float = ABOVE,
    seed: int = 0,
) -> Finding | None:
    """How much of what was read a shared pattern of units tells; None where the state cannot be read step by step.

    `select`: (sequence, first step, step after the last) to show; the selection whose hits are most alike where none is given.
    `arrays`: "alike" and "alike_random" (selections,), for tokens the share of steps that hits read as the selection does, for
    values 1 minus their mean squared distance over twice the variance (1: the same, 0: as far apart as chance puts them).
    """
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        states = _states(view, sample)
    if states is None:
        return None
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    valid = np.arange(states.shape[1]) < lengths[:, None]
    seen = states[valid]
    on = (states > seen.mean(0) + above * seen.std(0)) & valid[..., None]
    inputs = sample.inputs.cpu().numpy()
    read = inputs.reshape(*inputs.shape[:2], -1)
    read = read if inputs.dtype.kind == "f" else read[..., :1]
    scale = read[valid].std(0) if inputs.dtype.kind == "f" else None
    length = min(LENGTH, int(lengths.max()))
    windows = Windows.of(on, length, valid)
    rows, starts = np.nonzero(windows.able & (windows.totals > 0))
    if len(rows) < 2 * HITS:
        return None
    draw = np.random.default_rng(seed)
    picks = draw.permutation(len(rows))[:SELECTIONS]
    alike, chance, all_hits = [], [], []
    for pick in picks:
        at = (int(rows[pick]), int(starts[pick]))
        hits = windows.like(*at)
        others = [(int(rows[k]), int(starts[k])) for k in draw.integers(0, len(rows), HITS)]
        alike.append(_alike(read, at, [(hit.row, hit.start) for hit in hits], length, scale))
        chance.append(_alike(read, at, others, length, scale))
        all_hits.append(hits)
    best = int(np.argmax(alike))
    chosen = select or (int(rows[picks[best]]), int(starts[picks[best]]), int(starts[picks[best]]) + length)
    hits = matches(on, *chosen, valid=valid) if select else all_hits[best]
    units_on = int(on[chosen[0], chosen[1] : chosen[2]].all(0).sum())
    value, control = float(np.mean(alike)), float(np.mean(chance))
    resampled = np.mean(np.array(alike)[draw.integers(0, len(alike), (1000, len(alike)))], 1)
    told = (
        f"read the same at {value:.0%} of their steps; random spans at {control:.0%}."
        if scale is None
        else f"are alike by {value:.2f} in what they read (1: the same, 0: as chance has it); random spans by {control:.2f}."
    )
    sentence = (
        f"Spans of {length} steps in which the same units are on {told} Shown: a span with {_counted(units_on)} at least "
        f"{above:g} standard deviation{'s' * (above != 1)} above the mean, and where else that is so."
    )
    return Finding(
        "spans", "Spans that look alike inside", sentence, value, "share of steps" if scale is None else "likeness",
        (float(np.percentile(resampled, 2.5)), float(np.percentile(resampled, 97.5))), control,
        sample=f"{len(picks)} spans, {len(sample)} sequences",
        chart=None if scale is None or not hits else _drawn(read[..., 0], chosen, hits),
        html="" if scale is not None or view.step_names is None else _told(view, sample, chosen, hits, units_on),
        table=tuple(
            {"sequence": hit.row, "from step": hit.start, "units shared": hit.shared, "other units": hit.others} for hit in hits
        ),
        arrays={"alike": np.array(alike), "alike_random": np.array(chance)},
    )  # fmt: skip


def _counted(units_on: int) -> str:
    return f"{units_on} unit{'s' * (units_on != 1)}"


def _alike(
    read: np.ndarray,
    at: tuple[int, int],
    others: list[tuple[int, int]],
    length: int,
    scale: np.ndarray | None,
) -> float:
    """How alike what was read in these spans is to the selection: see `spans`."""
    mine = read[at[0], at[1] : at[1] + length]
    theirs = np.stack([read[row, start : start + length] for row, start in others])
    if scale is None:
        return float((theirs == mine).mean())
    wide = scale > 0
    return float(1 - (((theirs - mine)[..., wide] / scale[wide]) ** 2).mean() / 2) if wide.any() else 1.0


def _told(view: View, sample: Sample, chosen: tuple[int, int, int], hits: list[Hit], units_on: int) -> str:
    """The selection and its hits as text, the span coloured."""
    assert view.step_names is not None
    length = chosen[2] - chosen[1]
    lines_of = []
    for row, start, told in [
        (chosen[0], chosen[1], f"{_counted(units_on)} on"),
        *((hit.row, hit.start, f"{hit.shared} shared, {hit.others} others") for hit in hits),
    ]:
        first = max(0, start - BESIDE)
        last = min(sample.length(row), start + length + BESIDE)
        names = [
            visible(name) if name == "\n" else name
            for name in view.step_names(sample.inputs[row].cpu())[first:last]
        ]
        values = [float(start <= first + k < start + length) for k in range(len(names))]
        lines_of.append(f"<p>{coloured(names, values, 1.0)} <small>({html.escape(told)})</small></p>")
    return f"<p><b>Selected</b></p>{lines_of[0]}<p><b>Most alike inside</b></p>{''.join(lines_of[1:])}"


def _drawn(values: np.ndarray, chosen: tuple[int, int, int], hits: list[Hit]) -> dict[str, object]:
    """The selection and its hits as lines over each other, with what stands beside them."""
    length = chosen[2] - chosen[1]
    rows = []
    for number, (row, start) in enumerate([chosen[:2], *((hit.row, hit.start) for hit in hits)]):
        for at in range(max(0, start - BESIDE), min(values.shape[1], start + length + BESIDE)):
            name = "selected" if number == 0 else f"hit {number}"
            rows.append(
                {
                    "steps from the start of the span": at - start,
                    "first feature": float(values[row, at]),
                    "span": name,
                }
            )
    return lines(
        rows, "steps from the start of the span", "first feature", "span", points=False, mark=0.0, title="The selected span and those most alike inside",
    )  # fmt: skip
