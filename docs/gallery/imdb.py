"""A unit of a network that reads film reviews: what it says of praise and blame, and whether the answer needs it. No text is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.core.showing import svg
from elman.interpretation.interventions import taken_out
from elman.interpretation.labels import labels_of
from elman.interpretation.pictures import field, finish, histogram, hue
from elman.interpretation.units import units
from elman.interpretation.view import Sample, View, untouched

NAME, LABEL = "imdb", "class positive"
ASKED = 2000  # reviews: one half to choose the unit by, the other to measure on
HALF = 0.5  # of what the unit costs: another that costs as much is as good a part of the answer
STACK = 0.25  # of 100 answers: costs no further apart are stacked


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """The unit that follows the class most closely on one half, its values and its removal on the other."""
    run, prepared = trained(NAME, data)
    view = prepared.task.view(run.network, prepared.encoded.encoder, run.recipe)
    sample = prepared.task.sample(prepared.encoded, "validation", ASKED, TRAININGS[NAME].seed)
    half = len(sample) // 2
    chosen_on, measured_on = sample.part(0, half), sample.part(half, len(sample))
    found = units(view, chosen_on, {LABEL: labels_of(view, chosen_on)[LABEL]})
    assert found is not None and found.control is not None
    part, _, number = str(found.table[0]["unit"]).rpartition(".")
    unit = int(number)
    values, positive = at_the_end(view, measured_on, part, unit), measured_on.targets.numpy() == 1
    gone = taken_out(
        errors(view), measured_on, [(part.rpartition(".")[0], unit)], means_of=chosen_on, draws=64
    )
    facts = {
        "units": len(found.arrays["units"]), "unit": unit, "chosen_on": half, "measured_on": len(measured_on),
        "share": float(np.corrcoef(values, positive)[0, 1] ** 2), "share_control": float(found.control),
        "wrong": float(gone.whole.mean()), "wrong_without": float(gone.loss.mean()), "wrong_without_others": gone.loss_random.mean(1).tolist(),
        "data": data_hash(run)[:12],
    }  # fmt: skip
    spread = {view.labels[kind]: values[positive == bool(kind)].tolist() for kind in (0, 1)}
    title = "The unit at the end of reviews it was not chosen by"
    (images / "imdb_histogram.svg").write_text(
        svg(histogram(spread, f"unit {unit} after the last word", title=title)), encoding="utf-8"
    )
    costs = [100 * (each - facts["wrong"]) for each in facts["wrong_without_others"]]
    chart = without(f"unit {unit}", 100 * (facts["wrong_without"] - facts["wrong"]), costs)
    (images / "imdb_without.svg").write_text(svg(chart), encoding="utf-8")
    return facts


def entry(facts: dict[str, Any]) -> Entry:
    """What the unit says, what its removal costs, and what that of others does."""
    return Entry(
        "A unit for praise and blame",
        f"Of the {facts['units']} units of a GRU that read film reviews (IMDB), number {facts['unit']} follows praise most closely. It was chosen on {facts['chosen_on']:,} reviews; at the end of {facts['measured_on']:,} "
        f"others, whether they praise or blame explains {facts['share']:.0%} of its variance. Held at its mean, "
        f"{told(facts['wrong'], facts['wrong_without'], np.array(facts['wrong_without_others']))}",
        f"For labels of other reviews the best of all units reaches {facts['share_control']:.1%} of the variance. The other units, each taken out alone, are the orange dots.",
        [TRAININGS[NAME].command(NAME), f"elman explain runs/gallery/{NAME} units interventions"],
        TRAININGS[NAME].seed, f"data {NAME} `{facts['data']}`",
        [("imdb_histogram.svg", "Values of the unit at the end of reviews that praise and of those that blame"), ("imdb_without.svg", "Wrong answers more without this unit, and without each of the others")],
        more="That a unit can be read for something does not mean that the answer hangs on it ([Units](interpretation.md#units), [Interventions](interpretation.md#interventions)).",
    )  # fmt: skip


def at_the_end(view: View, sample: Sample, part: str, unit: int) -> np.ndarray:
    """What a unit is after the last step of each sequence (sequences,)."""
    found = []
    with untouched(view), torch.no_grad():
        for few in sample.parts():
            values = view.trace(few.inputs, few.lengths)[part][..., unit]
            found.append(torch.stack([values[row, few.length(row) - 1] for row in range(len(few))]))
    return torch.cat(found).numpy()


def errors(view: View) -> View:
    """The same view, which counts wrong answers instead of their nats."""
    return replace(view, loss=lambda outputs, targets: (outputs.argmax(-1) != targets).double())


def told(whole: float, mine: float, others: np.ndarray) -> str:
    """How many answers are right with all units, without this one, and without each of the others; and whether the answer hangs on it alone."""
    many = int((others - whole >= HALF * (mine - whole)).sum()) if mine > whole else len(others)
    verdict = (
        "no other costs half as much: the answer hangs on this one" if many == 0
        else f"{many} of them cost{'s' * (many == 1)} at least half as much: the answer does not hang on this one alone"
    )  # fmt: skip
    return (
        f"right answers fall from {1 - whole:.1%} to {1 - mine:.1%}; without one of the other {len(others)} units, each taken out alone, to "
        f"{1 - others.mean():.1%} on average and {1 - others.max():.1%} at the least, and {verdict}."
    )


def stacked(values: list[float], width: float) -> list[tuple[float, int]]:
    """(place, how many are below it there) of each value, so that dots at the same place stand on each other."""
    below: dict[int, int] = {}
    found = []
    for value in values:
        place = round(value / width)
        found.append((place * width, below.get(place, 0)))
        below[place] = below.get(place, 0) + 1
    return found


def without(unit: str, mine: float, others: list[float]) -> dict[str, Any]:
    """What the answers lose without each unit, dots that stand on each other."""
    import altair as alt

    x, which = "more wrong answers (of 100)", "which"
    names = [f"without {unit}", *["without another, each alone"] * len(others)]
    rows = [
        {x: place, "level": level, which: name}
        for (place, level), name in zip(stacked([mine, *others], STACK), names)
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_point(filled=True, size=60, opacity=1)
    top = max(row["level"] for row in rows)
    parts = {
        "x": alt.X(f"{field(x)}:Q", title=x, axis=alt.Axis(tickMinStep=1)),
        "y": alt.Y("level:Q", axis=None, scale=alt.Scale(domain=[-0.5, top + 0.5])),
        "color": hue(rows, which, "circle"),
    }
    return finish(chart.encode(**parts), 14 * (top + 1) + 8, "What the answers lose without one unit")
