"""Which method to trust on this network: each method's order of steps, held against chance and the shuffled network's map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from elman.interpretation import decomposition
from elman.interpretation import faithfulness as judged
from elman.interpretation.credit import ask
from elman.interpretation.decomposition import refusal
from elman.interpretation.faithfulness import Faithful, at_random, faithfulness
from elman.interpretation.methods import METHODS, Credits
from elman.interpretation.view import Sample, View

COMPARED = (
    2**20
)  # steps * sequences * passes that comparing all methods may take: half a minute for an LSTM of 2 x 256; ours
PASSES = 700  # of a sequence, to compare all methods
RANDOM = 20  # random orders
LEAST = 4  # sequences


@dataclass
class Compared:
    """The methods held against each other: by name, against random orders and the map of the shuffled network."""

    methods: dict[str, Faithful] = field(default_factory=dict)
    shuffled: Faithful | None = None
    random: list[Faithful] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    count: int = 0
    shares: bool = True


def compare(
    view: View,
    few: Sample,
    names: Sequence[str],
    other: Credits | None,
    horizon: int | None,
    points: int,
    seed: int,
) -> Compared:
    """Faithfulness of each method that suits the network, of the shuffled network's map, and of random orders."""
    count = count_of(few)
    asked = ask(view, few.part(0, count), horizon)
    held = Compared(count=count, shares=asked.shares is not None)
    for name in dict.fromkeys(names):
        reason = refusal(asked) if name == "decomposition" else None
        if reason is not None:
            held.refused[name] = reason
            continue
        credit = METHODS[name].credit(asked, points, seed)
        held.methods[name] = faithfulness(asked, credit.cells.sum(2), signed=METHODS[name].signed)
    if other is not None:
        steps = asked.vectors.new_tensor(other.steps[:count, : asked.vectors.shape[1]])
        held.shuffled = faithfulness(asked, steps, signed=METHODS[names[0]].signed)
    held.random = at_random(asked, RANDOM, seed)
    return held


def count_of(few: Sample) -> int:
    """How many sequences the methods are compared on."""
    return min(len(few), max(LEAST, COMPARED // (PASSES * few.inputs.shape[1])))


def reads(
    view: View, few: Sample, names: Sequence[str], horizon: int | None, points: int, beside: bool
) -> float:
    """Sequences that comparing reads, those with gradients counted three times, with what it does `beside` or without."""
    count = count_of(few)
    asked = ask(view, few.part(0, count), horizon)
    each, orders = 1.0, RANDOM + view.has_weights
    for name in dict.fromkeys(names):
        if name == "decomposition":
            each += decomposition.passes(asked, 2)
            if refusal(asked) is not None:
                continue
        each += METHODS[name].work(asked, points, beside)
        orders += 1
    return count * (each + orders * judged.passes(asked))


def trust(held: Compared, method: str) -> str:
    """What taking out the steps credited most does, against random orders, and which method does it best."""
    mine = held.methods[method].comprehensiveness
    chance = np.stack([each.comprehensiveness for each in held.random])
    ahead = mine - chance.mean(0)
    picks = np.random.default_rng(0).integers(0, len(mine), (1000, len(mine)))
    low = float(np.percentile(ahead[picks].mean(1), 2.5))
    verdict = (
        "it matters to the answer what it points to"
        if low > 0
        else "do not trust this map: no more than chance can be shown"
    )
    told = (
        f"Without the steps it credits most, the answer falls by {mine.mean():.2g}, without as many at random by {chance.mean():.2g}: "
        f"{verdict}"
    )
    if low > 0 and held.shuffled is not None and held.shuffled.comprehensiveness.mean() >= mine.mean():
        told += ", though the shuffled network's map finds such steps as well"
    best = max(held.methods, key=lambda name: held.methods[name].comprehensiveness.mean())
    if best == method or len(held.methods) < 2:
        return f"{told}."
    return f"{told}; {METHODS[best].words} finds steps that lower it by {held.methods[best].comprehensiveness.mean():.2g}."


def table(held: Compared) -> tuple[dict[str, object], ...]:
    """Method -> comprehensiveness, sufficiency and area under the deletion curve, the best first, then the controls."""

    def row(name: str, each: Faithful) -> dict[str, object]:
        return {
            "steps ordered by": name, "comprehensiveness": float(each.comprehensiveness.mean()),
            "sufficiency": float(each.sufficiency.mean()), "area under deletion": float(each.area.mean()),
        }  # fmt: skip

    order = sorted(held.methods.items(), key=lambda one: -one[1].comprehensiveness.mean())
    rows = [row(METHODS[name].words, each) for name, each in order]
    if held.shuffled is not None:
        rows.append(row("the shuffled network's map", held.shuffled))
    names = ("comprehensiveness", "sufficiency", "area")
    each = {
        name: np.percentile([getattr(one, name).mean() for one in held.random], [2.5, 97.5]) for name in names
    }
    for place, end in enumerate(("low", "high")):
        values = dict(
            zip(
                ("comprehensiveness", "sufficiency", "area under deletion"),
                (float(each[name][place]) for name in names),
            )
        )
        rows.append({"steps ordered by": f"chance, {end} end (of {len(held.random)} orders)", **values})
    return tuple(rows)
