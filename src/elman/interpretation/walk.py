"""One sequence, step by step: what is answered after each, what each cost, which steps count, what each unit does.

The other questions ask about many sequences and give a finding; this one looks along a single sequence that somebody has at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.credit import asked_of
from elman.interpretation.editing import Edit, edited
from elman.interpretation.methods import credit_by
from elman.interpretation.pieces import PIECE, in_pieces
from elman.interpretation.readout import COUNT, counts
from elman.interpretation.view import NO_WEIGHTS, View, shuffled, untouched

PREFIXES = 48  # of a sequence that is read from both ends: each prefix is a pass of its own
FEWEST, MOST_STEPS = 8, 2**19  # prefixes of a long one, and steps of all of them together


@dataclass(frozen=True)
class Answers:
    """What a network says of one sequence.

    at      steps after which it was asked (k,), the last one always among them
    shares  probabilities (k, outputs), or None for a network that gives values
    values  the raw outputs (k, outputs)
    """

    at: np.ndarray
    shares: np.ndarray | None
    values: np.ndarray


def answers(
    view: View, inputs: Tensor, *, several: bool = False, edit: Edit | None = None, ends: bool = False
) -> Answers:
    """The answer after every step of one sequence (1, time, ...), as if it ended there; after the last alone with `ends`.

    `several`: any number of labels may be true at once, so that each has a probability of its own. A network that cannot be
    read after every step is asked about at most PREFIXES beginnings, each alone. With an `edit` the states are edited on the way.
    """
    _check(inputs)
    time = inputs.shape[1]
    with untouched(view), torch.no_grad(), _edited(view, edit):
        embedded = view.embed(inputs)
        if ends:
            at, values = np.array([time - 1]), view.read(embedded, None)
        elif view.read_steps is not None:
            at, values = np.arange(time), view.read_steps(embedded, None)[0]
        else:
            at = np.unique(np.linspace(0, time - 1, prefixes(time)).round().astype(int))
            values = torch.cat([view.read(embedded[:, : step + 1], None) for step in at])
    values = values.float().cpu()
    shares = None
    if view.labels:
        shares = (values.double().sigmoid() if several else values.double().softmax(-1)).numpy()
    return Answers(at, shares, values.numpy())


def prefixes(time: int) -> int:
    """How many beginnings of a sequence of `time` steps are asked about where each is a pass of its own."""
    return min(time, PREFIXES, max(FEWEST, 2 * MOST_STEPS // time))


def surprise(view: View, inputs: Tensor, found: Answers) -> np.ndarray:
    """Bits that each step cost a language model (time,): -log2 of its probability after those before; NaN for the first."""
    if found.shares is None or not view.names_next_step:
        raise RecipeError(
            "only a language model is surprised by a step; ask for the loss of the answer instead."
        )
    steps = inputs[0].cpu().numpy()
    told = found.shares[np.arange(len(steps) - 1), steps[1:]]
    return np.concatenate([[np.nan], -np.log2(np.maximum(told, 1e-30))])


def losses(found: Answers, target: int) -> np.ndarray:
    """Bits that the answer after each step is away from the class `target` (k,): -log2 of its probability."""
    if found.shares is None:
        raise RecipeError("a network that gives values has no probability to lose bits by.")
    bits: np.ndarray = -np.log2(np.maximum(found.shares[:, target], 1e-30))
    return bits


def line(view: View, found: Answers, label: int | None = None) -> tuple[str, np.ndarray]:
    """What to draw of the answers along the sequence, and its values (k,).

    The expected count where the classes count, the probability of the second of two classes, of the class `label` (the last
    answer when None) of more; the value itself where there are no classes.
    """
    if found.shares is None:
        return "value", found.values[:, 0].astype(float)
    count = counts(view.labels) if label is None else None
    if count is not None:
        return COUNT, found.shares @ count
    if label is None:
        label = 1 if len(view.labels) == 2 else int(found.shares[-1].argmax())
    return f"p({view.labels[label]})", found.shares[:, label]


def credit(
    view: View, inputs: Tensor, output: int | None = None, *, points: int = 32, control: bool = False
) -> tuple[np.ndarray, float, int]:
    """How much each step moved the answer (time,), the residual as a share of what it should add up to, the output.

    Integrated gradients from the view's baseline. `output` is the number of the output; the largest when None. With `control`,
    of the same network with its weights shuffled: what is alike there was not learnt. RecipeError where there are none.
    """
    _check(inputs)
    with untouched(view):
        if output is None:
            output = int(answers(view, inputs, ends=True).values[0].argmax()) if view.labels else 0
        if control:
            if not view.has_weights:
                raise RecipeError(f"{NO_WEIGHTS} Ask without control.")
            with shuffled(view):
                return (*_credit(view, inputs, output, points), output)
        return (*_credit(view, inputs, output, points), output)


def _credit(view: View, inputs: Tensor, output: int, points: int) -> tuple[np.ndarray, float]:
    with torch.no_grad():
        embedded = view.embed(inputs)
    asked = asked_of(view, embedded, None, torch.tensor([output], device=embedded.device), view.baseline)
    found, residual = credit_by("integrated_gradients", asked, points)
    each = found.cells.sum(2)[0].cpu().numpy()
    whole = abs(float(each.sum() + residual[0]))
    return each, abs(float(residual[0])) / max(whole, 1e-12)


def traced(view: View, inputs: Tensor, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Gates and states of one sequence by name, each (time, units); those named, or all. UnknownName for another."""
    _check(inputs)
    with untouched(view), torch.no_grad():
        # Of a long sequence no other readings are ever held than those that were asked for.
        known = view.trace(inputs[:, :PIECE], None)
        for name in names:
            if name not in known:
                raise UnknownName("reading", name, known)
        found = known
        if inputs.shape[1] > PIECE:
            with in_pieces(view.model, only=names):
                found = view.trace(inputs, None)
        return {name: found[name][0].float().cpu().numpy() for name in names or found}


def _check(inputs: Tensor) -> None:
    if inputs.dim() < 2 or len(inputs) != 1 or inputs.shape[1] == 0:
        raise RecipeError(f"one sequence (1, time, ...) is expected; got {tuple(inputs.shape)}.")


def _edited(view: View, edit: Edit | None) -> AbstractContextManager[None]:
    return nullcontext() if edit is None else edited(view.model, edit)
