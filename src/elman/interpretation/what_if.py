"""What if: the answer of one sequence with and without an edit, beside the same edit of random units.

How far an answer moves is the total variation between the two answers after the last step, half the sum of what each probability
changed by: 0 when nothing changed, 1 when all did (sum of several independent labels: the largest change). Where outputs are values it is
the mean of how much each changed. Control: the same done to as many other units of the same part, drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.editing import Edit, gates_of, parts
from elman.interpretation.gates import spoken
from elman.interpretation.pieces import PIECE
from elman.interpretation.view import View
from elman.interpretation.walk import Answers, answers, traced

DRAWS = 5  # of other units


@dataclass(frozen=True)
class Effect:
    """Answers before and after, how far the last one moved, and by how much on average with other units (None: there are none)."""

    before: Answers
    after: Answers
    moved: float
    control: float | None


def effect(
    view: View,
    inputs: Tensor,
    part: str,
    units: Sequence[int],
    make: Callable[[Sequence[int]], Edit],
    *,
    several: bool = False,
    seed: int = 0,
) -> Effect:
    """What `make(units)`, an edit of these units of `part`, does to the answer of one sequence (1, time, ...).

    `part` is a part of the state or a gate, named as `editing` names it. Raises UnknownName for one that is not there, RecipeError
    for units that it has not.
    """
    size = held(view, inputs, part).shape[1]
    wrong = [unit for unit in units if not 0 <= unit < size]
    if wrong or not units:
        which = f"unit {', '.join(map(str, wrong))}" if wrong else "no unit"
        raise RecipeError(f"{which} of {spoken(part)} ({part}) is asked for; it has units 0 to {size - 1}.")
    ends = view.read_steps is None

    def asked(edit: Edit | None) -> Answers:
        return answers(view, inputs, several=several, edit=edit, ends=ends)

    before, after = asked(None), asked(make(units))
    others = [unit for unit in range(size) if unit not in set(units)]
    draw, moves = np.random.default_rng(seed), []
    if len(others) >= len(units):
        for _ in range(min(DRAWS, len(others))):
            chosen = draw.choice(others, len(units), replace=False).tolist()
            moves.append(_moved(before, asked(make(chosen)), several))
    return Effect(before, after, _moved(before, after, several), float(np.mean(moves)) if moves else None)


def held(view: View, inputs: Tensor, part: str) -> np.ndarray:
    """What a part of the state or a gate is along one sequence (1, time, ...): (steps, units). Raises UnknownName as `edited` does."""
    known = (*parts(view.model), *gates_of(view.model))
    if part not in known:
        raise UnknownName("part of the state or gate", part, known)
    # A trace names the module in front of its layers, an edit only where there are several.
    named = next(name for name in traced(view, inputs[:, :PIECE]) if f".{name}".endswith(f".{part}"))
    return traced(view, inputs, [named])[named]


def _moved(before: Answers, after: Answers, several: bool) -> float:
    if before.shares is None or after.shares is None:
        return float(np.abs(after.values[-1] - before.values[-1]).mean())
    change = np.abs(after.shares[-1] - before.shares[-1])
    return float(change.max() if several else change.sum() / 2)
