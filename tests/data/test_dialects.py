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
from elman.data.load import is_table, load
from elman.data.passage import long_file
from elman.data.proposal import propose
from elman.data.stamps import first_other, read_stamps
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


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: it has 0 bytes. Expected a header"),
        (b"\xef\xbb\xbf\n \n", "is empty: it holds blank lines alone, 6 bytes. Expected a header"),
        (b"day,units\n", r"has a header alone \(day, ?units\) and no rows"),
    ],
)
@pytest.mark.parametrize("name", ["table.csv", "table.tsv", "table.dat"])
def test_an_empty_table_is_called_so(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_table(path)


def test_empty_texts_and_objects_are_called_so(tmp_path):
    for name, words in (("a.txt", "Expected text"), ("a.jsonl", "Expected one JSON object a line")):
        path = tmp_path / name
        path.write_bytes(b"")
        with pytest.raises(DataError, match=f"it has 0 bytes. {words}"):
            load(DataOptions(source=str(path)))


def test_files_of_a_folder_that_could_be_named_are(tmp_path):
    with pytest.raises(DataError, match=r"no .txt or .md file.*per class\.$"):
        load(DataOptions(source=str(tmp_path)))
    for name in ("b.csv", "a.PARQUET", ".hidden.csv", "notes.pdf"):
        (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=r"It holds tables.*: \S*a.PARQUET, \S*b.csv\.$"):
        load(DataOptions(source=str(tmp_path)))
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match="no CLASS/.*It holds tables"):
        load(DataOptions(source=str(tmp_path)))
    for number in range(7):
        (tmp_path / f"c{number}.csv").write_text("x")
    with pytest.raises(DataError, match="and 4 more"):
        load(DataOptions(source=str(tmp_path)))
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="It is a run: its settings are in .*recipe.toml, and --resume"):
        load(DataOptions(source=str(tmp_path)))


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["table.txt", "table.dat", "table"])
def test_a_table_by_any_name_is_one(tmp_path, name, sign):
    rows = [f"{day}{sign}{value}" for day, value in zip(DAYS, VALUES)]
    path = written(tmp_path, [f"day{sign}units", *rows], name)
    assert is_table(str(path)) and propose(path).settings["target"] == ("units",)
    assert load(DataOptions(source=str(path)))[1].targets == ("units",)
    # Who asks for a model of the text itself gets one.
    assert not is_table(str(path), "language_modelling")
    assert load(DataOptions(source=str(path)), "language_modelling")[0].task == "language_modelling"


@pytest.mark.parametrize(
    "line",
    [
        "Tyger Tyger, burning bright",  # a space behind each comma
        "to be or not to be",
        "",
        "good\tADJ",
    ],
)
def test_text_is_no_table(tmp_path, line):
    lines = [line] * 40 if "\t" not in line else [line, line, ""] * 20
    path = written(tmp_path, [*lines, "the last line,has more,of them"], "text.txt")
    assert not is_table(str(path))


def test_a_name_that_stands_twice_is_said_where_the_reading_is_told(tmp_path):
    rows = [f"{day},{value},7,{value}" for day, value in zip(DAYS, VALUES)]
    path = written(tmp_path, ["day,units,units,units", *rows])
    words = "units stands 3 times in the header: units is the first such column, then units_duplicated_0, units_duplicated_1"
    assert any(words in reason for reason in propose(path).reasons)
    options = DataOptions(source=str(path), time="day", target=("units",))
    assert any(words in note for note in load(options)[1].provenance.notes)
    texts = written(
        tmp_path, ["text,label,label", *(f"a film {row},{row % 2},x" for row in range(99))], "t.csv"
    )
    loaded = load(DataOptions(source=str(texts), text="text", label="label"))[1]
    assert any("label stands 2 times" in note for note in loaded.provenance.notes)


GERMAN = ["Januar", "Februar", "M\u00e4rz", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"]  # fmt: skip
SHORT = ["Jan", "Feb", "M\u00e4r", "Apr", "Mai", "Jun", "Jul", "Aug", "Sept", "Okt", "Nov", "Dez"]


@pytest.mark.parametrize("names", [GERMAN, SHORT, [f"{name}." for name in SHORT]])
@pytest.mark.parametrize("form", ["{0.day}. {1} {0.year}", "{0.day}. {1} {0.year} {0:%H:%M}", "{0.day:02}-{1}-{0.year}", "{1} {0.year}"])  # fmt: skip
def test_months_by_their_german_names(names, form):
    step = 31 if form.startswith("{1}") else 1
    days = [dt.datetime(2023, 1, 1, 9, 30) + dt.timedelta(days=step * day) for day in range(360 // step)]
    found = read_stamps(pl.Series("t", [form.format(day, names[day.month - 1]) for day in days]))
    assert found is not None
    clock = "%H" in form
    wanted = [day if clock else day.date() if step == 1 else dt.date(day.year, day.month, 1) for day in days]
    assert found.to_list() == wanted


def test_words_with_numbers_are_no_german_months():
    assert read_stamps(pl.Series(["1 marzipan", "2 junior", "3 maid"] * 9)) is None


def test_why_a_table_reads_as_nothing(tmp_path):
    """A word among numbers, a column that never changes: named, with the row."""
    word = written(
        tmp_path, ["day,units", *(f"{day},{'closed' if k == 44 else k}" for k, day in enumerate(DAYS))]
    )
    with pytest.raises(
        DataError, match="'units' of .* holds numbers, and in row 45 'closed'. Empty these fields"
    ):
        propose(word)
    for value in ("5", ""):
        with pytest.raises(DataError, match="nothing to predict: units is empty or the same in every row"):
            propose(written(tmp_path, ["day,units", *(f"{day},{value}" for day in DAYS)]))


@pytest.mark.parametrize("name", ["a.bin", "a.txt", "a.csv"])
def test_a_binary_file_is_called_so(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x89PNG\x00\x01" + bytes(range(256)))
    with pytest.raises(DataError, match="is not UTF-8 but binary: a byte of 0 at offset 4"):
        load(DataOptions(source=str(tmp_path / name)))


def test_weights_are_no_data(tmp_path):
    (tmp_path / "best.pt").write_bytes(b"PK")
    with pytest.raises(DataError, match="is weights of a network, which Elman does not read"):
        load(DataOptions(source=str(tmp_path / "best.pt")))
