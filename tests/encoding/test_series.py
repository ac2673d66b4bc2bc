"""Series: scalers see training rows only, windows never see their future, nothing crosses a border."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.data.contract import Provenance, SeriesTable
from elman.encoding.scalers import KINDS, Scaler
from elman.encoding.sequences import restore
from elman.encoding.series import SeriesEncoder
from elman.encoding.windows import Window, WindowFeed

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
    sin_week, cos_week, sin_day, cos_day = calendar(time, ("week", "day")).T
    assert sin_day == pytest.approx([1.0, -1.0]) and cos_day == pytest.approx([0.0, 0.0])
    assert cos_week == pytest.approx([1.0, np.cos(2 * np.pi * 6 / 7)])
    assert sin_week == pytest.approx([0.0, np.sin(2 * np.pi * 6 / 7)])


@pytest.mark.parametrize(
    ("days", "hours", "expected"),
    [
        (3, 1, ("day",)),
        (365, 1, ("week", "day")),
        (731, 1, ("week", "day")),
        (732, 1, ("year", "week", "day")),
        (800, 24, ("year", "week")),
        (800, 168, ("year",)),
        (1, 1, ()),
    ],
)
def test_a_cycle_is_read_once_it_was_seen_twice(days, hours, expected):
    from elman.encoding.calendar import cycles

    assert cycles(np.timedelta64(days, "D"), np.timedelta64(hours, "h")) == expected


def test_too_short_a_series_says_what_it_needs():
    data = table([float(k) for k in range(60)])
    with pytest.raises(
        DataError, match="36 rows, too few for one window of context 40.*a shorter --context-length"
    ):
        SeriesEncoder.fit(data, options(context_length=40)).encode(data)
    with pytest.raises(DataError, match="the validation split has .* a larger --validation-share"):
        SeriesEncoder.fit(data, options(context_length=4, horizon=15)).encode(data)


@given(st.lists(st.integers(0, 2), min_size=5, max_size=60), st.integers(1, 4), st.integers(1, 4))
def test_origins_against_a_plain_loop(entities, context, horizon):
    entity = np.sort(np.array(entities))
    target = np.random.default_rng(len(entities)).random(len(entity)) < 0.8
    plain = [
        o for o in range(context, len(entity) - horizon + 1)
        if len(set(entity[o - context : o + horizon])) == 1 and target[o : o + horizon].all()
    ]  # fmt: skip
    assert Window(context, horizon).origins(entity, target).tolist() == plain


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_before_the_first_value_bends_nothing(kind):
    """An entity that begins late: fitted as if the empty rows were not there, and finite all the same."""
    late = [float(100 + k % 7) for k in range(80)]
    data = table([None] * 20 + late)
    encoder = SeriesEncoder.fit(data, options(scaler=kind))
    plain = Scaler.fit(kind, np.array(late)[:40, None], np.arange(40) == 0, np.ones(40, bool))
    assert encoder.targets_scaler.centre == pytest.approx(plain.centre)
    assert encoder.targets_scaler.scale == pytest.approx(plain.scale)
    arrays = encoder.arrays(data)
    assert np.isfinite(arrays["features"]).all()
    assert arrays["values"][:20, 0] == pytest.approx(np.mean(late[:40]))
    scaled = arrays["features"][:, 0]
    if kind in ("difference", "log_return"):  # there is no jump from nothing to the first value
        assert scaled[20] == scaled[19] and np.isnan(arrays["targets"][20, 0])


@given(seed=st.integers(0, 999))
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_ignores_what_is_missing_and_what_is_not_training(kind, seed):
    draw = np.random.default_rng(seed)
    values = np.exp(draw.normal(size=(40, 2)))
    values[draw.random(40) < 0.3] = np.nan
    values[:2] = 1.0, 2.0
    train, starts = np.arange(40) < 25, np.arange(40) == 0
    fitted = Scaler.fit(kind, values, starts, train)
    changed = values.copy()
    changed[25:] = 1e6
    again = Scaler.fit(kind, changed, starts, train)
    assert fitted.to_dict() == again.to_dict()
    assert np.isfinite(fitted.centre).all() and np.isfinite(fitted.scale).all()
    if kind not in ("difference", "log_return"):
        np.testing.assert_array_equal(np.isnan(fitted.transform(values, starts)), np.isnan(values))


@pytest.mark.parametrize("kind", KINDS[:3])
def test_scalers_against_scikit_learn(kind):
    from sklearn import preprocessing

    names = {"standard": "StandardScaler", "min_max": "MinMaxScaler", "robust": "RobustScaler"}
    values = np.random.default_rng(0).gamma(2, size=(60, 3))
    other = getattr(preprocessing, names[kind])().fit(values[:40])
    ours = Scaler.fit(kind, values, np.arange(60) == 0, np.arange(60) < 40)
    factor = 1.349 if kind == "robust" else 1.0  # theirs divides by the plain interquartile range
    starts = np.arange(60) == 0
    np.testing.assert_allclose(ours.transform(values, starts), other.transform(values) * factor, rtol=1e-9)


def test_constant_and_tiny_columns():
    constant, tiny, rain = (
        np.full(50, 0.1),
        1e-14 * np.arange(50),
        np.where(np.arange(50) % 10 == 0, 5.0, 0.0),
    )
    rows = np.stack([constant, tiny, rain], 1)
    starts = np.arange(50) == 0
    for kind in ("standard", "min_max", "robust"):
        scaled = Scaler.fit(kind, rows, starts, np.ones(50, bool)).transform(rows, starts)
        assert scaled[:, 0] == pytest.approx(0, abs=1e-12)
        assert 0.5 < np.ptp(scaled[:, 1]) < 5 and 0.5 < np.ptp(scaled[:, 2]) < 5


def test_every_entity_is_filled_from_itself():
    data = table([None, None, *(float(k) for k in range(2, 60))], entities=2)
    arrays = SeriesEncoder.fit(data, options(scaler="none", calendar=False)).arrays(data)
    assert arrays["values"][58:64, 0].tolist() == pytest.approx(
        [58, 59, *[arrays["values"][0, 0]] * 2, 102, 103]
    )


def test_what_holds_nothing_to_learn_from_is_refused():
    data = table([float(k) for k in range(100)], observed=("x",))
    late = data.frame.with_columns(x=pl.when(pl.int_range(pl.len()) < 70).then(None).otherwise(pl.col("x")))
    with pytest.raises(DataError, match="'x' has no value in the 60 training rows"):
        SeriesEncoder.fit(SeriesTable(**{**vars(data), "frame": late}), options())
    with pytest.raises(DataError, match="log returns need positive"):
        SeriesEncoder.fit(data, options(scaler="log_return"))
    with pytest.raises(RecipeError, match="joint"):
        SeriesEncoder.fit(data, options(channels="independent"), "mask")
    for wrong in ("context_length", "horizon", "stride"):
        with pytest.raises(RecipeError, match=f"{wrong}=0"):
            SeriesEncoder.fit(data, options(**{wrong: 0}))


def test_an_encoder_reads_back_what_it_wrote():
    data = table([None, None, *(float(k % 9) for k in range(98))], 2, observed=("x",))
    encoder = SeriesEncoder.fit(data, options(), "mask")
    again = SeriesEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    for name, values in encoder.arrays(data).items():
        np.testing.assert_array_equal(values, again.arrays(data)[name])
    assert encoder.arrays(data)["features"].shape[1] == encoder.features


@given(
    seed=st.integers(0, 99), context=st.integers(1, 6), horizon=st.integers(1, 5), series=st.integers(1, 3),
    known=st.integers(0, 2), more=st.integers(0, 2), independent=st.booleans(), batch_size=st.integers(1, 9),
)  # fmt: skip
def test_windows_against_a_plain_loop_and_in_restored_order(
    seed, context, horizon, series, known, more, independent, batch_size
):
    draw = np.random.default_rng(seed)
    rows = context + horizon + int(draw.integers(0, 20))
    features = draw.normal(size=(rows, series + known + more)).astype(np.float32)
    targets = np.where(draw.random((rows, series)) < 0.2, np.nan, features[:, :series]).astype(np.float32)
    window = Window(context, horizon)
    origins = window.origins(np.zeros(rows, int), np.ones(rows, bool))
    feed = WindowFeed(features, targets, origins, window, known, independent=independent)
    batches = list(feed.batches(batch_size, draw))
    assert len(batches) == feed.steps(batch_size)
    order = np.concatenate([batch.rows for batch in batches])
    assert sorted(order) == list(range(len(feed)))

    def all_of(name):
        return restore(order, np.concatenate([getattr(batch, name).numpy() for batch in batches]))

    inputs, future, ahead, covariates = [], [], [], features[:, series : series + known]
    for o in origins:
        for columns in [[k] for k in range(series)] if independent else [list(range(series))]:
            past, rest = features[o - context : o], covariates if independent else features[:, series:]
            inputs.append(np.concatenate([past[:, columns], rest[o - context : o]], 1))
            future.append(targets[o : o + horizon, columns])
            ahead.append(covariates[o : o + horizon])
    np.testing.assert_array_equal(all_of("inputs"), np.stack(inputs))
    np.testing.assert_array_equal(all_of("targets"), np.stack(future))
    if known:
        np.testing.assert_array_equal(all_of("future"), np.stack(ahead))
    else:
        assert batches[0].future is None


def test_batches_do_not_share_memory_with_the_table():
    features = np.zeros((20, 2), np.float32)
    feed = WindowFeed(features, features, np.array([4]), Window(4, 2), 1)
    for tensor in (feed.take(np.array([0])).inputs, feed.take(np.array([0])).targets):
        tensor += 1
    assert not features.any()


def test_no_window_at_all_says_what_it_needs():
    with pytest.raises(DataError, match="5 rows, context 4, horizon 2 .needs 6 rows"):
        WindowFeed(
            np.zeros((5, 1), np.float32), np.zeros((5, 1), np.float32), np.zeros(0, int), Window(4, 2), 0
        )


def test_changes_are_counted_within_an_entity_only():
    values = np.array([1.0, 2.0, 4.0, 100.0, 103.0])[:, None]  # changes 1 and 2, then 3 in the second entity
    starts = np.array([True, False, False, True, False])
    scaler = Scaler.fit("difference", values, starts, np.ones(5, bool))
    assert scaler.centre == pytest.approx(2.0) and scaler.scale == pytest.approx(np.sqrt(2 / 3))


def test_features_have_names_in_their_order():
    data = table([float(k % 9) for k in range(24 * 40)])
    encoder = SeriesEncoder.fit(data, options(calendar=True, scaler="none"))
    names, features = encoder.feature_names, encoder.arrays(data)["features"]
    assert features.shape[1] == encoder.features == len(names)
    assert features[:, names.index(data.targets[0])].tolist() == [float(k % 9) for k in range(24 * 40)]
    assert names[1].startswith("sine of ")
