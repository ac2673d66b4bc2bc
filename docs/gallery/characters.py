"""Units that follow quotes and brackets, as coloured text beside the same for shuffled labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawing import Painted, text_svg
from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.interpretation.labels import labels_of, moved
from elman.interpretation.units import units
from elman.interpretation.view import Sample, View, untouched

ASKED = 400
# run -> label, how many stretches are drawn, and of how many steps each
FOLLOWED = {"quotes": ("inside quotes", 1, 252), "brackets": ("open brackets", 4, 40)}


def split(sample: Sample) -> tuple[Sample, Sample]:
    """One half to choose the unit on, the other to measure and to show it on."""
    half = len(sample) // 2
    return sample.part(0, half), sample.part(half, len(sample))


def follower(
    view: View, chosen_on: Sample, measured_on: Sample, wanted: tuple[np.ndarray, np.ndarray]
) -> tuple[str, float]:
    """The unit that follows a label most closely on one half, and the share of its variance that the label explains on the other; the label on each half."""
    found = units(view, chosen_on, {"label": wanted[0]})
    told = units(view, measured_on, {"label": wanted[1]})
    assert found is not None and told is not None
    unit = str(found.table[0]["unit"])
    return unit, float(told.arrays["share"][told.arrays["units"].tolist().index(unit), 0])


def of_others(labels: np.ndarray, sample: Sample, draw: np.random.Generator) -> np.ndarray:
    """The control's labels: each sequence gets another's, turned round."""
    return moved(labels, np.array([sample.length(row) for row in range(len(sample))]), draw)


def values_of(view: View, sample: Sample, unit: str) -> np.ndarray:
    """A unit after every step (sequences, time), NaN in padding."""
    part, _, number = unit.rpartition(".")
    found = np.full(sample.inputs.shape[:2], np.nan)
    row = 0
    with untouched(view), torch.no_grad():
        for few in sample.parts():
            values = view.trace(few.inputs, few.lengths)[part][..., int(number)].cpu().numpy()
            for each in range(len(few)):
                found[row, : few.length(each)] = values[each, : few.length(each)]
                row += 1
    return found


def busiest(labels: np.ndarray, lengths: list[int], shown: int, count: int) -> list[tuple[int, int]]:
    """(sequence, first step) of the stretches of at most `shown` steps, one of a sequence, in which the label changes most, weighed by how evenly it holds."""

    def worth(row: int, first: int) -> float:
        there = labels[row, first : min(first + shown, lengths[row])]
        return float((there[1:] != there[:-1]).sum() * there.std())

    starts = [range(0, max(1, length - shown + 1), 8) for length in lengths]
    best = [max(starts[row], key=lambda first: worth(row, first)) for row in range(len(lengths))]
    rows = sorted(range(len(lengths)), key=lambda row: -worth(row, best[row]))[:count]
    return [(row, best[row]) for row in rows]


def painted(
    view: View, sample: Sample, values: np.ndarray, places: list[tuple[int, int]], labels: np.ndarray, title: str, shown: int
) -> Painted:  # fmt: skip
    """Stretches coloured by a unit about its mean over all steps of the sample; a label that counts is written out."""
    assert view.step_names is not None
    middle = float(np.nanmean(values))
    names: list[str] = []
    about: list[float] = []
    told: list[float] = []
    for row, first in places:
        last = min(first + shown, sample.length(row))
        names += [*view.step_names(sample.inputs[row][: sample.length(row)].cpu())[first:last], ""]
        about += [*(values[row, first:last] - middle).tolist(), 0.0]
        told += [*labels[row, first:last].tolist(), 0.0]
    notes = (
        [f"{value:.0f}" if name else "" for name, value in zip(names, told)] if np.nanmax(labels) > 1 else []
    )
    most = float(np.nanquantile(np.abs(values - middle), 0.98))
    return Painted(title, names, about, most, [value > 0 for value in told], notes)


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """Both texts, and how much of each unit's variance its label explains."""
    facts: dict[str, Any] = {}
    for name, (label, count, steps) in FOLLOWED.items():
        run, prepared = trained(name, data)
        view = prepared.task.view(run.network, prepared.encoded.encoder, run.recipe)
        seed = TRAININGS[name].seed
        chosen_on, measured_on = split(prepared.task.sample(prepared.encoded, "validation", ASKED, seed))
        draw = np.random.default_rng(seed)
        true = (labels_of(view, chosen_on)[label], labels_of(view, measured_on)[label])
        dealt = (of_others(true[0], chosen_on, draw), of_others(true[1], measured_on, draw))
        ends = [measured_on.length(row) for row in range(len(measured_on))]
        blocks, found = [], []
        for whose, wanted in (("", true), ("Control, labels of others. ", dealt)):
            places = busiest(wanted[1], ends, steps, count)
            unit, share = follower(view, chosen_on, measured_on, wanted)
            values = values_of(view, measured_on, unit)
            found.append((unit, share))
            title = f"{whose}Unit {short(unit)}: {share:.1%} of its variance explained"
            blocks.append(painted(view, measured_on, values, places, wanted[1], title, steps))
        (images / f"{name}.svg").write_text(text_svg(blocks, label), encoding="utf-8")
        (unit, share), (_, chance) = found
        facts[name] = {"unit": unit, "share": share, "share_dealt": chance, "data": data_hash(run)[:12]}
    return facts


def entry(facts: dict[str, Any]) -> Entry:
    """What the best unit for each label is, beside the best for labels of others."""
    said, chance, commands, hashes, pictures = [], [], [], [], []
    for name, (label, _, _) in FOLLOWED.items():
        found = facts[name]
        said.append(
            f"“{label}” explains {found['share']:.0%} of the variance of unit {short(found['unit'])} of the model of {name}"
        )
        chance.append(f"{found['share_dealt']:.1%} for {label}")
        commands += [TRAININGS[name].command(name), f"elman explain runs/gallery/{name} units"]
        hashes.append(f"{name} `{found['data']}`")
        pictures.append(
            (
                f"{name}.svg",
                f"Text coloured by the unit that follows {label}, and by the best unit for labels of others",
            )
        )
    return Entry(
        "Units for quotes and for brackets",
        "An LSTM that learnt to guess the next character of *War and Peace*, and one that learnt which brackets close. Each unit is the best of all, chosen on half of the sequences; "
        f"on the other half, {'; '.join(said)}{verdict(facts)}.",
        f"In the lower half of each picture stands the same, found and shown the same way, for the labels of *other* sequences, turned round by a random number of steps: {', '.join(chance)}.",
        commands, 0, f"data {', '.join(hashes)}", pictures,
        more="Shown are the stretches of the second half in which the label changes most ([Units](interpretation.md#units)).",
    )  # fmt: skip


def short(unit: str) -> str:
    """A unit of a single layer: "layers.0.forward.c.1" -> "c 1"."""
    return " ".join(unit.split(".")[-2:])


def verdict(facts: dict[str, Any]) -> str:
    """Which of them follow their label only in part."""
    weak = [FOLLOWED[name][0] for name in FOLLOWED if facts[name]["share"] < 0.5]
    if not weak:
        return ""
    return f": the unit for {' and '.join(weak)} follows other things, too, more than it follows that"
