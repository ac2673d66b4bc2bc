"""Panels: new and short entities, and that no window sees a row at or after its origin, whatever stands beside it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions
from elman.data.derived import BEGUN
from elman.data.series import prepare
from elman.encoding.series import SeriesEncoder
from elman.evaluation.contract import SeriesProblem
from elman.evaluation.windows import seasons_back

FIRST = date(2024, 1, 1)


def panel(lengths, days=100, seed=0):
    """An entity for each length, its rows at the end of the days; large entities are large, the first is all zero."""
    draw = np.random.default_rng(seed)
    frames = []
    for number, length in enumerate(lengths):
        frames.append(
            pl.DataFrame(
                {
                    "day": [FIRST + timedelta(days=day) for day in range(days - length, days)],
                    "shop": [f"s{number}"] * length,
                    "sold": draw.poisson(3 * number, length),
                    "promo": draw.integers(0, 2, length).astype(float),
                    "visits": draw.normal(size=length),
                    "kind": ["large" if number % 2 else "small"] * length,
                }
            )
        )
    return pl.concat(frames)


OPTIONS = DataOptions(
    source="t", time="day", entity="shop", target=("sold",), known=("promo",), observed=("visits",), static=("kind",)
)  # fmt: skip


def table_of(frame, **changed):
    return prepare(frame, "t", DataOptions(**{**vars(OPTIONS), **changed}), "h", season=7)


def encoded(table, context=21, horizon=7):
    encoder = SeriesEncoder.fit(
        table, EncodingOptions(context_length=context, horizon=horizon, scaler="none", channels="joint")
    )
    return encoder, encoder.encode(table)


@given(
    lengths=st.lists(st.integers(1, 100), min_size=1, max_size=4), context=st.integers(1, 25), horizon=st.integers(1, 6),
    holidays=st.sampled_from([None, "US"]), delay=st.sampled_from([(), ("visits=2",)]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_no_window_of_a_panel_sees_a_row_at_or_after_its_origin(
    lengths, context, horizon, holidays, delay, seed
):
    if holidays:
        pytest.importorskip("holidays")
    frame = panel([100, *lengths], seed=seed)
    changed = {"holidays": holidays, "delays": delay}
    encoder, whole = encoded(table_of(frame, **changed), context, horizon)
    entity, time = whole.problem["entity"], whole.problem["time"]
    draw = np.random.default_rng(seed)
    for feed in whole.feeds.values():
        for row in draw.permutation(len(feed))[:2]:
            origin = int(feed.origins[row])
            assert entity[origin - context] == entity[origin + horizon - 1]
            later = pl.col("day") >= pl.lit(time[origin]).cast(pl.Date)
            # What is to come of every entity is another; what is known in advance, too: it is no part of the past.
            other = frame.with_columns(
                pl.when(later).then(pl.col(name) + 1000).otherwise(pl.col(name)).alias(name)
                for name in ("sold", "promo", "visits")
            )
            arrays = encoder.arrays(table_of(other, **changed))
            again = arrays["features"][origin - context : origin]
            before = feed.take(np.array([row]))
            np.testing.assert_array_equal(again, before.inputs[0].numpy())
            ahead = arrays["features"][origin : origin + horizon, 1 : 1 + encoder.known_features]
            promo = list(encoder.feature_names[1:]).index("promo")
            moved = (ahead != before.future[0].numpy()).any(0)
            assert moved[promo] and moved.sum() == 1  # of the future only what is known of it


def test_an_entity_that_opened_in_the_test_split_has_windows():
    table = table_of(panel([100, 100, 15]))  # the test split is the last 20 days
    encoder, whole = encoded(table)
    assert encoder.known[-1] == BEGUN
    problem, feed = whole.problem, whole.feeds["test"]
    assert [int((problem["entity"][feed.origins] == number).sum()) for number in range(3)] == [14, 14, 2]
    new = feed.take(np.flatnonzero(problem["entity"][feed.origins] == 2))
    flag = encoder.feature_names.index(BEGUN)
    real = [7, 8]  # a season, then a day more
    for window, count in zip(new.inputs.numpy(), real, strict=True):
        np.testing.assert_array_equal(window[: 21 - count, 0], 0)  # nothing was sold yet
        assert len(np.unique(window[: 21 - count, flag])) == 1
        assert (window[21 - count :, flag] > window[0, flag]).all()
        sold = panel([100, 100, 15]).filter(pl.col("shop") == "s2")["sold"].to_numpy()
        np.testing.assert_array_equal(window[21 - count :, 0], sold[:count])
    assert not np.isnan(new.targets.numpy()).any()
    assert "short histories: 1 entity (s2)" in whole.summary[2]
    assert "no train window: 1 entity (s2) of 3" in whole.summary[3]
    again = SeriesEncoder.from_dict(encoder.to_dict())
    np.testing.assert_array_equal(again.arrays(table)["features"], encoder.arrays(table)["features"])


def test_rows_put_before_are_not_scored_and_teach_nothing():
    frame = panel([100, 100, 15])
    encoder, whole = encoded(table_of(frame))
    padded = encoder.opened(table_of(frame)).frame[BEGUN].to_numpy() == 0
    assert padded.sum() == 14 and not whole.problem["observed"][padded].any()
    assert "0 missing values" in whole.summary[1]  # none of those rows is one
    without, _ = encoded(table_of(frame.filter(pl.col("shop") != "s2")))
    assert BEGUN not in without.known
    np.testing.assert_array_equal(encoder.targets_scaler.level, without.targets_scaler.level)


def test_too_short_an_entity_is_left_out_by_name():
    _, whole = encoded(table_of(panel([100, 5])))
    lines = " ".join(whole.summary)
    assert all(f"no {split} window: 1 entity (s1) of 2" in lines for split in ("train", "validation", "test"))


@given(
    entities=st.integers(1, 3), rows=st.integers(20, 40), season=st.integers(1, 12), context=st.integers(1, 12), horizon=st.integers(1, 6),
    leading=st.integers(0, 15), count=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_rivals_take_from_seasons_before_lies_before_the_origin(
    entities, rows, season, context, horizon, leading, count
):
    values = np.arange(entities * rows, dtype=float)[:, None]
    entity = np.repeat(np.arange(entities), rows)
    place = np.tile(np.arange(rows), entities)
    origins = np.flatnonzero((place >= context) & (place + horizon <= rows))
    problem = SeriesProblem(
        values, (place >= leading)[:, None], np.zeros((len(values), 0)), place, entity, {"test": origins}, context, horizon, season,
        "count", ("v",), np.ones(len(values), bool), np.zeros(1), np.ones(1),
    )  # fmt: skip
    seen = seasons_back(problem, origins, count).astype(int)  # values are row numbers
    assert (seen < origins[:, None, None, None]).all()
    assert (entity[seen] == entity[origins][:, None, None, None]).all()
    step = np.arange(horizon)
    full = (origins - season >= entity[origins] * rows + leading)[:, None] & np.ones(horizon, bool)
    assert (((seen[:, 0, :, 0] - origins[:, None] - step) % season == 0) | ~full).all()


def test_hundreds_of_entities_new_short_and_empty_ones_end_to_end(tmp_path):
    draw = np.random.default_rng(0)
    lengths = [120, *draw.choice([120, 120, 120, 40, 12, 4], 199)]
    frame = panel(lengths, days=120)
    frame.write_csv(tmp_path / "shops.csv")
    run = elman.fit(
        tmp_path / "shops.csv", time="day", entity="shop", target=("sold",), known=("promo",), static=("kind",), distribution="negative_binomial",
        context_length=21, horizon=7, hidden_size=8, steps=60, explained=False, out=tmp_path / "run",
        rivals=("last_value", "seasonal_naive", "seasonal_mean", "closed_form_linear"),
    )  # fmt: skip
    scores = elman.evaluate(run)["test"]
    assert scores.details["ahead"]["entities"] == sum(length >= 14 for length in lengths)
    for row in scores.rows:
        assert all(np.isfinite(row.metrics[name].value) for name in ("wape", "mase", "rmsse"))
    days = [FIRST + timedelta(days=120 + day) for day in range(7)]
    plans = pl.DataFrame({"shop": frame["shop"].unique(maintain_order=True)}).join(
        pl.DataFrame({"day": days, "promo": [0.0, 1.0] * 3 + [0.0]}), how="cross"
    )
    found = elman.predict(run, frame, plans)
    assert found.height == 200 * 7
    short = {f"s{number}" for number, length in enumerate(lengths) if length < 7}
    assert set(found.filter(pl.col("prediction").is_null())["shop"]) == short
    # A few shops of one kind only are predicted as among the others.
    few = frame.filter(pl.col("shop").is_in(["s1", "s3"]))
    alone = elman.predict(run, few, plans.filter(pl.col("shop").is_in(["s1", "s3"])))
    same = found.filter(pl.col("shop").is_in(["s1", "s3"]))
    np.testing.assert_allclose(alone["prediction"].to_numpy(), same["prediction"].to_numpy(), rtol=1e-4)
    with pytest.raises(DataError, match="kind is huge: training did not hold that"):
        elman.predict(
            run,
            few.with_columns(pl.lit("huge").alias("kind")),
            plans.filter(pl.col("shop").is_in(["s1", "s3"])),
        )


def test_the_name_of_an_entity_can_be_read_as_a_static_column():
    table = table_of(panel([100, 100]), static=("shop",))
    assert table.known == ("promo", "shop is s0", "shop is s1")
    assert table.frame.filter(pl.col("shop") == "s1")["shop is s1"].mean() == 1


def test_an_interval_is_that_of_the_entity_s_own_errors(tmp_path):
    frame = panel([200, 200], days=200).with_columns(
        pl.when(pl.col("shop") == "s0").then(pl.col("sold")).otherwise(pl.col("sold") * 100).alias("sold")
    )
    frame.write_csv(tmp_path / "shops.csv")
    run = elman.fit(
        tmp_path / "shops.csv", time="day", entity="shop", target=("sold",), context_length=7, horizon=1, hidden_size=4, steps=5,
        validation_share=0.3, explained=False, out=tmp_path / "run", rivals=("last_value",),
    )  # fmt: skip
    elman.evaluate(run)
    found = elman.predict(run, frame).with_columns((pl.col("high") - pl.col("prediction")).alias("above"))
    small, large = found["above"].to_list()
    kept = pl.read_parquet(tmp_path / "run" / "predictions-validation.parquet").filter(
        pl.col("entity") == "s1"
    )
    errors = np.stack(kept["target sold"].to_list()) - np.stack(kept["prediction sold"].to_list())
    place = int((len(errors) + 1) * 0.05)
    assert large == pytest.approx(np.sort(errors.ravel())[-place], rel=1e-5)
    assert small < large / 10
