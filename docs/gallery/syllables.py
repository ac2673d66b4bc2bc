"""The syllable staircase: a network that learnt to count whole words counts along the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from page import Entry
from trained import TRAININGS, data_hash, trained

from elman.core.results import Finding
from elman.core.showing import svg
from elman.interpretation.readout import readout
from elman.interpretation.view import Sample, View, shuffled

NAME = "syllables"
ASKED, DRAWN = 400, 5
VOWELS = set("aeiouy")


def groups(word: str) -> int:
    """Runs of vowels: what counting by eye begins with."""
    return sum(
        letter in VOWELS and (place == 0 or word[place - 1] not in VOWELS)
        for place, letter in enumerate(word)
    )


def climbs(words: list[str], answers: list[np.ndarray]) -> tuple[float, float]:
    """The share of all that the answer climbs at letters that are vowels, and the share of letters that are; each word's first letter, before which nothing was said, left out."""
    rises = np.concatenate([np.clip(np.diff(answer), 0, None) for answer in answers])
    vowels = np.array([letter in VOWELS for word in words for letter in word[1:]])
    return float(rises[vowels].sum() / max(rises.sum(), 1e-12)), float(vowels.mean())


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """The staircase of some words, and where the answers to many climb."""
    run, prepared = trained(NAME, data)
    view = prepared.task.view(run.network, prepared.encoded.encoder, run.recipe)
    sample = prepared.task.sample(prepared.encoded, "validation", ASKED, TRAININGS[NAME].seed)
    words = spelt(view, sample)
    # Words of several syllables whose vowels stand apart: a staircase has stairs.
    rows = sorted(range(len(words)), key=lambda row: (-groups(words[row]), row))
    several = [row for row in rows if groups(words[row]) == int(sample.targets[row]) + 1]
    few = [next(row for row in several if groups(words[row]) == count) for count in range(DRAWN, 0, -1)]
    drawn = readout(view, _rows(sample, few), shown=DRAWN)
    asked = _asked(view, sample)
    with shuffled(view):
        control = _asked(view, sample)
    assert drawn is not None and drawn.chart is not None
    (images / "syllables.svg").write_text(svg(drawn.chart), encoding="utf-8")
    share, letters = climbs(words, _answers(asked))
    chance, _ = climbs(words, _answers(control))
    return {
        "right": run.scores["validation"]["rows"][0]["metrics"]["accuracy"]["value"], "words": len(words),
        "at_vowels": share, "at_vowels_shuffled": chance, "vowels": letters, "data": data_hash(run)[:12],
    }  # fmt: skip


def entry(facts: dict[str, Any]) -> Entry:
    """How much of its climb lies at vowels."""
    return Entry(
        "The syllable staircase",
        f"A GRU that learnt to say how many syllables a whole word has ({facts['right']:.1%} of new words right) counts along the way: its answer, asked after every letter, climbs "
        f"like a staircase. {facts['at_vowels']:.0%} of all that it climbs in {facts['words']} new words it climbs at vowels.",
        f"{facts['vowels']:.0%} of the letters are vowels; with its weights shuffled, it climbs {facts['at_vowels_shuffled']:.0%} there.",
        [TRAININGS[NAME].command(NAME), f"elman explain runs/gallery/{NAME} readout"],
        TRAININGS[NAME].seed, f"data {TRAININGS[NAME].source} `{facts['data']}`",
        [("syllables.svg", "Expected count of syllables after each letter of five words")],
        more=f"The words are the first of {facts['words']} with five to one runs of vowels, as many as syllables; of one letter alone the network says little: words so short hardly occurred in training ([Readout](interpretation.md#readout)).",
    )  # fmt: skip


def spelt(view: View, sample: Sample) -> list[str]:
    """The words of a sample."""
    assert view.step_names is not None
    return ["".join(view.step_names(sample.inputs[row][: sample.length(row)])) for row in range(len(sample))]


def _asked(view: View, sample: Sample) -> Finding:
    found = readout(view, sample)
    assert found is not None
    return found


def _answers(found: Finding) -> list[np.ndarray]:
    return [found.arrays[f"answer.{row}"] for row in range(len(found.arrays))]


def _rows(sample: Sample, rows: list[int]) -> Sample:
    lengths = None if sample.lengths is None else sample.lengths[rows]
    return Sample(sample.inputs[rows], lengths, sample.targets[rows], sample.rows[rows])
