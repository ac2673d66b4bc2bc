"""Patching: how much of another sequence's answer do some units carry at a step, beside as many drawn at random?

A sequence is read; at the steps named, the state (h and c) of the units is replaced by what it was there in a run on another sequence, the donor, and the
reading goes on (interchange interventions, Geiger et al. 2021; activation patching, Vig et al. 2020). The share of the way that the answer
has gone to the donor's is (y - a) . (b - a) / |b - a|^2, with a the answer to the sequence, b to the donor and y to the patched one: 0 where
nothing has changed, 1 where it is the donor's. Control: equally many other units drawn at random. The share of a set that *can be read* for
something and is not used is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.editing import Edit, edited
from elman.interpretation.interventions import units_of
from elman.interpretation.view import View, untouched

DRAWS = 8
Unit = tuple[str, int]  # layer and direction, number


@dataclass(frozen=True)
class Patched:
    """Share of the way to the donor's answer: of each pair (pairs,), and of random sets (draws, pairs); NaN where both answer alike."""

    share: np.ndarray
    control: np.ndarray

    @property
    def value(self) -> float:
        """The mean over pairs."""
        return float(np.nanmean(self.share))

    @property
    def chance(self) -> float:
        """The mean over pairs and random sets."""
        return float(np.nanmean(self.control)) if len(self.control) else float("nan")

    @property
    def beyond(self) -> bool:
        """Whether the units carry more than any of the random sets."""
        return len(self.control) > 0 and self.value > float(np.nanmean(self.control, 1).max())


def patching(
    view: View, inputs: Tensor, donors: Tensor, units: Sequence[Unit], steps: Sequence[int], *, draws: int = DRAWS, seed: int = 0
) -> Patched:  # fmt: skip
    """What units, of those of `units_of(view)`, carry at `steps`; inputs and donors (pairs, time, ...), a donor for each sequence.

    The random sets are of the other units; there are none where too few are left. Raises RecipeError for shapes or steps that do not
    fit, and for a model whose states cannot be edited; UnknownName for a unit.
    """
    if inputs.shape != donors.shape:
        raise RecipeError(
            f"inputs are {tuple(inputs.shape)}, donors {tuple(donors.shape)}; expected one donor for each sequence, as long."
        )
    wrong = [step for step in steps if not 0 <= step < inputs.shape[1]]
    if wrong or not steps:
        raise RecipeError(
            f"steps {list(wrong or steps)}; the sequences have steps 0 to {inputs.shape[1] - 1}."
        )
    with untouched(view), torch.no_grad():
        every = units_of(view)
        for unit in units:
            if tuple(unit) not in every:
                raise UnknownName(
                    "unit", ".".join(map(str, unit)), [".".join(map(str, one)) for one in every]
                )
        if not units:
            raise RecipeError(
                'no unit is named; expected some of units_of(view), such as ("layers.0.forward", 3).'
            )
        vectors, others = (view.embed(each.to(view.device)) for each in (inputs, donors))
        seen: dict[str, list[Tensor]] = {}

        def look(name: str, step: int, values: Tensor) -> Tensor:
            seen.setdefault(name, []).append(values)
            return values

        with edited(view.model, look):
            theirs = view.read(others, None).flatten(1)
        mine = view.read(vectors, None).flatten(1)
        left = [unit for unit in every if unit not in {tuple(one) for one in units}]
        draw, sets = np.random.default_rng(seed), [[(layer, number) for layer, number in units]]
        if len(left) >= len(units):
            sets += [[left[k] for k in draw.permutation(len(left))[: len(units)]] for _ in range(draws)]
        way = theirs - mine
        length = way.square().sum(1)
        shares = []
        for chosen in sets:
            with edited(view.model, _put(chosen, seen, set(steps))):
                moved = view.read(vectors, None).flatten(1) - mine
            share = (moved * way).sum(1) / torch.where(length > 0, length, torch.nan)
            shares.append(share.double().cpu().numpy())
    return Patched(shares[0], np.array(shares[1:]).reshape(len(sets) - 1, len(inputs)))


def _put(units: Sequence[Unit], states: dict[str, list[Tensor]], steps: set[int]) -> Edit:
    """The edit that gives these units the donor's state at these steps."""
    numbers: dict[str, list[int]] = {}
    for layer, number in units:
        numbers.setdefault(layer, []).append(number)

    def edit(name: str, step: int, values: Tensor) -> Tensor:
        chosen = [k for k in numbers.get(name.rpartition(".")[0], ()) if k < values.shape[1]]
        if step not in steps or not chosen:
            return values
        changed = values.clone()
        changed[:, chosen] = states[name][step][:, chosen]
        return changed

    return edit
