"""Units: which one follows what, and the text or series painted by it.

A unit (one entry of the state, h or c) follows a label as closely as the share of its variance that the label explains in a straight
line: the squared correlation over steps; for a label that is true or false the same as one-way analysis of variance. Labels are what the
inputs give by themselves (interpretation/labels.py) or the user's. Control: the best unit for the labels of other sequences, turned round, which
has had as many units to choose from. Painted as Karpathy, Johnson and Li (2015) painted theirs. That a unit follows something
does not mean that the network needs it: see interventions.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
import torch

from elman.core.errors import RecipeError, UnknownName
from elman.core.results import Finding
from elman.interpretation.gates import spoken
from elman.interpretation.labels import labels_of, moved, split_classes
from elman.interpretation.pictures import coloured, dots, lines, stack
from elman.interpretation.probes import _states
from elman.interpretation.view import Sample, View, untouched

DRAWS = 10  # of shuffled labels
PAINTED = 3  # units that are shown
SHOWN_STEPS = 300
STEPS = 10_000  # that a label is held against at most
Scaled = tuple[np.ndarray, np.ndarray]  # which steps, and the units at these with mean 0 and length 1


def units(
    view: View,
    sample: Sample,
    labels: Mapping[str, np.ndarray] | None = None,
    *,
    unit: str | None = None,
    seed: int = 0,
) -> Finding | None:
    """The unit that follows each label most closely; None for a network whose state cannot be read step by step.

    `labels`: name -> (sequences, time), numbers (NaN: says nothing) or text ("" says nothing); labels_of(view, sample) where none are
    given. `unit`: one to paint, "layers.0.forward.c.12", instead of the best ones. `arrays`: "units" (units,) and "names" (labels,),
    "share" (units, labels), "best" and "control" (labels,), the latter the mean over DRAWS of the best unit's share.
    """
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        states = _states(view, sample)
        if states is None:
            return None
        names = unit_names(view, sample)
    told = labels_of(view, sample) if labels is None else split_classes(labels)
    for name, values in told.items():
        if values.shape != states.shape[:2]:
            raise RecipeError(
                f"label {name!r} is {values.shape}; expected {states.shape[:2]}: a value for each step of each sequence."
            )
    if unit is not None and unit not in names:
        raise UnknownName("unit", unit, names)
    if not told:
        return None
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    valid = np.arange(states.shape[1]) < lengths[:, None]
    seen, scaled = states[valid], dict[bytes, Scaled]()
    share = followed(seen, np.stack([each[valid] for each in told.values()], 1), scaled)
    draw = np.random.default_rng(seed)
    chance = np.stack([
        followed(seen, np.stack([moved(each, lengths, draw)[valid] for each in told.values()], 1), scaled).max(0)
        for _ in range(DRAWS)
    ])  # fmt: skip
    best, control = share.max(0), chance.mean(0)
    beyond = best > chance.max(0)
    order = np.argsort(-(best - control), kind="stable")
    things, first = list(told), int(order[0])
    winner = names[int(share[:, first].argmax())]
    sentence = (
        f"Of {len(names):,} entries of the state, {_spoken(winner)} follows one thing most closely: {things[first]}, which explains "
        f"{best[first]:.0%} of its variance; for labels shuffled the best of them reaches {control[first]:.0%}. "
        f"{int(beyond.sum())} of {len(things)} things asked about are followed more closely than in any of {DRAWS} shuffles."
    )
    painted = (
        [(unit, None)]
        if unit
        else [(names[int(share[:, k].argmax())], things[k]) for k in order[:PAINTED] if beyond[k]]
    )
    shown = [(name, thing, states[..., names.index(name)]) for name, thing in painted]
    rows = [
        {"label": things[k], "share of variance (%)": 100 * float(value[k]), "which": which}
        for k in order
        for which, value in (("best unit", best), ("best unit, labels shuffled", control))
    ]
    chart = dots(
        rows,
        "share of variance (%)",
        "label",
        "which",
        height=24 * len(things) + 20,
        title="How closely one unit follows each thing",
    )
    page = ""
    if sample.inputs.is_floating_point():
        chart = stack(chart, *(_series(sample, told, *each) for each in shown))
    elif view.step_names is not None:
        page = "".join(_text(view, sample, *each) for each in shown)
    return Finding(
        "units", "What single units follow", sentence, float(best[first]), "share of variance", control=float(control[first]),
        sample=f"{len(sample)} sequences, {int(valid.sum()):,} steps", chart=chart, html=page,
        table=tuple(
            {
                "what": things[k], "unit": names[int(share[:, k].argmax())], "share of variance": float(best[k]),
                "shuffled": float(control[k]), "most in a shuffle": float(chance[:, k].max()),
            }
            for k in order
        ),
        arrays={
            "units": np.array(names), "names": np.array(things), "share": share, "best": best, "control": control,
        },
    )  # fmt: skip


def followed(states: np.ndarray, labels: np.ndarray, scaled: dict[bytes, Scaled] | None = None) -> np.ndarray:
    """Squared correlation of each unit with each label, over the steps at which the label is known (not NaN).

    states (steps, units), labels (steps, labels) -> (units, labels); 0 where either does not vary. Of more than STEPS known steps that
    many are drawn. `scaled` keeps what is the same for other labels that are known at the same steps.
    """
    scaled = {} if scaled is None else scaled
    found = np.zeros((states.shape[1], labels.shape[1]))
    known = np.isfinite(labels)
    patterns = {known[:, k].tobytes(): known[:, k] for k in range(labels.shape[1])}
    for pattern, rows in patterns.items():
        mine = [k for k in range(labels.shape[1]) if known[:, k].tobytes() == pattern]
        if pattern not in scaled:
            at = np.flatnonzero(rows)
            at = at if len(at) <= STEPS else np.sort(np.random.default_rng(0).permutation(at)[:STEPS])
            scaled[pattern] = at, _scaled(states[at]).astype(np.float32)
        at, left = scaled[pattern]
        if len(at) > 1:
            right = _scaled(labels[at][:, mine])
            found[:, mine] = np.minimum(1.0, (left.T @ right.astype(np.float32)).astype(np.float64) ** 2)
    return found


def unit_names(view: View, sample: Sample) -> list[str]:
    """The name of each entry of the state, in the order in which probes and units read them."""
    first = sample.part(0, 1)
    with torch.no_grad():
        seen = view.trace(first.inputs, first.lengths)
    return [
        f"{name}.{number}"
        for name, values in seen.items()
        if not name.endswith(("gate", "candidate", "rate"))
        for number in range(values.shape[-1])
    ]


def _scaled(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and length 1, or 0 where they do not vary beyond rounding."""
    values = values.astype(np.float64)
    centred = values - values.mean(0)
    length = np.linalg.norm(centred, axis=0)
    largest = np.abs(values).max(0)
    flat = length <= 1e-6 * np.sqrt(len(values)) * np.maximum(largest, 1e-12)
    return np.where(flat, 0.0, centred / np.where(flat, 1.0, length))


def _spoken(name: str) -> str:
    part, _, number = name.rpartition(".")
    return f"number {int(number)} of {spoken(part)}"


def _text(view: View, sample: Sample, name: str, thing: str | None, values: np.ndarray) -> str:
    """A sequence as text, coloured by one unit about its mean; the sequence in which it moves most."""
    assert view.step_names is not None
    middle = float(np.mean([values[row, : sample.length(row)].mean() for row in range(len(sample))]))
    moves = [float(values[row, : sample.length(row)][:SHOWN_STEPS].std()) for row in range(len(sample))]
    row = int(np.argmax(moves))
    names = view.step_names(sample.inputs[row][: sample.length(row)].cpu())[:SHOWN_STEPS]
    about = (values[row, : len(names)] - middle).tolist()
    text = coloured(names, about, float(np.abs(values - middle).max()))
    follows = f", which follows {html.escape(thing)}" if thing else ""
    more = " …" if sample.length(row) > SHOWN_STEPS else ""
    return f"<p><b>{html.escape(_spoken(name))}</b>{follows}; orange above its mean, blue below</p><p>{text}{more}</p>"


def _series(
    sample: Sample, told: Mapping[str, np.ndarray], name: str, thing: str | None, values: np.ndarray
) -> dict[str, object]:
    """One sequence as lines: the unit and what it follows, each in its own standard deviations."""
    row = int(np.argmax([values[row, : sample.length(row)].std() for row in range(len(sample))]))
    length = min(sample.length(row), SHOWN_STEPS)
    drawn = [(_spoken(name), values[row, :length])]
    if thing is not None and np.isfinite(told[thing][row, :length]).all():
        drawn.append((thing, told[thing][row, :length]))
    rows = [
        {"step": step, "standard deviations": float(value), "line": line}
        for line, each in drawn
        for step, value in enumerate((each - each.mean()) / max(float(each.std()), 1e-12))
    ]
    title = f"{_spoken(name)}{f' and {thing}' if thing else ''}"
    return lines(rows, "step", "standard deviations", "line", points=False, height=150, title=title)
