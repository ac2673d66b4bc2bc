"""Probes: what can be read from the state, and how far back?

A linear readout is fitted on the states of one half of the sequences and asked about the other half. Asked by default for what was read k
steps ago, as the memory capacity of Jaeger (2001): accuracy for tokens, R^2 for values. Control: the same probe for what another
sequence read at that step (a control task in the sense of Hewitt and Liang 2019: what it still gets right lies in the labels or
in the probe, not in this state). Beside it the same network with its weights shuffled: what that keeps, too, was not learnt. What can
be read need not be used: see interventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from elman.core.results import Finding
from elman.interpretation.pictures import lines
from elman.interpretation.ridge import Ridge
from elman.interpretation.view import NO_WEIGHTS, Sample, View, shuffled, untouched

LAGS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
STATES = 3000  # that a probe is fitted on, and as many that it is asked about
CLASSES = 20  # the most frequent tokens; all others are one class
LEVEL = 1e-24  # of the mean square of numbers: a variance below it is rounding
CLEAR = 3.0  # standard errors over sequences, above the control


@dataclass(frozen=True)
class Probed:
    """How well labels are read from states: per step of the half that is asked, right (or the squared error saved).

    score    accuracy, or R^2
    control  the same for labels of other sequences
    error    standard error over sequences of score minus control
    """

    score: float
    control: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether the state holds this, beyond what the labels alone give away."""
        return self.score - self.control > max(CLEAR * self.error, 0.01)


def probe(
    states: np.ndarray, labels: np.ndarray, sequences: np.ndarray, *, seed: int = 0, fit: Ridge | None = None
) -> Probed:
    """Read `labels` (n,) from `states` (n, size); `sequences` (n,) says which sequence each belongs to.

    Labels are classes (int or str), or numbers (float). Half of the sequences is fitted on, the other half asked. The control's labels are
    those of another sequence, drawn within each half, at the same place in it as far as it goes. `fit` is that of `fitted_on` for the same states, sequences and seed, if there is one already.
    """
    draw = np.random.default_rng(seed)
    fitted = _half(sequences, draw)
    numbers = np.issubdtype(labels.dtype, np.floating)
    other = _of_others(labels, sequences, fitted, draw)
    fit = Ridge(states[fitted]) if fit is None else fit
    right, wrong = (_gains(fit, states, each, fitted, numbers) for each in (labels, other))
    where = sequences[~fitted]
    gaps = np.array([(right - wrong)[where == name].mean() for name in np.unique(where)])
    error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("inf")
    return Probed(float(right.mean()), float(wrong.mean()), error)


def fitted_on(states: np.ndarray, sequences: np.ndarray, *, seed: int = 0) -> Ridge:
    """The half of the states that a probe is fitted on, decomposed: it serves any number of labels."""
    return Ridge(states[_half(sequences, np.random.default_rng(seed))])


def _half(sequences: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Which states belong to the half of the sequences that is fitted on."""
    names = np.unique(sequences)
    return np.isin(sequences, draw.permutation(names)[: max(1, len(names) // 2)])


def probes(
    view: View, sample: Sample, labels: Mapping[str, np.ndarray] | None = None, *, seed: int = 0
) -> Finding | None:
    """Over how many of the last steps the input can be read from the state; None for a network whose state cannot be read.

    The value is 0 where not even what was just read can be, else 1 more than the farthest lag up to which every probe that is asked beats its
    control, which is told for each; the finding's control is that number for the network with its weights shuffled.

    With `labels`, name -> (sequences, time), whether each of these can be read instead: classes, or floats for numbers.
    `arrays`: "lags" or "names", "score", "control", "error", and where there are weights "score_shuffled".
    """
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        states = _states(view, sample)
        if states is None:
            return None
        others = None
        if view.has_weights:
            with shuffled(view, seed):
                others = _states(view, sample)
    if labels is not None:
        return _named(states, others, sample, labels, seed)
    inputs = sample.inputs.cpu().numpy()
    longest = max(sample.length(row) for row in range(len(sample)))
    lags = [lag for lag in LAGS if lag < longest]
    found: dict[int, tuple[Probed, Probed | None]] = {}
    shared, at = shared_lag(sample), None
    for lag in lags:
        if at is None or lag > shared:
            at = _places(sample, max(lag, shared), seed)
            if len(np.unique(at[0])) < 4:
                break
            fits = _fits(states, others, at, seed)
        found[lag] = _both(states, others, at, _read_ago(inputs, at, lag), seed, fits)
    if not found:
        return None
    held = _held({lag: mine for lag, (mine, _) in found.items()})
    other = (
        None if others is None else _held({lag: each for lag, (_, each) in found.items() if each is not None})
    )
    numbers = inputs.dtype.kind == "f"
    what = "R^2" if numbers else "accuracy"
    thing = "value" if numbers else "token"
    farthest = max(0, held - 1)
    mine, theirs = found[farthest]
    if held == 0:
        sentence = f"Not even the {thing} just read can be read from its state by a linear probe: {what} "
    else:
        which = f"each of the last {held} steps" if held > 1 else "the last step, and of none before it"
        edge = " (the farthest asked)" if farthest == max(found) else ""
        sentence = f"From its state a linear probe tells the {thing} of {which}{edge}: {what} "
    where = " at the farthest," if farthest else ""
    sentence += f"{mine.score:.2f}{where} against {mine.control:.2f} for what another sequence read there{_shuffled_said(theirs)}"
    rows = [
        {"steps ago": lag, what: max(0.0, value), "state": name}
        for lag, (mine, theirs) in found.items()
        for name, value in (
            ("of this network", mine.score), ("with weights shuffled", None if theirs is None else theirs.score),
            ("control: another sequence", mine.control),
        )
        if value is not None
    ]  # fmt: skip
    return Finding(
        "probes", "What the state still holds", sentence, float(held), "steps", None,
        None if other is None else float(other),
        sample=f"{len(sample)} sequences, half to fit on; up to {STATES:,} states in each half",
        chart=lines(rows, "steps ago", what, "state", title="What was read can be told from the state"),
        arrays={"lags": np.array(list(found)), **_arrays(list(found.values()))},
    )  # fmt: skip


def _held(found: Mapping[int, Probed]) -> int:
    """How many of the last steps are clear, as far as each of them that was asked is; 0 where the last is not."""
    held = 0
    for lag, each in found.items():
        if not each.clear:
            break
        held = lag + 1
    return held


def _named(
    states: np.ndarray, others: np.ndarray | None, sample: Sample, labels: Mapping[str, np.ndarray], seed: int
) -> Finding:
    at = _places(sample, 0, seed)
    fits = _fits(states, others, at, seed)
    found = {
        name: _both(states, others, at, np.asarray(values)[at], seed, fits) for name, values in labels.items()
    }
    clear = [name for name, (mine, _) in found.items() if mine.clear]
    best = max(found, key=lambda name: found[name][0].score - found[name][0].control)
    rest = [name for name in found if name not in clear]
    told = (
        f"can be read from the state: {', '.join(clear)}"
        if clear
        else "none of these can be read from the state"
    )
    told += f"; not: {', '.join(rest)}" if clear and rest else ""
    said = f"{told[0].upper()}{told[1:]}." + ("" if others is not None else f" {NO_WEIGHTS}")
    return Finding(
        "probes", "What can be read from the state", said, found[best][0].score, best, None,
        found[best][0].control, sample=f"{len(sample)} sequences, half to fit on",
        table=tuple(
            {"what": name, "score": mine.score, "control": mine.control}
            | ({} if theirs is None else {"with weights shuffled": theirs.score})
            for name, (mine, theirs) in found.items()
        ),
        arrays={"names": np.array(list(found)), **_arrays(list(found.values()))},
    )  # fmt: skip


Places = tuple[np.ndarray, np.ndarray]  # sequences, steps
Fits = tuple[Ridge, Ridge | None]  # of this network, of the shuffled one


def _fits(states: np.ndarray, others: np.ndarray | None, at: Places, seed: int) -> Fits:
    mine, theirs = (
        None if each is None else fitted_on(each[at], at[0], seed=seed) for each in (states, others)
    )
    assert mine is not None
    return mine, theirs


def _both(
    states: np.ndarray, others: np.ndarray | None, at: Places, labels: np.ndarray, seed: int, fits: Fits
) -> tuple[Probed, Probed | None]:
    """A probe of these states, and of those of the shuffled network where there is one."""
    mine = probe(states[at], labels, at[0], seed=seed, fit=fits[0])
    return mine, None if others is None else probe(others[at], labels, at[0], seed=seed, fit=fits[1])


def _arrays(found: list[tuple[Probed, Probed | None]]) -> dict[str, np.ndarray]:
    arrays = {
        name: np.array([getattr(mine, name) for mine, _ in found]) for name in ("score", "control", "error")
    }
    others = [theirs.score for _, theirs in found if theirs is not None]
    return arrays | ({"score_shuffled": np.array(others)} if others else {})


def _shuffled_said(theirs: Probed | None) -> str:
    return f". {NO_WEIGHTS}" if theirs is None else f"; with shuffled weights {theirs.score:.2f}."


def _states(view: View, sample: Sample) -> np.ndarray | None:
    """All parts of the state of all layers side by side (sequences, time, size); gates and candidates are not state.

    None where there are none, or where a step of the layers is no step of the input (patches).
    """
    rows, time = [], sample.inputs.shape[1]
    for part in sample.parts():
        seen = state_of(view.trace(part.inputs, part.lengths))
        if not seen:
            return None
        whole = torch.cat(seen, -1).float().cpu().numpy()
        if part.lengths is None and whole.shape[1] < part.inputs.shape[1]:
            return None
        whole = whole[:, :time]  # layers that run on over a horizon have read no more
        rows.append(np.pad(whole, ((0, 0), (0, time - whole.shape[1]), (0, 0))))
    return np.concatenate(rows)


def state_of(trace: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """The parts of the state among all that was read, each (batch, time, size)."""
    return [part for name, part in trace.items() if not name.endswith(("gate", "candidate", "rate"))]


def _places(sample: Sample, lag: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences and steps at which something was read `lag` steps ago, at most twice STATES, drawn at random."""
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    steps = np.arange(sample.inputs.shape[1])
    row, step = np.nonzero((steps >= lag) & (steps < lengths[:, None]))
    keep = np.sort(np.random.default_rng(seed).permutation(len(row))[: 2 * STATES])
    return row[keep], step[keep]


def shared_lag(sample: Sample) -> int:
    """The farthest lag at which there are enough states: all lags up to it are asked of the same ones, which are decomposed once."""
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    enough = [lag for lag in LAGS if np.maximum(0, lengths - lag).sum() >= 2 * STATES]
    return max(enough, default=0)


def _read_ago(inputs: np.ndarray, at: tuple[np.ndarray, np.ndarray], lag: int) -> np.ndarray:
    """What was read `lag` steps before these places: the most frequent tokens by number (a word's own, then its pieces'), or the first feature."""
    read: np.ndarray = inputs[at[0], at[1] - lag]
    if inputs.dtype.kind == "f":
        return np.asarray(read.reshape(len(read), -1)[:, 0], np.float64)
    read = read.reshape(len(read), -1)[:, 0]
    common = np.argsort(-np.bincount(read), kind="stable")[: CLASSES - 1]
    return np.where(np.isin(read, common), read, -1)


def _of_others(
    labels: np.ndarray, sequences: np.ndarray, fitted: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """Labels of another sequence of the same half, at the same rank among its places as far as it goes."""
    other = labels.copy()
    for half in (fitted, ~fitted):
        names = np.unique(sequences[half])
        order = draw.permutation(len(names))
        partner = dict(zip(names[order], names[np.roll(order, 1)]))
        for name in names:
            mine, theirs = np.flatnonzero(sequences == name), np.flatnonzero(sequences == partner[name])
            other[mine] = labels[theirs[np.arange(len(mine)) % len(theirs)]]
    return other


def _gains(
    fit: Ridge, states: np.ndarray, labels: np.ndarray, fitted: np.ndarray, numbers: bool
) -> np.ndarray:
    """For each state of the half that is asked: 1 where its label is read right, or the share of variance it adds to R^2."""
    true, known = labels[~fitted], labels[fitted]
    if numbers:
        said = fit.read(known[:, None].astype(np.float64), states[~fitted])[:, 0]
        spread = float(np.var(true))
        level = spread <= LEVEL * float(np.square(true).mean())
        return np.zeros(len(true)) if level else 1 - (true - said) ** 2 / spread
    classes = np.unique(known)
    if len(classes) < 2:
        return np.asarray(true == known[0], np.float64)
    # A column of 1 and -1 for each class; of two classes one column, as it would be the same twice.
    signs = np.where(known[:, None] == classes, 1.0, -1.0)[:, -len(classes) if len(classes) > 2 else -1 :]
    said = fit.read(signs, states[~fitted])
    place = said.argmax(1) if len(classes) > 2 else (said[:, 0] > 0).astype(int)
    return np.asarray(classes[place] == true, np.float64)
