"""When rows come: weekdays that have none, calendar months, gaps; and the times that come next."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import elman
from elman.cli.predict import _clock
from elman.core.recipe import DataOptions
from elman.data.proposal import propose
from elman.data.rhythm import DAY, following, in_words, open_days
from elman.data.series import prepare

START = dt.date(2024, 1, 1)  # a Monday
WEEK, TO_SATURDAY = (0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5)


def days_on(weekdays: tuple[int, ...], count: int = 400, without: float = 0.0, seed: int = 0) -> pl.Series:
    draw = np.random.default_rng(seed)
    every = [START + dt.timedelta(k) for k in range(count)]
    return pl.Series("date", [day for day in every if day.weekday() in weekdays and draw.random() >= without])


def table(times: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"date": times, "y": [float(time.weekday()) for time in times]})


OPTIONS = DataOptions(time="date", target=("y",))


@pytest.mark.parametrize("weekdays", [WEEK, TO_SATURDAY, (3, 4, 5, 6), (0, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("without", [0.0, 0.03])
def test_a_week_that_is_not_whole_has_a_season_of_its_own_days(
    weekdays: tuple[int, ...], without: float
) -> None:
    times = days_on(weekdays, without=without)
    assert open_days([times], DAY) == weekdays
    made = prepare(table(times), "shop.csv", OPTIONS, "")
    assert (made.season, made.frame.height) == (len(weekdays), len(times))  # holidays are no steps
    assert any(in_words(weekdays) in note for note in made.provenance.notes)


@pytest.mark.parametrize("without", [0.06, 0.15, 0.28])
def test_days_that_are_missing_at_random_are_gaps(without: float) -> None:
    times = days_on(tuple(range(7)), without=without)
    assert open_days([times], DAY) is None
    made = prepare(table(times), "shop.csv", OPTIONS, "")
    whole = (times[-1] - times[0]).days + 1
    assert (made.season, made.frame.height) == (7, whole)
    assert any(f"{whole - len(times)} missing time steps" in note for note in made.provenance.notes)


def test_many_missing_days_of_a_short_week_are_gaps_on_its_days_alone() -> None:
    times = days_on(TO_SATURDAY, without=0.15)
    made = prepare(table(times), "shop.csv", OPTIONS, "")
    assert made.season == 6
    assert made.frame["date"].equals(days_on(TO_SATURDAY), null_equal=True)


def test_a_few_open_sundays_open_no_sundays() -> None:
    sundays = pl.Series("date", [dt.date(2024, 3, 31), dt.date(2024, 10, 6)])
    assert open_days([pl.concat([days_on(TO_SATURDAY), sundays]).sort()], DAY) == TO_SATURDAY


def test_few_days_prove_nothing() -> None:
    assert open_days([days_on(tuple(range(7)), 12, without=0.3, seed=1)], DAY) is None
    assert open_days([days_on(WEEK, 5)], DAY) is None
    assert open_days([days_on(WEEK)], dt.timedelta(hours=1)) is None


def test_a_panel_is_open_where_one_of_its_series_is() -> None:
    assert open_days([days_on(WEEK), days_on(WEEK)], DAY) == WEEK
    assert open_days([days_on(WEEK), days_on(tuple(range(7)))], DAY) is None


@pytest.mark.parametrize(
    ("first", "step", "expected"),
    [
        (dt.date(2023, 1, 1), "1mo", [dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1)]),
        (dt.date(2023, 1, 31), "1mo", [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 31)]),
        (dt.date(2023, 1, 15), "1mo", [dt.date(2024, 1, 15), dt.date(2024, 2, 15), dt.date(2024, 3, 15)]),
        (dt.date(2021, 3, 31), "3mo", [dt.date(2024, 3, 31), dt.date(2024, 6, 30), dt.date(2024, 9, 30)]),
        (dt.date(2012, 1, 1), "1y", [dt.date(2024, 1, 1), dt.date(2025, 1, 1), dt.date(2026, 1, 1)]),
        (dt.datetime(2023, 1, 1, 6), "1mo", [dt.datetime(2024, m, 1, 6) for m in (1, 2, 3)]),
    ],
)
def test_months_go_on_by_the_calendar(first: dt.date, step: str, expected: list[dt.date]) -> None:
    starts = pl.select(
        pl.date_range(first.replace(day=1), first.replace(day=1) + dt.timedelta(6000), step)
    ).to_series()
    times = starts.dt.month_end() if first.day == 31 else starts.dt.offset_by(f"{first.day - 1}d")
    if isinstance(first, dt.datetime):
        times = times.cast(pl.Datetime("us")).dt.offset_by("6h")
    times = times[:12]
    assert following(times, times.diff().drop_nulls().mode().min(), None, 3) == expected


def test_four_weeks_are_no_month() -> None:
    times = pl.Series([START + dt.timedelta(28 * k) for k in range(20)])
    assert following(times, dt.timedelta(28), None, 2) == [START + dt.timedelta(28 * k) for k in (20, 21)]


def test_a_forecast_of_a_shop_has_no_sundays(tmp_path: Path) -> None:
    frame = table(days_on(TO_SATURDAY))
    frame.write_csv(tmp_path / "shop.csv")
    found = propose(tmp_path / "shop.csv")
    assert any("Monday to Saturday" in reason and "season 6" in reason for reason in found.reasons)
    run = elman.fit(
        tmp_path / "shop.csv", **found.settings, steps=2, hidden_size=4, rivals=("seasonal_naive",), bootstrap=10,
        out=tmp_path / "run",
    )  # fmt: skip
    rival = next(row for row in run.scores["test"]["rows"] if row["name"] == "seasonal_naive")
    assert rival["metrics"]["mse"]["value"] == 0  # the weekday is all there is to it
    told = elman.predict(run, frame)["date"].to_list()
    assert told == following(frame["date"], DAY, TO_SATURDAY, 7) and all(day.weekday() < 6 for day in told)


@pytest.mark.parametrize(
    ("micro", "written"), [(0, "2024-01-01T05:30:00"), (7, "2024-01-01T05:30:00.000007")]
)
def test_times_are_written_without_fractions_that_they_do_not_have(micro: int, written: str) -> None:
    frame = pl.DataFrame({"t": [dt.datetime(2024, 1, 1, 5, 30, 0, micro)], "x": [1.0]})
    assert written == frame.write_csv(datetime_format=_clock(frame)).splitlines()[1].split(",")[0]
