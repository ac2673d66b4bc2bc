"""Stocks in every dialect, air quality and the weather of Jena, against small files made by hand and the real ones."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import download, prices
from elman.data.load import load

CLOSES = [100 + 3 * math.sin(k) + 0.1 * k for k in range(60)]
# Monday to Friday from 2024-01-01.
DAYS = [day for day in (date(2024, 1, 1) + timedelta(days=k) for k in range(90)) if day.weekday() < 5][:60]
RETURNS = [100 * math.log(b / a) for a, b in zip(CLOSES, CLOSES[1:])]


def rows(closes=CLOSES, days=DAYS, volume=1000):
    return [
        (day, c * 0.99, c * 1.02, c * 0.98, c, volume + k) for k, (day, c) in enumerate(zip(days, closes))
    ]


def text(header, lines):
    return "\n".join([header, *lines]) + "\n"


def yahoo(form="%Y-%m-%d", factor=0.5):
    lines = [f"{d:{form}},{o},{h},{low},{c},{c * factor},{v}" for d, o, h, low, c, v in rows()]
    lines.insert(7, "2024-01-06,null,null,null,null,null,null")
    return text("Date,Open,High,Low,Close,Adj Close,Volume", lines)


def stooq():
    lines = [f"AAA.US,D,{d:%Y%m%d},000000,{o},{h},{low},{c},{v},0" for d, o, h, low, c, v in rows()]
    return text("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", lines)


def stooq_web():
    return text(
        "Date,Open,High,Low,Close,Volume", [f"{d},{o},{h},{low},{c},{v}" for d, o, h, low, c, v in rows()]
    )


def kaggle():
    return text(
        "date,open,high,low,close,volume,Name",
        [f"{d},{o},{h},{low},{c},{v},AAA" for d, o, h, low, c, v in rows()],
    )


def alpha_vantage():
    lines = [f"{d},{o},{h},{low},{c},{c},{v},0.0,1.0" for d, o, h, low, c, v in rows()]
    return text(
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient", lines
    )


def nasdaq():
    lines = [f'{d:%m/%d/%Y},${c},"{v:,}",${o},${h},${low}' for d, o, h, low, c, v in rows()]
    return text("Date,Close/Last,Volume,Open,High,Low", lines)


def european():
    lines = [f"{d:%d.%m.%Y};{o};{h};{low};{c};{v}" for d, o, h, low, c, v in rows()]
    return text("Date;Open;High;Low;Close;Volume", lines)


DIALECTS = {"yahoo": yahoo, "stooq": stooq, "stooq's page": stooq_web, "kaggle": kaggle, "alpha vantage": alpha_vantage,
            "nasdaq": nasdaq, "european": european}  # fmt: skip


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect(tmp_path, dialect, newest_first):
    lines = DIALECTS[dialect]().splitlines()
    if newest_first:
        lines[1:] = reversed(lines[1:])
    (tmp_path / "aaa.us.csv").write_text("\n".join(lines))
    _, table = load(DataOptions(source="stocks", path=str(tmp_path / "aaa.us.csv")))
    assert table.frame["date"].to_list() == DAYS[1:] and table.entity is None and table.kind == "return"
    np.testing.assert_allclose(table.frame["return"], RETURNS, atol=1e-9)
    np.testing.assert_allclose(table.frame["range"], 100 * math.log(1.02 / 0.98))
    notes = " ".join(table.provenance.notes)
    assert ("1 rows without a price (halted days) dropped" in notes) == (dialect == "yahoo")
    assert ("no adjusted close" in notes) == (dialect not in ("yahoo", "alpha vantage"))


def test_days_and_months_that_could_be_either_are_told_by_their_order(tmp_path):
    days = [date(2024, month, day) for month in (1, 2) for day in range(1, 12)]
    for form in ("%m/%d/%Y", "%d/%m/%Y"):
        lines = [f"{d:{form}},{o},{h},{low},{c},{v}" for d, o, h, low, c, v in rows(days=days)]
        (tmp_path / "a.csv").write_text(text("Date,Open,High,Low,Close,Volume", lines))
        frame, _ = prices.read_prices(tmp_path / "a.csv")
        assert frame["date"].to_list() == days


def test_several_tickers_in_one_file_and_in_a_folder_are_the_same(tmp_path):
    both = [(name, [c * size for c in CLOSES]) for name, size in (("AAA", 1), ("BBB", 7))]
    header = "date,open,high,low,close,volume,Name"
    lines = {
        name: [f"{d},{o},{h},{low},{c},{v},{name}" for d, o, h, low, c, v in rows(closes)]
        for name, closes in both
    }
    one = tmp_path / "one.csv"
    one.write_text(text(header, [line for pair in zip(*lines.values()) for line in pair]))
    (tmp_path / "many").mkdir()
    for name in lines:
        (tmp_path / "many" / f"{name.lower()}.us.txt").write_text(
            text(header, lines[name]).replace(",Name", ",OpenInt")
        )
    tables = [load(DataOptions(source="stocks", path=str(path)))[1] for path in (one, tmp_path / "many")]
    assert tables[0].frame.equals(tables[1].frame) and tables[0].entity == "ticker"
    for name in ("AAA", "BBB"):  # no return from one ticker to the other
        np.testing.assert_allclose(
            tables[0].frame.filter(pl.col("ticker") == name)["return"], RETURNS, atol=1e-9
        )
    (tmp_path / "many" / "aaa.csv").write_text(text(header, lines["AAA"]).replace(",Name", ",OpenInt"))
    with pytest.raises(DataError, match="a ticker in more than one file: aaa.csv, aaa.us.txt"):
        load(DataOptions(source="stocks", path=str(tmp_path / "many")))


@pytest.mark.parametrize("factor", [2, 7, 0.1])
def test_a_split_is_no_return(tmp_path, factor):
    closes = [c / (factor if k >= 30 else 1) for k, c in enumerate(CLOSES)]
    lines = [f"{d},{o},{h},{low},{c},{v}" for d, o, h, low, c, v in rows(closes)]
    path = tmp_path / "aaa.csv"
    path.write_text(text("Date,Open,High,Low,Close,Volume", lines))
    _, table = load(DataOptions(source="stocks", path=str(path)))
    assert table.frame["return"].null_count() == 1 and table.frame["return"][29] is None
    assert table.frame["return"].abs().max() < 5  # the wrong way: 100 log 2 = 69
    assert any(f"not adjusted for a split: AAA {DAYS[30]} (" in note for note in table.provenance.notes)
    adjusted = [line + f",{c}" for line, c in zip(lines, CLOSES)]
    path.write_text(text("Date,Open,High,Low,Close,Volume,Adj Close", adjusted))
    _, table = load(DataOptions(source="stocks", path=str(path)))
    np.testing.assert_allclose(table.frame["return"], RETURNS, atol=1e-9)


def test_days_without_trade_and_without_volume(tmp_path):
    made = rows()
    day = [*made[20][:1], made[19][4], made[19][4], made[19][4], made[19][4], 0]  # repeats the close before
    made[20] = tuple(day)
    made[40] = (*made[40][:5], 0)  # moved, so it traded
    lines = [f"{d},{o},{h},{low},{c},{v}" for d, o, h, low, c, v in made]
    (tmp_path / "a.csv").write_text(text("Date,Open,High,Low,Close,Volume", lines))
    _, table = load(DataOptions(source="stocks", path=str(tmp_path / "a.csv")))
    assert DAYS[20] not in table.frame["date"].to_list() and (table.frame["return"] == 0).sum() == 0
    assert any("1 rows without a trade" in note for note in table.provenance.notes)
    assert table.frame["volume_change"].null_count() == 2 and table.frame["volume_change"].abs().max() < 1
    (tmp_path / "a.csv").write_text(
        text("Date,Open,High,Low,Close,Volume", [line.rpartition(",")[0] + ",0" for line in lines])
    )
    assert load(DataOptions(source="stocks", path=str(tmp_path / "a.csv")))[1].observed == (
        "range",
    )  # an index


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("Open", "First"), "no column open"),
        (lambda t: t.replace("2024-01-05", "soon"), "does not read as dates"),
        (lambda t: t.replace(",1003", ",many"), "'many' in row 4"),
    ],
)
def test_a_file_of_another_shape(tmp_path, change, words):
    (tmp_path / "a.csv").write_text(change(stooq_web()))
    with pytest.raises(DataError, match=words):
        load(DataOptions(source="stocks", path=str(tmp_path / "a.csv")))


def test_what_a_day_brings_is_not_known_in_advance(tmp_path):
    (tmp_path / "a.csv").write_text(yahoo())
    with pytest.raises(DataError, match="--observed high"):
        load(DataOptions(source="stocks", path=str(tmp_path / "a.csv"), known=("high",)))


def test_apple(data_folder):
    frame, _ = prices.read_prices(data_folder / "stocks" / "aapl.us.txt")
    assert frame.height == 8364 and frame["date"][0] == date(1984, 9, 7)
    assert prices.splits(frame).height == 0  # the fall by 52% of 2000-09-29 is real
    _, table = load(DataOptions(source="stocks", path=str(data_folder / "stocks" / "aapl.us.txt")))
    assert table.frame.height == 8363 and table.frame["return"].min() == pytest.approx(
        100 * math.log(1.6496 / 3.4257)
    )


def test_a_folder_of_real_tickers(data_folder):
    _, table = load(DataOptions(source="stocks", path=str(data_folder / "stocks")))
    assert table.frame["ticker"].n_unique() == 10 and not any(
        "WARNING" in note for note in table.provenance.notes
    )
    first, second = table.borders
    train = table.frame.filter(pl.col("date") < first)
    assert train["date"].max() < first < second  # one border for all tickers: none sees another's future


def air(count=400):
    lines = ["No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir"]
    for k in range(count):
        day, hour = date(2010, 1, 1) + timedelta(days=k // 24), k % 24
        lines.append(
            f"{k + 1},{day.year},{day.month},{day.day},{hour},{'NA' if k < 24 else k},-21,-11,1021,{('NE', 'SE', 'NW', 'cv')[k % 4]},1.79,0,0"
        )
    return "\n".join(lines)


def test_air_quality(tmp_path):
    (tmp_path / "a.csv").write_text(air())
    _, table = load(DataOptions(source="air_quality", path=str(tmp_path / "a.csv")))
    assert table.frame["pm2.5"].is_null().to_list() == [True] * 24 + [False] * 376
    assert table.frame["wind_east"].to_list()[:4] == [1, 1, -1, 0] and table.frame["wind_north"].to_list()[
        :4
    ] == [1, -1, 1, 0]
    assert table.known == () and table.season == 24
    (tmp_path / "a.csv").write_text(air().replace(",SE,", ",SSE,"))
    with pytest.raises(DataError, match="the wind 'SSE'"):
        load(DataOptions(source="air_quality", path=str(tmp_path / "a.csv")))
    (tmp_path / "a.csv").write_text("time,value\n2024-01-01,1\n")
    with pytest.raises(DataError, match="not Beijing's air quality: no column year"):
        load(DataOptions(source="air_quality", path=str(tmp_path / "a.csv")))


def test_air_quality_facts(data_folder):
    _, table = load(DataOptions(source="air_quality", path=str(data_folder / "beijing-pm25")))
    values = table.frame["pm2.5"]
    assert table.frame.height == 43_824 and values.null_count() == 2_067
    assert values[:24].null_count() == 24 and values[24] == 129
    years = [(table.frame["time"] < border).sum() for border in table.borders]
    assert years == [26_304, 26_304 + 8_760]


def test_jena(tmp_path, monkeypatch, data_folder):
    _, table = load(DataOptions(source="jena", path=str(data_folder / "weather" / "autoformer-weather.zip")))
    assert table.provenance.source == "jena" and table.frame.height == 52_704
    monkeypatch.setattr(download, "download", lambda *rest: tmp_path / "jena_climate_2009_2016.csv.zip")
    (tmp_path / "jena_climate_2009_2016.csv.zip").write_bytes(b"<html>")
    with pytest.raises(DataError, match="has 6 bytes; expected 13,568,290.*thrown away"):
        load(DataOptions(source="jena"))
    assert not (tmp_path / "jena_climate_2009_2016.csv.zip").exists()


def test_a_panel_that_comes_day_by_day_is_in_order(tmp_path):
    days = [f"2024-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(28)]
    rows = [f"{day},{shop},{k}" for k, day in enumerate(days) for shop in "ba"]
    for name, lines, said in (("by-day", rows, False), ("backwards", rows[::-1], True)):
        path = tmp_path / f"{name}.csv"
        path.write_text("day,shop,y\n" + "\n".join(lines))
        _, table = load(DataOptions(source=str(path), time="day", entity="shop", target=("y",)))
        assert any("not in order" in note for note in table.provenance.notes) is said
        assert table.frame["y"].to_list() == [*range(28), *range(28)]
