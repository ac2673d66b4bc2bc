"""A unit of a network that reads film reviews: what it says of praise and blame, and whether the answer needs it. No text is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.core.showing import svg
from elman.interpretation.interventions import TakenOut, taken_out
from elman.interpretation.labels import labels_of
from elman.interpretation.pictures import dots, histogram
from elman.interpretation.units import units
from elman.interpretation.view import Sample, View, untouched

NAME, LABEL = "imdb", "class positive"
ASKED = 2000  # reviews: one half to choose the unit by, the other to measure on


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
    """How many answers are right with all units, without this one, and without each of the others."""
    return (
        f"right answers fall from {1 - whole:.1%} to {1 - mine:.1%}; without one of the other {len(others)} units, each taken out alone, to "
        f"{1 - others.mean():.1%} on average and {1 - others.max():.1%} at the least"
    )


def show(data: Path | None, images: Path) -> Entry:
    """The unit that follows the class most closely on one half, its values and its removal on the other."""
    run, prepared = trained(NAME, data)
    view = prepared.task.view(run.network, prepared.encoded.encoder, run.recipe)
    sample = prepared.task.sample(prepared.encoded, "validation", ASKED, TRAININGS[NAME].seed)
    half = len(sample) // 2
    chosen_on, measured_on = sample.part(0, half), sample.part(half, len(sample))
    found = units(view, chosen_on, {LABEL: labels_of(view, chosen_on)[LABEL]})
    assert found is not None
    part, _, number = str(found.table[0]["unit"]).rpartition(".")
    values, positive = at_the_end(view, measured_on, part, int(number)), measured_on.targets.numpy() == 1
    share = float(np.corrcoef(values, positive)[0, 1] ** 2)
    gone = taken_out(
        errors(view), measured_on, [(part.rpartition(".")[0], int(number))], means_of=chosen_on, draws=64
    )
    _draw(images, f"unit {int(number)}", values, positive, view.labels, gone)
    return Entry(
        "A unit for praise and blame",
        f"Of the {len(found.arrays['units'])} units of a GRU that read film reviews (IMDB), number {int(number)} follows praise most closely. It was chosen on {half:,} reviews; at the end of {len(measured_on):,} "
        f"others, whether they praise or blame explains {share:.0%} of its variance. Held at its mean, "
        f"{told(float(gone.whole.mean()), float(gone.loss.mean()), gone.loss_random.mean(1))}.",
        f"For labels of other reviews the best of all units reaches {found.control:.1%} of the variance. The other units, each taken out alone, are the orange dots.",
        [TRAININGS[NAME].command(NAME), f"elman explain {run.folder.as_posix()} units interventions"],
        TRAININGS[NAME].seed, f"data {NAME} `{data_hash(run)[:12]}`",
        [("imdb_histogram.svg", "Values of the unit at the end of reviews that praise and of those that blame"), ("imdb_without.svg", "Wrong answers more without this unit, and without each of the others")],
        more="That a unit can be read for something does not mean that the answer hangs on it ([Units](interpretation.md#units), [Interventions](interpretation.md#interventions)).",
    )  # fmt: skip


def _draw(
    images: Path, unit: str, values: np.ndarray, positive: np.ndarray, labels: tuple[str, ...], gone: TakenOut
) -> None:
    spread = {labels[kind]: values[positive == bool(kind)].tolist() for kind in (0, 1)}
    chart = histogram(
        spread, f"{unit} after the last word", title="The unit at the end of reviews it was not chosen by"
    )
    (images / "imdb_histogram.svg").write_text(svg(chart), encoding="utf-8")
    x, y, which = "more wrong answers (of 100)", "taken out", "which"
    costs = [100 * (float(each.mean()) - float(gone.whole.mean())) for each in (gone.loss, *gone.loss_random)]
    names = [f"without {unit}", *["without another"] * len(gone.loss_random)]
    rows = [{x: cost, y: name, which: name} for cost, name in zip(costs, names)]
    chart = dots(rows, x, y, which, height=70, title="What the answers lose without one unit")
    (images / "imdb_without.svg").write_text(svg(chart), encoding="utf-8")
