"""Folds of a series: against scikit-learn's, purged, and each trained only on what lay before it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

import elman
from elman.core.errors import DataError, RecipeError
from elman.core.recipe import DataOptions, EncodingOptions
from elman.cross_validation import cross_validate
from elman.data.folds import Fold
from elman.data.load import load
from elman.data.series import prepare
from elman.encoding.series import SeriesEncoder


@given(steps=st.integers(30, 500), count=st.integers(1, 8), history=st.one_of(st.none(), st.integers(1, 100)))
def test_folds_are_those_of_scikit_learn(steps, count, history):
    if count == 1:
        assert Fold(1, 1).places(steps, 0.1)[2:] == (steps - steps // 2, steps)
        return
    for number, (train, test) in enumerate(TimeSeriesSplit(count).split(np.zeros(steps)), 1):
        begin, first, second, end = Fold(number, count).places(steps, 0.1, history)
        assert (second, end) == (test[0], test[-1] + 1) and second == len(train)
        assert second - first == int(0.1 * second) and begin == (max(0, first - history) if history else 0)


@pytest.mark.parametrize("text", ["6/5", "0/5", "5", "a/b", "1/0"])
def test_what_is_no_fold(text):
    with pytest.raises(RecipeError, match="expected NUMBER/COUNT"):
        Fold.read(text)
    with pytest.raises(RecipeError, match="too few for 9 folds"):
        Fold(1, 9).places(5, 0.1)


def hourly(rows=240):
    time = [datetime(2024, 1, 1) + timedelta(hours=k) for k in range(rows)]
    return pl.DataFrame({"time": time, "y": np.random.default_rng(0).normal(size=rows).cumsum() + 50})


@pytest.mark.parametrize("history", [None, 30])
def test_no_fold_sees_what_comes_after_it(history):
    tested = []
    for number in range(1, 4):
        options = DataOptions(time="time", target=("y",), fold=f"{number}/3", history=history)
        table = prepare(hourly(), "table", options, "hash")
        encoded = SeriesEncoder.fit(table, EncodingOptions(context_length=6, horizon=4)).encode(table)
        rows = {split: table.frame["time"].to_numpy()[feed.origins] for split, feed in encoded.feeds.items()}
        assert rows["train"].max() < rows["validation"].min() < rows["validation"].max() < rows["test"].min()
        train = int((table.frame["time"] < table.borders[0]).sum())
        assert train == history if history else table.frame["time"][0] == datetime(2024, 1, 1)
        tested.append((rows["test"].min(), rows["test"].max()))
        assert table.frame["time"].max() < datetime(2024, 1, 1) + timedelta(hours=60 * (number + 1))
    assert all(before[1] < after[0] for before, after in zip(tested, tested[1:]))


def test_folds_are_for_series_and_say_one_thing(tmp_path):
    with pytest.raises(DataError, match="it does not use --fold"):
        load(DataOptions(source="syllables", fold="1/3"))
    with pytest.raises(DataError, match="--test-share says another"):
        prepare(
            hourly(), "table", DataOptions(time="time", target=("y",), fold="1/3", test_share=0.2), "hash"
        )


@pytest.mark.parametrize("refit", [True, False])
def test_cross_validation(tmp_path, refit):
    rows = 240
    values = 10 * np.sin(2 * np.pi * np.arange(rows) / 24) + np.random.default_rng(0).normal(size=rows)
    hourly(rows).with_columns(pl.Series("y", values)).write_csv(tmp_path / "a.csv")
    found = cross_validate(
        tmp_path / "a.csv", folds=3, refit=refit, out=tmp_path / "runs", time="time", target=("y",), context_length=24,
        horizon=4, hidden_size=4, steps=5, rivals=("last_value", "seasonal_naive"), bootstrap=50, threads=1,
    )  # fmt: skip
    assert len(found.folds) == 3 and len(found.runs) == (3 if refit else 1)
    assert found.values("seasonal_naive").max() < found.values("last_value").min()
    assert "over 3 folds" in str(found) and "of 3 folds." in str(found)
    # The rival that repeats the day before needs no training: both ways must give it the same errors, but for windows
    # across the parts, which only one long test split has.
    assert found.values("seasonal_naive").mean() == pytest.approx(0.04, abs=0.03)


@pytest.mark.parametrize("which", [{"fold": "1/3"}, {"history": 60}])
def test_a_forecast_from_new_rows_knows_no_folds(tmp_path, which):
    frame = hourly().with_columns(pl.Series("x", np.arange(240.0)), pl.lit("a").alias("who"))
    frame = pl.concat([frame, frame.with_columns(pl.lit("b").alias("who"), pl.col("y") * 2)])
    frame.write_csv(tmp_path / "a.csv")
    run = elman.fit(
        tmp_path / "a.csv", out=tmp_path / "run", time="time", target=("y",), entity="who", observed=("x",), delays=("x=3",),
        context_length=6, horizon=4, hidden_size=3, steps=2, rivals=("last_value",), bootstrap=20, threads=1, explained=False, **which,
    )  # fmt: skip
    elman.evaluate(run)
    found = elman.predict(run, tmp_path / "a.csv")
    assert found["time"].min() == frame["time"].max() + timedelta(hours=1) and found.height == 8
    changed = frame.with_columns(
        pl.when(pl.int_range(pl.len()).over("who") >= 237).then(1e6).otherwise("x").alias("x")
    )
    same = elman.predict(run, changed)  # the last three values of x are not published yet
    assert same["prediction"].to_list() == found["prediction"].to_list()
