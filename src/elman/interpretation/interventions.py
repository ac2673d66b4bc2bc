"""Interventions: which units does the answer need?

A unit is taken out by holding its state (h and c) at its mean over the sample at every step. Units are ranked by the gradient of the
loss along that change, on one half of the sequences; the most important sets are then taken out and measured on the other half, so that
what is reported was not chosen by what it is measured on. Control: as many units drawn at random (Lakretz et al. 2019). What is
decodable need not be used (Elazar et al. 2021), and removing one famous unit cost its model little (Donnelly and
Roegiest 2019): this is the measurement that tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation.editing import Edit, edited, parts
from elman.interpretation.pictures import lines
from elman.interpretation.view import Sample, View, untouched

DRAWS = 8  # random sets of each size
SHARE = 0.05  # of the units make the headline
DEEPEST = 0.5  # share of the units that is taken out at most


def interventions(view: View, sample: Sample, *, seed: int = 0) -> Finding | None:
    """Loss gained by taking out the most important units, against random ones; None where no layer's state can be edited.

    `arrays`: "order" (units,) from the most important on, "units" their names, "gradient" (units,), "sizes" (sets,),
    "loss" (sets, sequences) with the most important taken out, "loss_random" (sets, draws, sequences), "loss_whole" (sequences,).
    """
    sample = sample.to(view.device)
    half = max(1, len(sample) // 2)
    chosen_on, measured_on = sample.part(0, half), sample.part(half if len(sample) > 1 else 0, len(sample))
    draw = np.random.default_rng(seed)
    with untouched(view):
        try:
            units = units_of(view)
        except RecipeError:
            return None
        means = _means(view, chosen_on)
        gradient = _gradient(view, chosen_on, means, units)
        order = np.argsort(-np.abs(gradient), kind="stable")
        head = _head(len(units))
        sizes = sizes_of(len(units))
        with torch.no_grad():
            whole = _losses(view, measured_on)
            found = []
            for size in sizes:
                sets = [order[:size], *(draw.permutation(len(units))[:size] for _ in range(DRAWS))]
                found.append(_without(view, measured_on, means, [[units[k] for k in one] for one in sets]))
    loss, random = np.stack([each[0] for each in found]), np.stack([each[1:] for each in found])
    at = sizes.index(head)
    gain, chance = loss[at] - whole, random[at] - whole
    value, control = float(gain.mean()), float(chance.mean())
    picks = draw.integers(0, len(whole), (1000, len(whole)))
    low, high = np.percentile(gain[picks].mean(1), [2.5, 97.5])
    unit = "loss (nats)" if view.labels else "loss"
    worst = float(chance.mean(1).max())
    told = (
        f"That is more than in any of {DRAWS} draws."
        if value > worst
        else f"At least one of {DRAWS} draws did as much."
    )
    plural = "s" if head > 1 else ""
    sentence = (
        f"Without its {head} most important unit{plural} of {len(units)} (held at their mean) the loss {_moves(value)}, from "
        f"{whole.mean():.3g}; without {head} drawn at random it {_moves(control)}. {told}"
    )
    rows = [
        {"units taken out": size, unit: float(each), "which": which}
        for size, mine, theirs in zip(sizes, loss.mean(1), random.mean((1, 2)))
        for which, each in (("the most important", mine), ("drawn at random", theirs))
    ]
    names = [f"{layer}.{number}" for layer, number in units]
    return Finding(
        "interventions", "Units that the answer needs", sentence, value, unit, (float(low), float(high)), control,
        sample=f"{len(chosen_on)} sequences to choose by, {len(measured_on)} to measure on",
        chart=lines(rows, "units taken out", unit, "which", log_x=True, title="Loss without some of the units"),
        table=tuple(
            {"unit": names[k], "gradient of the loss": float(gradient[k])} for k in order[:10]
        ),
        arrays={
            "order": order, "units": np.array(names), "gradient": gradient, "sizes": np.array(sizes),
            "loss": loss, "loss_random": random, "loss_whole": whole,
        },
    )  # fmt: skip


@dataclass(frozen=True)
class TakenOut:
    """Loss of each sequence: of the whole network (sequences,), without the units (sequences,), and without as many of the others (draws, sequences)."""

    whole: np.ndarray
    loss: np.ndarray
    loss_random: np.ndarray


def taken_out(
    view: View,
    sample: Sample,
    units: Sequence[tuple[str, int]],
    *,
    means_of: Sample | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> TakenOut:
    """What it costs to hold these units at their mean, beside as many others drawn at random.

    `units` are (layer and direction, number) as units_of(view) lists them; the means are taken over `means_of`, `sample` where there is none: choose units
    and take their means on other sequences than those they are measured on. Where one unit is asked about and there are no more than `draws` others, each
    of them is a draw. Raises RecipeError for a unit that is not there, and where no others are left to draw from.
    """
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        there = units_of(view)
        if missing := [unit for unit in units if unit not in there]:
            raise RecipeError(
                f"no unit {missing[0]} in this network; expected (layer and direction, number), such as {there[0]}."
            )
        others = [unit for unit in there if unit not in set(units)]
        if not units or len(others) < len(units):
            raise RecipeError(
                f"{len(units)} of {len(there)} units are to be taken out; expected 1 to {len(there) // 2}, so that as many others can be drawn."
            )
        draw = np.random.default_rng(seed)
        if len(units) == 1 and len(others) <= draws:
            sets = [[other] for other in others]
        else:
            sets = [[others[k] for k in draw.permutation(len(others))[: len(units)]] for _ in range(draws)]
        means = _means(view, sample if means_of is None else means_of.to(view.device))
        found = _without(view, sample, means, [list(units), *sets])
        return TakenOut(_losses(view, sample), found[0], found[1:])


def _head(units: int) -> int:
    return max(1, round(SHARE * units))


def _moves(by: float) -> str:
    return f"{'rises' if by >= 0 else 'falls'} by {abs(by):.3g}"


def sizes_of(units: int) -> list[int]:
    """How many units are taken out: every fourth power of 2, and those of the headline."""
    head = _head(units)
    return sorted({size for size in (1, 4, 16, 64, 256, head) if size <= max(head, DEEPEST * units)})


def units_of(view: View) -> list[tuple[str, int]]:
    """(layer and direction, number) of every unit; a projected h and its c count as units of their own."""
    sizes: dict[str, int] = {}
    for name, size in parts(view.model).items():
        layer = name.rpartition(".")[0]
        sizes[layer] = max(size, sizes.get(layer, 0))
    return [(layer, number) for layer, size in sizes.items() for number in range(size)]


def _losses(view: View, sample: Sample) -> np.ndarray:
    found = []
    for part in sample.parts(outputs=len(view.labels)):
        outputs = view.read(view.embed(part.inputs), part.lengths)
        found.append(view.loss(outputs, part.targets).double().detach().cpu().numpy())
    return np.concatenate(found)


def _means(view: View, sample: Sample) -> dict[str, Tensor]:
    """The mean of every part of the state over valid steps (size,)."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    steps = [sample.length(row) for row in range(len(sample))]
    at = 0

    def look(name: str, step: int, values: Tensor) -> Tensor:
        valid = torch.tensor([step < length for length in steps[at : at + len(values)]], device=values.device)
        total = values[valid].double().sum(0)
        sums[name] = sums[name] + total if name in sums else total
        counts[name] = counts.get(name, 0) + int(valid.sum())
        return values

    with edited(view.model, look), torch.no_grad():
        for part in sample.parts(outputs=len(view.labels)):
            view.read(view.embed(part.inputs), part.lengths)
            at += len(part)
    return {name: total / counts[name] for name, total in sums.items()}


def _gradient(
    view: View, sample: Sample, means: dict[str, Tensor], units: list[tuple[str, int]]
) -> np.ndarray:
    """d loss / d share, at 0, where each unit moves by that share towards its mean: (units,)."""
    sizes: dict[str, int] = {}
    for layer, _ in units:
        sizes[layer] = sizes.get(layer, 0) + 1
    shares = {
        layer: torch.zeros(size, device=view.device, requires_grad=True) for layer, size in sizes.items()
    }

    def move(name: str, step: int, values: Tensor) -> Tensor:
        share = shares[name.rpartition(".")[0]][: values.shape[1]]
        return values + share.to(values) * (means[name].to(values) - values)

    with edited(view.model, move), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for part in sample.parts(outputs=len(view.labels)):
            outputs = view.read(view.embed(part.inputs), part.lengths)
            (view.loss(outputs, part.targets).sum() / len(sample)).backward()
    return np.concatenate([_of(shares[layer]) for layer in sizes])


def _of(share: Tensor) -> np.ndarray:
    gradient = torch.zeros_like(share) if share.grad is None else share.grad
    return gradient.double().cpu().numpy()


def _without(
    view: View, sample: Sample, means: dict[str, Tensor], sets: list[list[tuple[str, int]]]
) -> np.ndarray:
    """Loss of each sequence with each set of units held at their means (sets, sequences); the sets run side by side."""
    gone: dict[str, Tensor] = {}
    for row, units in enumerate(sets):
        for layer, number in units:
            if layer not in gone:
                size = max(len(mean) for name, mean in means.items() if name.rpartition(".")[0] == layer)
                gone[layer] = torch.zeros(len(sets), size, dtype=torch.bool, device=view.device)
            gone[layer][row, number] = True

    def hold(name: str, step: int, values: Tensor) -> Tensor:
        held = gone.get(name.rpartition(".")[0])
        if held is None:
            return values
        rows = held[:, : values.shape[1]].repeat_interleave(len(values) // len(sets), 0)
        return torch.where(rows, means[name].to(values), values)

    edit: Edit = hold
    found = []
    with edited(view.model, edit):
        for part in sample.parts(16, outputs=len(view.labels) * len(sets)):
            lengths = None if part.lengths is None else part.lengths.repeat(len(sets))
            many = view.embed(part.inputs.repeat(len(sets), *[1] * (part.inputs.dim() - 1)))
            targets = part.targets.repeat(len(sets), *[1] * (part.targets.dim() - 1))
            each = view.loss(view.read(many, lengths), targets)
            found.append(each.double().cpu().numpy().reshape(len(sets), len(part)))
    return np.concatenate(found, 1)
