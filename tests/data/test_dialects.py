"""Tables as programs and people write them: what is read, and what is refused with the line that is wrong."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

import elman
from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.download import read_text
from elman.data.load import load
from elman.data.passage import long_file
from elman.data.proposal import propose
from elman.data.stamps import first_other
from elman.data.table import read_table
from elman.data.written import as_numbers

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(60)]
HOURS = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=hour) for hour in range(60)]
VALUES = [round(float(value), 2) for value in np.random.default_rng(0).normal(20, 5, 60)]


def written(folder, lines, name="table.csv", **options):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", **options)
    return path


@pytest.mark.parametrize(
    ("date", "clock"),
    [("%Y-%m-%d", "%H:%M"), ("%d.%m.%Y", "%H.%M.%S"), ("%m/%d/%Y", "%I:%M %p"), (" %Y/%m/%d ", "%H:%M:%S ")],
)
def test_a_date_and_its_time_of_day_are_one_time(tmp_path, date, clock):
    rows = [f"{hour:{date}},{hour:{clock}},{value}" for hour, value in zip(HOURS, VALUES)]
    path = written(tmp_path, ["Date,Time,temp", *rows])
    reading = propose(path).settled().settings
    assert (reading["data.time"], reading["data.target"], "data.entity" in reading) == (
        "Date",
        ("temp",),
        False,
    )
    assert load(DataOptions(source=str(path)))[1].frame["Date"].to_list() == HOURS


@pytest.mark.parametrize("parts", ["year,month,day,hour", "year,month,day"])
def test_the_parts_of_a_date_are_one_time(tmp_path, parts):
    times = HOURS if "hour" in parts else DAYS
    rows = [
        ",".join([*(str(getattr(time, part)) for part in parts.split(",")), str(value)])
        for time, value in zip(times, VALUES)
    ]
    path = written(tmp_path, [f"{parts},temp", *rows])
    assert propose(path).settled().settings["data.time"] == "date"
    assert load(DataOptions(source=str(path)))[1].frame["date"].to_list() == times


def test_parts_of_something_else_are_left_alone(tmp_path):
    frame = read_table(written(tmp_path, ["year,month,day,x", "2020,13,1,5", "2020,1,1,6"]))
    assert frame.columns == ["year", "month", "day", "x"]
    rows = [f"{day},{clock},{clock}" for day in DAYS[:9] for clock in ("09:00",)]
    assert read_table(written(tmp_path, ["date,opens,closes", *rows])).columns == ["date", "opens", "closes"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["$1,234.50", "-$7.00"], [1234.5, -7.0]),
        (["12.5%", "3%"], [12.5, 3.0]),
        (["1.234,50 €", "7,00 €"], [1234.5, 7.0]),
        ([" 12.5", "3 "], [12.5, 3.0]),
        (["12.5", "-", "?", "1e-3"], [12.5, None, None, 0.001]),
        (["-", "-", "1"], None),  # mostly not numbers
        (["$5", "5 €"], None),  # not the same money
        (["5%", "7"], None),  # per cent of what?
        (["1,2", "-", "3"], None),  # labels 1 and 2, perhaps
        (["+", "-"], None),
        (["12", "twelve"], None),
        (["1,5", "k.A.", "2,5", "#NV"], None),  # labels 1 and 5, perhaps
        (["1.5", "k.A.", "#NV", "2.5", "Missing", "3.5"], [1.5, None, None, 2.5, None, 3.5]),
    ],
)
def test_numbers_with_signs_around_them(values, expected):
    found = as_numbers(pl.Series(values, dtype=pl.String))
    assert (None if found is None else found.to_list()) == expected


def test_gaps_around_names_and_values(tmp_path):
    path = written(tmp_path, ["date , y ", *(f"{day} , {value} " for day, value in zip(DAYS, VALUES))])
    frame = read_table(path)
    assert (frame["date"].to_list(), frame["y"].to_list()) == (DAYS, VALUES)
    assert propose(path).settled().settings["data.target"] == ("y",)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["date,y", "2024-01-01,1", "2024-01-02,2,9"],
            "line 3 has 3 fields, the header 2. Expected a header in the first",
        ),
        (["# exported", "date,y", "2024-01-01,1"], "line 2 has 2 fields, the header 1"),
        (["2024-01-01,3.5", "2024-01-02,4.5"], r"holds values \(2024-01-01, 3.5\) and no names"),
        (["1.5,2.5", "3.5,4.5"], "and no names"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, lines))


def test_numbers_may_be_names(tmp_path):
    assert read_table(written(tmp_path, ["0,1", "3,4"])).columns == ["0", "1"]


@pytest.mark.parametrize("row", [0, 20, 21, 37, 59])
def test_a_line_of_totals_is_not_guessed_around(tmp_path, row):
    days = [str(day) for day in DAYS]
    rows = [f"{'Total' if number == row else day},{VALUES[number]}" for number, day in enumerate(days)]
    path = written(tmp_path, ["date,y", *rows])
    column = read_table(path)["date"]
    assert first_other(column) == (row if row >= 20 else None)
    if row >= 20:
        with pytest.raises(DataError, match=f"'date' of .* holds dates, and in row {row + 1} 'Total'"):
            propose(path)


def test_a_few_bad_dates_beside_texts_do_no_harm(tmp_path):
    rows = [
        f"{day if number != 40 else 'unknown'},a long review number {number},{number % 2}"
        for number, day in enumerate(DAYS)
    ]
    assert propose(written(tmp_path, ["date,text,label", *rows])).settled().task == "classification"


@pytest.mark.parametrize("columns", [("shop", "item"), ("state", "shop", "item")])
def test_series_that_several_columns_tell_apart(tmp_path, columns):
    keys = [f"{shop},{item}" for shop in "ab" for item in "xy"]
    keys = keys if len(columns) == 2 else [f"{state},{key}" for state in "st" for key in keys]
    rows = [f"{day},{key},{len(keys) * n + k}" for k, key in enumerate(keys) for n, day in enumerate(DAYS)]
    path = written(tmp_path, [f"date,{','.join(columns)},sold", *rows])
    name = "+".join(columns)
    reading = propose(path).settled()
    assert reading.settings["data.entity"] == name and f"--entity {name}" in reading.command(str(path))
    _, data = load(DataOptions(source=str(path)))
    assert data.entity == name and data.frame[name].unique().sort().to_list() == [
        key.replace(",", " / ") for key in keys
    ]
    run = elman.fit(
        path, entity=name, time="date", target=("sold",), horizon=2, context_length=4, steps=2, hidden_size=4, known=(),
        out=tmp_path / "run", rivals=("last_value",), explained=False, distribution="quantiles",
    )  # fmt: skip
    assert elman.predict(run, path)[name].n_unique() == len(keys)


def test_a_row_that_is_there_twice_in_a_panel_is_named(tmp_path):
    rows = [f"{day},{shop},{n}" for shop in "ab" for n, day in enumerate(DAYS)]
    path = written(tmp_path, ["date,shop,sold", *rows, f"{DAYS[5]},b,99"])
    assert propose(path).settled().settings["data.entity"] == "shop"
    with pytest.raises(
        DataError, match=r"first 2024-01-06 \(2 such rows\). The first are of b; keep one of each"
    ):
        load(DataOptions(source=str(path)))


@pytest.mark.parametrize("read", [read_text, long_file])
@pytest.mark.parametrize("encoding", ["utf-16", "latin1"])
def test_another_encoding_is_named(tmp_path, read, encoding):
    (tmp_path / "t.csv").write_bytes("Größe;y\n1;2\n".encode(encoding))
    with pytest.raises(DataError, match=f"iconv -f {encoding} "):
        read(tmp_path / "t.csv")


def test_the_sign_of_the_euro_is_that_of_windows(tmp_path):
    (tmp_path / "t.csv").write_bytes("Größe;y\n1;2 €\n".encode("cp1252"))
    with pytest.raises(DataError, match="iconv -f cp1252 "):
        read_text(tmp_path / "t.csv")


def test_a_column_of_numbers_with_a_word_in_it_is_no_text(tmp_path):
    rows = [f"2024-01-{day:02d},{100 + day * day % 7}.{day}" for day in range(1, 31)]
    path = written(tmp_path, ["date,sold", *rows[:5], "2024-01-06,closed", *rows[6:]])
    with pytest.raises(DataError, match=r"'sold' of .* holds numbers, and in row 6 'closed'"):
        propose(path)
    with_price = [f"{row},{k % 5}.5" for k, row in enumerate([*rows[:5], "2024-01-06,closed", *rows[6:]])]
    told = propose(written(tmp_path, ["date,sold,price", *with_price])).reasons
    assert "not read: sold (numbers, but for 'closed' in row 6: empty what means no value)" in told


@pytest.mark.parametrize("name", ["t.json", "t.xlsx", "t.feather"])
def test_files_of_other_kinds_are_no_running_text(tmp_path, name):
    (tmp_path / name).write_text("[1, 2]" * 1000)
    with pytest.raises(DataError, match=f"{name} is .*, which Elman does not read. Save it as"):
        load(DataOptions(source=str(tmp_path / name)))


def test_text8_in_a_folder(tmp_path):
    (tmp_path / "text8-part").write_text("the cat sat on a mat " * 100)
    assert load(DataOptions(source="text8", path=str(tmp_path)))[1].provenance.source == "text8"
    (tmp_path / "more").write_text("x")
    with pytest.raises(DataError, match="a folder of 2 files; expected one"):
        load(DataOptions(source="text8", path=str(tmp_path)))
