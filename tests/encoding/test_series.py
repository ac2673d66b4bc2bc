"""Series: scalers see training rows only, windows never see their future, nothing crosses a border."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import EncodingOptions
from elman.data.contract import Provenance, SeriesTable
from elman.encoding.scalers import KINDS, Scaler
from elman.encoding.series import SeriesEncoder
from elman.encoding.windows import Window

START = datetime(2024, 1, 1)


def table(values, entities=1, **roles):
    rows = len(values)
    time = [START + timedelta(hours=k) for k in range(rows)]
    frames = [
        pl.DataFrame(
            {
                "time": time,
                "who": [f"e{e}"] * rows,
                "y": [v if v is None else v + 100 * e for v in values],
                "x": np.arange(rows, dtype=float),
            }
        )
        for e in range(entities)
    ]
    return SeriesTable(
        pl.concat(frames), "time", ("y",), (time[int(rows * 0.6)], time[int(rows * 0.8)]), Provenance("t", "h", "s"),
        entity="who" if entities > 1 else None, season=24, **roles,
    )  # fmt: skip


def options(**settings):
    return EncodingOptions(
        **{"context_length": 6, "horizon": 3, "scaler": "standard", "channels": "joint", **settings}
    )


@given(
    rows=st.integers(60, 120), context=st.integers(1, 8), horizon=st.integers(1, 5), entities=st.integers(1, 3),
    stride=st.integers(1, 4), seed=st.integers(0, 99), gaps=st.floats(0, 0.3),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_window_sees_a_row_at_or_after_its_origin(rows, context, horizon, entities, stride, seed, gaps):
    draw = np.random.default_rng(seed)
    values = [None if draw.random() < gaps else float(v) for v in draw.normal(size=rows)]
    data = table(values, entities, observed=("x",))
    encoder = SeriesEncoder.fit(data, options(context_length=context, horizon=horizon, stride=stride))
    encoded = encoder.encode(data)
    for feed in encoded.feeds.values():
        before = feed.take(np.arange(len(feed))).inputs.clone()
        for row in draw.permutation(len(feed))[:3]:
            origin = int(feed.origins[row])
            entity = encoded.problem["entity"]
            assert entity[origin - context] == entity[origin + horizon - 1]
            changed = data.frame.with_columns(
                pl.when(pl.int_range(pl.len()) >= origin)
                .then(pl.col("y") + 1e3)
                .otherwise(pl.col("y"))
                .alias("y"),
                pl.when(pl.int_range(pl.len()) >= origin)
                .then(pl.col("x") + 1e3)
                .otherwise(pl.col("x"))
                .alias("x"),
            )
            arrays = encoder.arrays(SeriesTable(**{**vars(data), "frame": changed}))
            window = arrays["features"][origin - context : origin]
            np.testing.assert_array_equal(window, before[row].numpy())


@given(rows=st.integers(60, 100), context=st.integers(1, 8), horizon=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_splits_are_purged(rows, context, horizon):
    data = table([float(k) for k in range(rows)])
    problem = SeriesEncoder.fit(data, options(context_length=context, horizon=horizon)).encode(data).problem
    first, second = int(rows * 0.6), int(rows * 0.8)
    origins = problem["origins"]
    assert origins["train"].max() + horizon - 1 < first
    assert origins["validation"].min() >= first and origins["validation"].max() + horizon - 1 < second
    assert origins["test"].min() >= second and origins["test"].max() + horizon == rows


def test_the_scaler_does_not_see_later_rows():
    values = np.random.default_rng(0).normal(size=100)
    later = values.copy()
    later[60:] += 1e6  # the wrong way, a scaler over all rows, would notice
    encoders = [SeriesEncoder.fit(table(list(map(float, v))), options()) for v in (values, later)]
    assert encoders[0].targets_scaler.centre == pytest.approx(values[:60].mean())
    assert encoders[0].targets_scaler.to_dict() == encoders[1].targets_scaler.to_dict()
    assert (
        Scaler.fit("standard", later[:, None], np.zeros(100, bool), np.ones(100, bool)).centre
        != encoders[0].targets_scaler.centre
    )


@given(seed=st.integers(0, 999), horizon=st.integers(1, 6))
@pytest.mark.parametrize("kind", KINDS)
def test_scalers_invert(kind, seed, horizon):
    values = np.exp(np.random.default_rng(seed).normal(size=(30, 2)))
    starts = np.zeros(30, bool)
    starts[0] = True
    scaler = Scaler.fit(kind, values, starts, np.arange(30) < 20)
    scaled = scaler.transform(values, starts)
    back = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict()))).inverse(
        scaled[None, 20 : 20 + horizon], values[None, 19]
    )
    np.testing.assert_allclose(back[0], values[20 : 20 + horizon], rtol=1e-9)


def test_gaps_are_filled_from_the_past_and_never_scored():
    values = [float(k) for k in range(100)]
    values[70:73] = [None] * 3
    data = table(values)
    encoder = SeriesEncoder.fit(data, options())
    arrays = encoder.arrays(data)
    assert arrays["values"][70:73, 0].tolist() == [69.0] * 3
    assert np.isnan(arrays["targets"][70:73]).all()
    masked = SeriesEncoder.fit(data, options(), "mask").arrays(data)["features"]
    assert masked[69:74, -1].tolist() == [0, 1, 1, 1, 0]
    with pytest.raises(DataError, match="row 71"):
        SeriesEncoder.fit(data, options(), "error").arrays(data)


def test_independent_channels_are_the_columns_one_by_one():
    data = table([float(k % 7) for k in range(100)], observed=())
    frame = data.frame.with_columns(z=pl.col("y") * 3 + 1)
    data = SeriesTable(**{**vars(data), "frame": frame, "targets": ("y", "z")})
    encoder = SeriesEncoder.fit(data, options(channels="independent", calendar=False))
    joint = SeriesEncoder.fit(data, options(calendar=False)).encode(data).feeds["train"]
    apart = encoder.encode(data).feeds["train"]
    both, each = joint.take(np.arange(4)), apart.take(np.arange(8))
    for window in range(4):
        for column in range(2):
            assert (each.inputs[2 * window + column, :, 0] == both.inputs[window, :, column]).all()
            assert (each.targets[2 * window + column, :, 0] == both.targets[window, :, column]).all()


def test_calendar_of_a_known_date():
    from elman.encoding.calendar import calendar

    time = np.array(["2024-01-01T06:00", "2024-01-07T18:00"], "datetime64[m]")  # a Monday, a Sunday
    values, names = calendar(time, np.timedelta64(1, "h"))
    found = dict(zip(names, values.T))
    assert found["sin day"] == pytest.approx([1.0, -1.0])
    assert found["cos week"] == pytest.approx([1.0, np.cos(2 * np.pi * 6 / 7)])


def test_too_short_a_series_says_what_it_needs():
    data = table([float(k) for k in range(60)])
    with pytest.raises(DataError, match="36 rows, too few for one window of context 40"):
        SeriesEncoder.fit(data, options(context_length=40)).encode(data)


@given(st.lists(st.integers(0, 2), min_size=5, max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_origins_against_a_plain_loop(entities, context, horizon):
    entity = np.sort(np.array(entities))
    target = np.random.default_rng(len(entities)).random(len(entity)) < 0.8
    plain = [
        o for o in range(context, len(entity) - horizon + 1)
        if len(set(entity[o - context : o + horizon])) == 1 and target[o : o + horizon].all()
    ]  # fmt: skip
    assert Window(context, horizon).origins(entity, target).tolist() == plain
