"""Readings of small tables of many kinds: what is proposed, what is asked, and that the command that is shown does it."""

from __future__ import annotations

import datetime as dt
import shlex
from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from tests.data import zoo

import elman
from elman.cli._flags import parse
from elman.cli.train import Train
from elman.core.errors import DataError
from elman.core.recipe import DataOptions, Recipe
from elman.data.load import load
from elman.data.proposal import propose

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(60)]
HOURS = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour) for hour in range(60)]
WORDS = [f"a review of some length, number {number}" for number in range(60)]
DRAW = np.random.default_rng(0)
NUMBERS, MORE = DRAW.random(60), DRAW.random(60)
COUNTS = DRAW.integers(5, 90, 60)
FEW = [["good", "bad"][number % 2] for number in range(60)]


def table(folder, columns, name="table.csv", **options):
    path = folder / name
    pl.DataFrame(columns).write_csv(path, **options)
    return str(path)


PLAIN = {
    "a date and a number": ({"date": DAYS, "units": COUNTS}, {"time": "date", "target": ("units",), "horizon": 3}),
    "hours": ({"at": HOURS, "v": NUMBERS}, {"time": "at", "target": ("v",), "frequency": "1h"}),
    "months": (
        {"month": [f"{2019 + k // 12}-{1 + k % 12:02}" for k in range(60)], "v": NUMBERS},
        {"time": "month", "target": ("v",), "frequency": None},
    ),
    "German dates": (
        {"Tag": [day.strftime("%d.%m.%Y") for day in DAYS], "v": NUMBERS}, {"time": "Tag", "target": ("v",)},
    ),
    "a panel": (
        {"date": DAYS * 2, "shop": ["a"] * 60 + ["b"] * 60, "sales": [*COUNTS, *COUNTS]},
        {"time": "date", "entity": "shop", "target": ("sales",)},
    ),
    "a panel by number": (
        {"date": DAYS * 2, "store_id": [1] * 60 + [2] * 60, "sales": [*COUNTS, *COUNTS]},
        {"entity": "store_id", "target": ("sales",)},
    ),
    "a usual name among several": (
        {"date": DAYS, "open": NUMBERS, "close": MORE, "volume": COUNTS}, {"target": ("close",)},
    ),
    "an index and a constant": (
        {"": range(60), "date": DAYS, "v": NUMBERS, "one": [1] * 60}, {"target": ("v",)},
    ),
    "flags of plans": (
        {"date": DAYS, "v": NUMBERS, "holiday": [k % 7 == 0 for k in range(60)]}, {"known": ("holiday",), "target": ("v",)},
    ),
    "parts of the calendar": (
        {"date": DAYS, "weekday": [day.weekday() for day in DAYS], "v": NUMBERS}, {"target": ("v",)},
    ),
    "years": ({"year": range(1950, 2010), "v": NUMBERS}, {"time": "year", "target": ("v",)}),
    "texts and classes": ({"text": WORDS, "label": FEW}, {"text": "text", "label": "label"}),
    "texts and a number": ({"body": WORDS, "helpful": NUMBERS}, {"text": "body", "label": "helpful"}),
    "a label by its values": ({"said": WORDS, "kind": FEW, "by": range(60)}, {"text": "said", "label": "kind"}),
    "texts with a date": ({"review": WORDS, "date": DAYS, "label": FEW}, {"text": "review", "label": "label"}),
}  # fmt: skip
OPEN = {
    "two numbers": ({"date": DAYS, "alpha": NUMBERS, "beta": MORE}, [{"target": ("beta",)}, {"target": ("alpha",)}, {"target": ("alpha", "beta")}]),
    "two dates": (
        {"ordered": DAYS, "sent": [day + dt.timedelta(days=3) for day in DAYS], "v": NUMBERS},
        [{"time": "ordered"}, {"time": "sent"}],
    ),
    "two texts": (
        {"pro": WORDS, "contra": WORDS[::-1], "label": FEW}, [{"text": "pro"}, {"text": "contra"}],
    ),
    "two labels": (
        {"review": WORDS, "sentiment": FEW, "category": FEW[::-1]}, [{"label": "sentiment"}, {"label": "category"}],
    ),
}  # fmt: skip


def holds(settings, wanted):
    bare = {name.rpartition(".")[2]: value for name, value in settings.items()}
    return all(bare.get(name) == value for name, value in wanted.items())


@pytest.mark.parametrize("name", PLAIN)
def test_one_reading(tmp_path, name):
    columns, wanted = PLAIN[name]
    proposal = propose(table(tmp_path, columns))
    assert len(proposal.readings) == 1 and holds(proposal.settled().settings, wanted)
    reading = proposal.best
    assert reading.reasons and reading.task == (
        "forecasting" if "time" in wanted or "target" in wanted else reading.task
    )
    # What is proposed can be loaded, and load alone comes to the same reading.
    source, dataset = load(DataOptions(source=proposal.source))
    assert source.task == reading.task and dict(source.defaults) == dict(reading.settings)


@pytest.mark.parametrize("name", OPEN)
def test_two_readings(tmp_path, name):
    columns, wanted = OPEN[name]
    proposal = propose(table(tmp_path, columns))
    assert len(proposal.readings) == len(wanted)
    assert all(holds(reading.settings, each) for reading, each in zip(proposal.readings, wanted))
    with pytest.raises(DataError, match=f"can be read in {len(wanted)} ways"):
        load(DataOptions(source=proposal.source))


@pytest.mark.parametrize("name", [*PLAIN, *OPEN])
def test_the_command_that_is_shown_says_all_of_it(tmp_path, name):
    columns, _ = PLAIN.get(name) or OPEN[name]
    proposal = propose(table(tmp_path, columns, "my table.csv"))
    for reading in proposal.readings:
        words = shlex.split(reading.command(proposal.source))
        assert words[:2] == ["elman", "train"] and words[2] == proposal.source
        recipe = parse(Train, words[3:], "train", Train(Recipe().override({"source": words[2]}))).recipe
        again = propose(proposal.source, recipe.data, recipe.task)
        data = {name: value for name, value in reading.settings.items() if not name.startswith("encoding.")}
        assert [recipe.fill(dict(one.settings)).changed() for one in again.readings] == [
            {"data.source": words[2], **reading.settings}
        ] and set(again.best.settings) <= set(data)
        assert again.best.task == reading.task


def test_a_scale_is_classes_or_a_number(tmp_path):
    path = table(tmp_path, {"review": WORDS, "stars": [1 + k % 5 for k in range(60)]})
    assert [reading.task for reading in propose(path).readings] == ["classification", "regression"]
    assert load(DataOptions(source=path))[0].task == "classification"
    assert load(DataOptions(source=path), "regression")[0].task == "regression"
    assert len(propose(path, DataOptions(label="stars")).readings) == 1  # who names it is not asked


def test_what_is_given_is_kept(tmp_path):
    path = table(tmp_path, {"date": DAYS, "alpha": NUMBERS, "beta": MORE})
    options = DataOptions(target=("alpha",), observed=("beta",))
    settings = propose(path, options).settled().settings
    assert holds(settings, {"time": "date", "target": ("alpha",), "observed": ("beta",)})
    assert "not read" not in " ".join(propose(path, options).best.reasons)
    assert "not read: beta" in " ".join(propose(path, DataOptions(target=("alpha",))).best.reasons)


def test_a_table_of_numbers_alone_is_not_guessed_at(tmp_path):
    with pytest.raises(DataError, match=r"numbers alone \(a, b\), and none of them says when"):
        propose(table(tmp_path, {"a": NUMBERS, "b": MORE}))


@pytest.mark.parametrize("animal", [*zoo.FORMS, *zoo.SERIES, *zoo.TEXTS], ids=lambda animal: animal.name)
def test_the_zoo(tmp_path, animal):
    path = tmp_path / animal.name
    path.write_text(animal.text, encoding="utf-8")
    proposal = propose(path)
    settings = proposal.settings
    assert {name: settings.get(name) for name in animal.settings} == animal.settings
    assert (proposal.best.task, len(proposal.alternatives)) == (animal.task, animal.others)
    assert proposal.best.command(str(path)) in str(proposal)
    _, dataset = load(replace(DataOptions(source=str(path)), **columns_of(settings)), proposal.best.task)
    assert dataset.provenance.source == animal.name  # what is proposed can be read


def columns_of(settings):
    return {
        name: value for name, value in settings.items() if name in {one.name for one in fields(DataOptions)}
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("numbers.csv", "numbers the rows"),
        ("one_column.csv", "no column of classes or numbers beside it"),
        ("dates_alone.csv", "no column of classes"),
        ("short_days.csv", "reads as day/month and as month/day"),
    ],
)
def test_what_has_no_reading(tmp_path, name, words):
    (tmp_path / name).write_text(zoo.NOTHING[name], encoding="utf-8")
    with pytest.raises(DataError, match=words):
        propose(tmp_path / name)


def test_notes_beside_measurements_are_a_question(tmp_path):
    path = table(tmp_path, {"date": DAYS, "remark": WORDS, "units": COUNTS})
    assert [reading.task for reading in propose(path).readings] == ["regression", "forecasting"]
    with pytest.raises(DataError, match="2 ways"):
        load(DataOptions(source=path))


def test_python_fits_what_it_was_proposed(tmp_path):
    path = table(tmp_path, {"date": DAYS, "alpha": NUMBERS, "beta": MORE})
    first, *others = elman.propose(path).readings
    settings = elman.propose(path).settings_of(others[0])
    run = elman.fit(
        path,
        out=tmp_path / "run",
        explained=False,
        steps=2,
        hidden_size=2,
        rivals=("last_value",),
        **settings,
    )
    assert run.recipe.data.target == ("alpha",) and first.settings["data.target"] == ("beta",)


def test_a_tie_of_day_and_month_is_broken_by_the_order_of_rows(tmp_path):
    days = [dt.date(2024, month, day) for month in (1, 2, 3) for day in range(1, 12)]
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        path = table(tmp_path, {"day": [day.strftime(form) for day in days], "v": range(33)})
        _, data = load(DataOptions(source=path, time="day", target=("v",)))
        assert data.frame.drop_nulls()["day"].dt.date().to_list() == days


def test_other_formats(tmp_path):
    frame = pl.DataFrame({"date": DAYS, "v": NUMBERS})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.with_columns(pl.col("date").cast(pl.String)).write_ndjson(tmp_path / "t.jsonl")
    frame.write_csv(tmp_path / "t.tsv", separator="\t")
    for suffix in ("parquet", "jsonl", "tsv"):
        assert holds(
            elman.propose(tmp_path / f"t.{suffix}").settled().settings, {"time": "date", "target": ("v",)}
        )


def test_whole_numbers_beyond_64_bits(tmp_path):
    """A column of them is measured, tells groups apart, or is a class; as a time it is refused."""
    huge = [2**63 + 10**18 * (number % 5) + number for number in range(60)]
    path = tmp_path / "big.csv"
    path.write_text("date,big,y\n" + "".join(f"{day},{n},{v}\n" for day, n, v in zip(DAYS, huge, NUMBERS)))
    proposal = elman.propose(path)
    assert holds(proposal.settled().settings, {"time": "date", "target": ("y",), "observed": ("big",)})
    _, data = load(replace(DataOptions(source=str(path)), **columns_of(proposal.settings)))
    assert data.frame["big"].to_list() == [float(number) for number in huge]
    path.write_text("step,y\n" + "".join(f"{10**25 + step},{v}\n" for step, v in enumerate(NUMBERS)))
    with pytest.raises(DataError, match="'step' of .* holds 10000000000000000000000000, more than 64 bits"):
        load(DataOptions(source=str(path), time="step", target=("y",)))
    path.write_text("text,label\n" + "".join(f'"{text}",{10**25 + n % 2}\n' for n, text in enumerate(WORDS)))
    assert load(DataOptions(source=str(path)))[1].labels == (str(10**25), str(10**25 + 1))
