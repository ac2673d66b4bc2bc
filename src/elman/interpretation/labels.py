"""What a unit or a probe may be held against at each step: labels that the inputs and the answers give by themselves.

The line position, the quotes and the brackets are those that Karpathy, Johnson and Li (2015) found cells for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from elman.interpretation.view import Sample, View

TOKENS = 12  # the most frequent ones, each a label of its own
LEAST = 5  # steps of each kind that a label must have
OPENS, CLOSES = "([{", ")]}"
QUOTE = '"'


def labels_of(view: View, sample: Sample) -> dict[str, np.ndarray]:
    """Name -> (sequences, time) float64, NaN where it says nothing: padding, or all steps but the last for an answer.

    The position; for tokens the most frequent ones, the place in the line, whether it is inside quotes, how many brackets
    are open; for values each feature; at the last step the true class, or the true number. Only what varies is given.
    """
    inputs = sample.inputs.cpu().numpy()
    lengths = np.array([sample.length(row) for row in range(len(sample))])
    steps = np.arange(inputs.shape[1])
    valid = steps < lengths[:, None]
    found: dict[str, np.ndarray] = {"position": np.where(valid, steps, np.nan)}
    if inputs.dtype.kind == "f":
        values = inputs.reshape(*inputs.shape[:2], -1)
        for number in range(min(values.shape[-1], TOKENS)):
            named = number < len(view.feature_names)
            name = view.feature_names[number] if named else f"input {number + 1}"
            found[name] = np.where(valid, values[..., number], np.nan)
    elif view.step_names is not None:
        tokens = inputs.reshape(*inputs.shape[:2], -1)[..., 0]
        names = [view.step_names(row[:length]) for row, length in zip(sample.inputs.cpu(), lengths.tolist())]
        for name, each in zip(("place in the line", "inside quotes", "open brackets"), _written(names)):
            found[name] = _padded(each, len(steps))
        common = np.argsort(-np.bincount(tokens[valid]), kind="stable")[:TOKENS]
        at = {int(number): np.nonzero(valid & (tokens == number)) for number in common}
        for number, (rows, places) in at.items():
            if len(rows):
                found[f"token {names[rows[0]][places[0]]!r}"] = np.where(valid, tokens == number, np.nan)
    found |= _answers(view, sample, steps == lengths[:, None] - 1)
    return {name: values for name, values in found.items() if _varies(values)}


def split_classes(labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Labels as numbers: classes that are text become one label each, 1 where it is so; empty text says nothing."""
    found: dict[str, np.ndarray] = {}
    for name, given in labels.items():
        values = np.asarray(given)
        if values.dtype.kind not in "UO":
            found[name] = values.astype(np.float64)
            continue
        for kind in np.unique(values[values != ""]):
            found[f"{name} {kind}"] = np.where(values == "", np.nan, values == kind)
    return found


def moved(values: np.ndarray, lengths: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The control: each sequence gets another's labels, turned round by a random number of steps.

    What a label is like (how often, how long at a time) stays; when it is so does not.
    """
    order = draw.permutation(len(values))
    other = np.full_like(values, np.nan)
    for row, partner in zip(order, np.roll(order, 1)):
        mine, theirs = int(lengths[row]), int(lengths[partner])
        if np.isfinite(values[partner, : theirs - 1]).any():
            other[row, :mine] = values[partner, (np.arange(mine) + draw.integers(theirs)) % theirs]
        else:  # an answer, known at the last step alone
            other[row, mine - 1] = values[partner, theirs - 1]
    return other


def _answers(view: View, sample: Sample, last: np.ndarray) -> dict[str, np.ndarray]:
    """The true class or number of each sequence, at its last step."""
    targets = sample.targets.cpu().numpy()
    if targets.ndim != 1 or view.names_next_step or view.asked is not None:
        return {}
    if not view.labels:
        return {"the true value": np.where(last, targets[:, None].astype(np.float64), np.nan)}
    kinds = range(1, 2) if len(view.labels) == 2 else range(min(len(view.labels), TOKENS))
    return {
        f"class {view.labels[kind]}": np.where(last, (targets == kind)[:, None].astype(np.float64), np.nan)
        for kind in kinds
    }


def _written(names: list[list[str]]) -> tuple[list[list[float]], list[list[float]], list[list[float]]]:
    """Of every step: steps since the line began, whether it is inside quotes, how many brackets are open after it.

    A straight quote opens where white space, a bracket or nothing stands before it, if steps are characters; else every other one opens.
    Where the first mark closes, all before it was inside. What a sequence was cut from is not known: brackets count from 0.
    """
    lines, quotes, brackets = [], [], []
    for each in names:
        inside, depth = _cut_from_a_quote(each), 0.0
        place = 0.0
        line, quote, bracket = [], [], []
        for name, opens in zip(each, _opening(each)):
            inside = inside if opens is None else opens
            depth = max(0.0, depth + (len(name) == 1 and name in OPENS) - (len(name) == 1 and name in CLOSES))
            line.append(place)
            quote.append(float(inside))
            bracket.append(depth)
            place = 0.0 if name == "\n" else place + 1
        lines.append(line if "\n" in each else [0.0] * len(each))
        quotes.append(quote)
        brackets.append(bracket)
    return lines, quotes, brackets


def _opening(names: list[str]) -> list[bool | None]:
    """Of every step: True for a mark that opens a quote, False for one that closes it, None for anything else."""
    characters, marks, before, inside = all(len(name) <= 1 for name in names), [], " ", False
    for name in names:
        mark: bool | None = None
        if name in ("“", "”"):
            mark = name == "“"
        elif name == QUOTE:
            mark = (before.isspace() or before in OPENS) if characters else not inside
        inside = inside if mark is None else mark
        marks.append(mark)
        before = name
    return marks


def _cut_from_a_quote(names: list[str]) -> bool:
    """Whether a sequence begins inside a quote: its first mark closes one."""
    return next((mark for mark in _opening(names) if mark is not None), True) is False


def _padded(rows: list[list[float]], time: int) -> np.ndarray:
    padded = np.full((len(rows), time), np.nan)
    for row, values in enumerate(rows):
        padded[row, : len(values)] = values
    return padded


def _varies(values: np.ndarray) -> bool:
    """Whether a label has enough steps of more than one kind."""
    known = values[np.isfinite(values)]
    if len(known) < 2 * LEAST or not np.ptp(known):
        return False
    usual = float(np.median(known))
    return int((known != usual).sum()) >= LEAST
