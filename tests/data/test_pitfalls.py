"""Every common mistake with data, done on purpose: it is impossible here, or is named, and the wrong way shows."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions
from elman.core.results import Predictions
from elman.data.load import load
from elman.data.series import prepare
from elman.encoding.scalers import Scaler
from elman.encoding.series import SeriesEncoder
from elman.encoding.windows import Window
from elman.evaluation import forecast
from elman.evaluation.contract import SeriesProblem
from elman.evaluation.verdict import judge

START = datetime(2024, 1, 1)


def frame_of(lengths, columns, seed, gaps=0.0, first=()):
    """A table with an entity per length, hourly; values at random, a share of them missing."""
    draw = np.random.default_rng(seed)
    parts = []
    for number, length in enumerate(lengths):
        begin = first[number] if first else 0
        values = {}
        for name in columns:
            walk = 50 + draw.normal(size=length).cumsum()
            missing = draw.random(length) < gaps
            missing[: max(3, length // 4)] = False  # something to learn from
            values[name] = [None if gone else float(v) for v, gone in zip(walk, missing)]
        time = [START + timedelta(hours=begin + k) for k in range(length)]
        parts.append(pl.DataFrame({"time": time, "who": [f"e{number}"] * length, **values}))
    return pl.concat(parts)


def series(frame, **options):
    given = {"time": "time", "target": ("y",), "entity": "who", **options}
    return prepare(frame, "table", DataOptions(**given), "hash")


@given(
    lengths=st.lists(st.integers(40, 90), min_size=1, max_size=3), context=st.integers(1, 9), horizon=st.integers(1, 6),
    delay=st.integers(0, 3), gaps=st.sampled_from([0.0, 0.3]), how=st.sampled_from(["forward", "mask"]), seed=st.integers(0, 10**6),
    scaler=st.sampled_from(["standard", "min_max", "robust", "difference", "none"]), both=st.booleans(),
    calendar=st.booleans(), independent=st.booleans(), late=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_window_of_any_table_sees_a_row_at_or_after_its_origin(
    lengths, context, horizon, delay, gaps, how, seed, scaler, both, calendar, independent, late
):
    """All that is not known in advance is changed from an origin on, for every entity at once: what a network reads of
    that window stays as it was to the last bit, and so does the scaler where the origin lies behind the first border."""
    frame = frame_of(lengths, ("y", "z", "x", "k"), seed, gaps, [late * n for n in range(len(lengths))])
    roles = {
        "target": ("y", "z") if both else ("y",), "observed": ("x",), "known": ("k",),
        "delays": (f"x={delay}",) if delay else (), "gaps": how,
    }  # fmt: skip
    options = EncodingOptions(
        context_length=context, horizon=horizon, scaler=scaler, calendar=calendar,
        channels="independent" if independent else "joint",
    )  # fmt: skip
    gaps_mode = "forward" if independent else how
    table = series(frame, **roles)
    encoder = SeriesEncoder.fit(table, options, gaps_mode)
    try:
        encoded = encoder.encode(table)
    except DataError as error:  # too short for such windows: said, not cut
        assert "too few for one window" in str(error)
        return
    draw = np.random.default_rng(seed)
    time = table.frame["time"]
    for split, feed in encoded.feeds.items():
        row = int(draw.integers(len(feed)))
        origin = int(feed.origins[row // len(roles["target"]) if independent else row])
        moment = time[origin]
        changed = frame.with_columns(
            pl.when(pl.col("time") >= moment).then(pl.col(name) * -3 + 1000 + draw.normal()).otherwise(pl.col(name)).alias(name)
            for name in ("y", "z", "x")
        )  # fmt: skip
        other = series(changed, **roles)
        fitted = SeriesEncoder.fit(other, options, gaps_mode) if moment >= table.borders[0] else encoder
        if split != "train":
            assert fitted.to_dict() == encoder.to_dict()
        again = fitted.encode(other).feeds[split].take(np.array([row]))
        before = feed.take(np.array([row]))
        assert torch.equal(again.inputs, before.inputs)
        if before.future is not None:
            assert torch.equal(again.future, before.future)
        seen = ~before.targets.isnan()  # and it is the future that was changed, from its first step on
        if seen.any() and scaler in ("standard", "none"):
            assert not torch.isclose(again.targets[seen], before.targets[seen]).any()


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=6), context=st.integers(1, 9), horizon=st.integers(1, 9), border=st.integers(0, 60)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_windows_are_purged_by_input_and_horizon(lengths, context, horizon, border):
    entity = np.repeat(np.arange(len(lengths)), lengths)
    step = np.concatenate([np.arange(length) for length in lengths])
    train = step < border
    if len(entity) < context + horizon:
        return
    origins = Window(context, horizon).origins(entity, train)
    expected = [
        row for row in range(len(entity))
        if step[row] >= context and row + horizon <= len(entity) and (entity[row : row + horizon] == entity[row]).all()
        and (step[row : row + horizon] < border).all()
    ]  # fmt: skip
    assert origins.tolist() == expected


def test_windows_that_were_told_by_their_origin_alone_would_cross_borders():
    """The wrong way: a training window is one whose first forecast row is a training row."""
    entity, step = np.repeat([0, 1], 50), np.tile(np.arange(50), 2)
    train, context, horizon = step < 35, 6, 4
    ours = Window(context, horizon).origins(entity, train)
    naive = [row for row in np.flatnonzero(train) if context <= row <= len(entity) - horizon]
    late = [row for row in naive if not train[row : row + horizon].all()]
    torn = [row for row in naive if len(set(entity[row - context : row + horizon])) > 1]
    assert len(late) == 2 * (horizon - 1) and len(torn) == context
    assert set(ours) == set(naive) - set(late) - set(torn)


def test_a_scaler_over_all_rows_would_know_the_test_split():
    frame = frame_of([200], ("y",), 0)
    risen = frame.with_columns(
        pl.when(pl.int_range(pl.len()) >= 150).then(pl.col("y") + 1e6).otherwise(pl.col("y")).alias("y")
    )
    options = EncodingOptions(context_length=4, horizon=2, scaler="standard")
    ours = [SeriesEncoder.fit(series(one), options).targets_scaler for one in (frame, risen)]
    assert ours[0].to_dict() == ours[1].to_dict()
    rows, starts = np.ones(200, bool), np.arange(200) == 0
    wrong = [Scaler.fit("standard", one.select("y").to_numpy(), starts, rows) for one in (frame, risen)]
    assert wrong[1].centre > 1000 * wrong[0].centre  # what a scaler fitted on all rows would have told


def test_a_random_split_of_a_series_cannot_be_had_and_would_flatter(tmp_path):
    walk = np.random.default_rng(0).normal(size=600).cumsum()
    table = series(frame_of([600], ("y",), 0).with_columns(pl.Series("y", walk)))
    encoded = SeriesEncoder.fit(
        table, EncodingOptions(context_length=8, horizon=4, scaler="standard")
    ).encode(table)
    rows = {split: feed.origins[:, None] + np.arange(4) for split, feed in encoded.feeds.items()}
    assert rows["train"].max() < rows["validation"].min() and rows["validation"].max() < rows["test"].min()
    # The wrong way: interpolate each value from rows around it, as a model can that trains on both of its neighbours.
    test = rows["test"][:, 0]
    honest = np.abs(walk[test] - walk[rows["train"].max()]).mean()
    between = np.abs(walk[test] - (walk[test - 1] + walk[np.minimum(test + 1, 599)]) / 2).mean()
    assert between < honest / 5
    (tmp_path / "series.csv").write_text(
        "time,y\n" + "\n".join(f"{START + timedelta(hours=k)},{v}" for k, v in enumerate(walk))
    )
    for options in ({"group": "time"}, {"stratified": True}):
        with pytest.raises(DataError, match="is split by time"):
            load(DataOptions(source=str(tmp_path / "series.csv"), time="time", target=("y",), **options))


def prices(rows=400):
    draw = np.random.default_rng(1)
    close = 100 * np.exp(0.01 * draw.normal(size=rows).cumsum())
    frame = frame_of([rows], ("y",), 0).with_columns(pl.Series("y", close))
    high = close * (1 + 0.002 * draw.random(rows))
    promotion = (draw.random(rows) < 0.2).astype(float)
    return frame.with_columns(pl.Series("high", high), pl.Series("promotion", promotion))


def test_a_same_day_column_that_knows_the_target_is_named():
    notes = series(prices(), known=("high", "promotion")).provenance.notes
    warned = [note for note in notes if "WARNING" in note]
    assert (
        len(warned) == 1
        and "high moves with y at the same step" in warned[0]
        and "--observed high" in warned[0]
    )
    assert not any(
        "WARNING" in note
        for note in series(prices(), observed=("high",), known=("promotion",)).provenance.notes
    )
    # A season or a trend that both follow is no leak: noise of its own on each keeps the changes apart.
    frame, k = prices(), np.arange(400)
    draw = np.random.default_rng(2)
    both = [100 * np.sin(2 * np.pi * k / 24) + k + 20 * draw.normal(size=400) for _ in range(2)]
    frame = frame.with_columns(pl.Series("y", both[0]), pl.Series("plan", both[1]))
    assert not any("WARNING" in note for note in series(frame, known=("plan",)).provenance.notes)


def test_a_column_that_comes_late_is_read_late():
    frame = frame_of([60, 60], ("y", "x"), 3)
    table = series(frame, observed=("x",), delays=("x=2",))
    for who in ("e0", "e1"):  # never from one entity into the other
        one, raw = table.frame.filter(pl.col("who") == who), frame.filter(pl.col("who") == who)
        assert one["x"].to_list() == [None, None, *raw["x"].to_list()[:-2]]
    assert any("x counts as known 2 steps after" in note for note in table.provenance.notes)
    for wrong, words in (
        ("x", "expected COLUMN=STEPS"),
        ("x=0", "1 step or more"),
        ("y=1", "not an observed column"),
        ("w=1", "no column 'w'"),
    ):
        with pytest.raises(DataError, match=words):
            series(frame, observed=("x",), delays=(wrong,))


def problem_of(values, horizon=1):
    rows = len(values)
    border = int(rows * 0.7)
    origins = {
        "train": np.arange(10, border - horizon),
        "validation": np.arange(10, 20),
        "test": np.arange(border, rows - horizon + 1),
    }
    column, train = np.asarray(values, float)[:, None], np.arange(rows) < border
    return SeriesProblem(
        column, np.ones((rows, 1), bool), np.zeros((rows, 0)), np.arange(rows), np.zeros(rows, np.int64), origins, 8, horizon, 1, "level",
        ("y",), train, column[train].mean(0), column[train].std(0),
    )  # fmt: skip


def test_an_echo_is_named_in_the_verdict():
    values = np.zeros(900)
    noise = np.random.default_rng(0).normal(size=900)
    for k in range(2, 900):
        values[k] = 0.6 * values[k - 1] - 0.5 * values[k - 2] + noise[k]
    problem = problem_of(values)
    truth, origins = problem.future("test"), problem.origins["test"]
    echo = Predictions("forecasts", problem.values[origins - 1][:, None], truth, ("y",))
    model = (0.6 * problem.values[origins - 1] - 0.5 * problem.values[origins - 2])[:, None]
    mean = Predictions("forecasts", np.full_like(truth, values.mean()), truth, ("y",))
    scores = judge("test", echo, {"last_value": echo}, problem)
    assert "an echo" in scores.verdict and scores.details["echo_lag"] == 1
    honest = judge(
        "test",
        Predictions("forecasts", model, truth, ("y",)),
        {"last_value": echo, "mean_value": mean},
        problem,
    )
    assert "an echo" not in honest.verdict and honest.beats_best_rival


def test_a_model_no_better_than_the_mean_has_learnt_nothing():
    problem = problem_of(np.random.default_rng(0).normal(size=600))
    truth = problem.future("test")
    mean = Predictions("forecasts", np.zeros_like(truth), truth, ("y",))
    noisy = Predictions("forecasts", 0.05 * np.random.default_rng(1).normal(size=truth.shape), truth, ("y",))
    assert "has learnt nothing" in judge("test", noisy, {"mean_value": mean}, problem).verdict


def test_every_window_is_forecast_whatever_the_batch():
    table = series(frame_of([130], ("y",), 0))
    feed = (
        SeriesEncoder.fit(table, EncodingOptions(context_length=5, horizon=3, scaler="standard"))
        .encode(table)
        .feeds["test"]
    )
    assert len(feed) == 26 - 3 + 1 and len(feed) % 7
    for size in (1, 7, 64):
        assert np.concatenate([batch.rows for batch in feed.batches(size)]).tolist() == list(range(len(feed)))


def test_a_sentinel_is_named_before_anything_is_trained():
    frame = frame_of([200], ("y", "x"), 0).with_columns(
        pl.when(pl.int_range(pl.len()).is_in([20, 21, 60])).then(-9999.0).otherwise(pl.col("x")).alias("x")
    )
    notes = series(frame, observed=("x",)).provenance.notes
    assert any("WARNING, x: -9999 comes 3 times" in note and "--sentinels -9999" in note for note in notes)
    table = series(frame, observed=("x",), sentinels=(-9999.0,))
    assert table.frame["x"].null_count() == 3 and not any(
        "WARNING" in note for note in table.provenance.notes
    )
    options = EncodingOptions(context_length=4, horizon=2)
    wrong, right = (
        SeriesEncoder.fit(one, options).observed_scaler for one in (series(frame, observed=("x",)), table)
    )
    assert wrong.scale > 20 * right.scale  # three numbers would have flattened all others


def test_a_forecast_that_is_no_number_is_not_left_out_of_the_mean():
    problem = problem_of(np.random.default_rng(0).normal(size=300))
    truth = problem.future("test")
    outputs = truth.copy()
    outputs[3] = np.nan  # the wrong way, a mean over the others, would be perfect
    assert np.isnan(forecast.metrics(Predictions("forecasts", outputs, truth, ("y",)), problem)["mse"])
