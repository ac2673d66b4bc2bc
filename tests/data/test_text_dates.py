"""Texts split in order of time: the newest are tested on, days stay whole, and what contradicts it is refused."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.load import load


def table(folder, extra="", rows=300):
    order = np.random.default_rng(0).permutation(rows)
    lines = [
        f"words of text {k},{'good' if k % 2 else 'bad'},{date(2024, 1, 1) + timedelta(days=int(k) // 4)},{'north' if k % 3 else 'south'}{extra}"
        for k in order
    ]
    path = folder / "t.csv"
    path.write_text("text,label,day,place" + (",split" if extra else "") + "\n" + "\n".join(lines) + "\n")
    return str(path)


def test_the_newest_are_tested_on(tmp_path):
    _, data = load(DataOptions(source=table(tmp_path), text="text", label="label", date="day"))
    numbers = {split: [int(text.split()[-1]) for text in part.texts] for split, part in data.splits.items()}
    assert max(numbers["train"]) < min(numbers["validation"]) and max(numbers["validation"]) < min(
        numbers["test"]
    )
    assert max(numbers["train"]) // 4 < min(numbers["validation"]) // 4  # no day is in two splits
    sizes = {split: len(part) for split, part in numbers.items()}
    assert (
        sizes["test"] == 60 and sizes["validation"] == pytest.approx(30, abs=4) and sum(sizes.values()) == 300
    )
    assert "in order of day" in data.provenance.split
    assert not any("not by time" in note for note in data.provenance.notes)


def test_without_it_there_is_a_note_with_the_flag(tmp_path):
    _, data = load(DataOptions(source=table(tmp_path), text="text", label="label"))
    assert any("--date day" in note for note in data.provenance.notes)


@pytest.mark.parametrize(
    ("options", "extra", "said"),
    [
        ({"date": "days"}, "", "no column 'days'. Did you mean 'day'"),
        ({"date": "place"}, "", "holds String, first '(north|south)'; expected dates"),
        ({"date": "day", "group": "place"}, "", "--group in another way"),
        ({"date": "day", "stratified": True}, "", "--stratified in another way"),
        ({"date": "day"}, ",test", "the column `split` in another way"),
    ],
)
def test_what_cannot_be(tmp_path, options, extra, said):
    with pytest.raises(DataError, match=said):
        load(DataOptions(source=table(tmp_path, extra), text="text", label="label", **options))


def test_sources_without_dates_refuse_it():
    with pytest.raises(DataError, match="does not use --date"):
        load(DataOptions(source="syllables", date="day"))
