"""Panels: metrics by hand, the negative binomial law against SciPy, what follows from dates and entities, many entities on the road."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import nbinom

import elman
from elman.core.errors import DataError, MissingExtra, RecipeError, RunError
from elman.core.recipe import DataOptions, ModelOptions
from elman.core.results import Predictions
from elman.data.derived import holiday_column, static_columns
from elman.data.load import load
from elman.evaluation import panel
from elman.evaluation.contract import SeriesProblem
from elman.evaluation.rivals import fit_rival
from elman.models.heads import LEVELS, count_log_probability, point, quantiles
from elman.models.network import ForecastNetwork
from elman.workbench import prepare


def problem_of(values, train, origins, *, season=1, horizon=1):
    """Entities side by side (entities, rows) -> a problem whose test windows begin at `origins` of each."""
    count, rows = values.shape
    flat = values.reshape(-1, 1)
    starts = np.arange(count)[:, None] * rows + np.asarray(origins)
    return SeriesProblem(
        flat, np.ones_like(flat, bool), np.zeros((len(flat), 0)), np.tile(np.arange(rows), count), np.repeat(np.arange(count), rows),
        {"test": starts.ravel()}, 2, horizon, season, "count", ("v",), np.tile(np.arange(rows) < train, count),
        np.zeros(1), np.ones(1), tuple(f"e{number}" for number in range(count)),
    )  # fmt: skip


def test_metrics_by_hand():
    values = np.array([[0.0, 0, 2, 4, 2, 10, 12], [0, 0, 0, 0, 0, 0, 3.0]])
    problem = problem_of(values, 5, [5, 6])
    true = problem.future("test")
    found = panel.metrics(
        Predictions("forecasts", true + np.array([[[1.0]], [[-3]], [[2]], [[0]]]), true), problem
    )
    assert found["wape"] == pytest.approx((1 + 3 + 2) / (10 + 12 + 0 + 3))
    # Of the first entity 2, 4, 2 train: changes of 2 and 2; the second is all zero there and scales nothing.
    assert found["mase"] == pytest.approx(2 / 2)
    assert found["rmsse"] == pytest.approx(np.sqrt((1 + 9) / 2 / 4))


def test_entities_where_the_network_is_ahead():
    values = np.tile(np.arange(7.0), (3, 1)) + 1
    problem = problem_of(values, 5, [5, 6])
    true = problem.future("test")
    network = Predictions("forecasts", true + np.repeat([1.0, 2, 3], 2)[:, None, None], true)
    rival = Predictions("forecasts", true - 2.0, true)
    found = panel.ahead(network, rival, problem)
    assert (found["won"], found["entities"]) == (1, 3)
    assert [row[0] for row in found["rows"]] == ["e0", "e1", "e2"]
    assert found["rows"][0][1:] == [2, 6.5, 1.0, 2.0]


def test_counts_follow_the_negative_binomial_law_of_scipy():
    mean, dispersion = torch.tensor([0.1, 3.0, 200.0]).double(), torch.tensor([2.0, 0.5, 0.01]).double()
    parameters, counts = torch.stack([mean, dispersion], -1), torch.tensor([0.0, 4.0, 180.0]).double()
    law = nbinom(1 / dispersion.numpy(), 1 / (1 + dispersion.numpy() * mean.numpy()))
    np.testing.assert_allclose(
        count_log_probability(parameters, counts), law.logpmf(counts.numpy()), rtol=1e-9
    )
    expected = np.stack([law.ppf(level) for level in LEVELS], -1)
    np.testing.assert_allclose(quantiles("negative_binomial", parameters), expected)
    np.testing.assert_allclose(point("negative_binomial", parameters), law.mean())
    poisson = count_log_probability(torch.tensor([[3.0, 0.0]]).double(), torch.tensor([2.0]).double())
    assert float(poisson) == pytest.approx(2 * np.log(3) - 3 - np.log(2), abs=1e-4)


@pytest.mark.parametrize("distribution", ["point", "quantiles", "student_t"])
@pytest.mark.parametrize("known", [0, 1])
def test_twice_as_large_a_window_gives_a_forecast_in_its_own_size(distribution, known):
    torch.manual_seed(0)
    network = ForecastNetwork(
        ModelOptions(hidden_size=4, distribution=distribution), features=1 + known, series=1, known=known, horizon=3,
        window_norm="scale",
    )  # fmt: skip
    network.rnn.layers[0][0].ih.weight.data[:, -1] = 0  # of the size itself, which the network may read
    x = torch.rand(5, 8, 1 + known)
    large = x.clone()
    large[..., 0] = (
        (1 + x[..., 0].mean(1, keepdim=True)) * 1000
        - 1
        + (x[..., 0] - x[..., 0].mean(1, keepdim=True)) * 1000
    )
    with torch.no_grad():
        small, big = (network(each) for each in (x, large))
        ratio = network._scale(large) / network._scale(x)
    np.testing.assert_allclose(ratio.flatten(), 1000, rtol=1e-4)
    assert network.vectors(x)[..., -1].abs().sum() > 0
    assert torch.isfinite(big.values).all() and small.values.shape == big.values.shape


def shops(folder, count=4, days=150, name="shops.csv"):
    draw = np.random.default_rng(0)
    start = dt.date(2024, 1, 1)
    frame = pl.DataFrame(
        {
            "date": [start + dt.timedelta(days=day) for day in range(days)] * count,
            "shop": [f"shop {number}" for number in range(count) for _ in range(days)],
            "kind": ["small", "large"][0:1] * (days * (count // 2))
            + ["large"] * (days * (count - count // 2)),
            "area": [float(number) for number in range(count) for _ in range(days)],
            "sold": [
                int(k)
                for number in range(count)
                for k in draw.poisson(0 if number == 1 else 3 * (number + 1), days)
            ],
        }
    )
    frame.write_csv(folder / name)
    return str(folder / name), frame


def test_a_panel_of_counts_with_an_empty_entity_static_columns_and_holidays(tmp_path):
    path, frame = shops(tmp_path)
    run = elman.fit(
        path, time="date", entity="shop", target=("sold",), static=("kind", "area"), holidays="US",
        distribution="negative_binomial", steps=30, hidden_size=8, context_length=14, horizon=7, out=tmp_path / "run",
        rivals=("seasonal_naive", "seasonal_mean"), explained=False,
    )  # fmt: skip
    assert (run.recipe.encoding.scaler, run.recipe.encoding.window_norm) == ("none", "scale")
    assert run.encoder.known == ("kind is large", "kind is small", "area", "holiday in US")
    scores = elman.evaluate(run)["test"]
    assert scores.details["ahead"]["entities"] == 4 and "entities" in scores.verdict
    assert np.isfinite(
        [scores.network.metrics[name].value for name in ("wape", "mase", "rmsse", "coverage_90%")]
    ).all()
    ahead = elman.predict(run, frame)
    assert ahead.height == 4 * 7 and (ahead["low"] <= ahead["high"]).all() and (ahead["low"] >= 0).all()
    assert ahead["date"].min() == frame["date"].max() + dt.timedelta(days=1)


@pytest.mark.parametrize("distribution", ["point", "quantiles", "student_t"])
def test_no_count_is_forecast_below_zero(tmp_path, distribution):
    path, frame = shops(tmp_path)
    draw = np.random.default_rng(1)
    frame = frame.with_columns(pl.Series("sold", draw.poisson(0.3, frame.height))).drop("kind", "area")
    frame.write_csv(path)
    run = elman.fit(
        path, time="date", entity="shop", target=("sold",), distribution=distribution, steps=5, hidden_size=8,
        context_length=14, horizon=7, out=tmp_path / "run", rivals=("closed_form_linear",), explained=False, window_norm="last",
    )  # fmt: skip
    if distribution == "point":  # whose intervals come from errors
        with pytest.raises(RunError, match="elman evaluate"):
            elman.predict(run, frame)
    elman.evaluate(run)
    ahead = elman.predict(run, frame)
    assert (ahead["prediction"] >= 0).all() and (ahead["low"] >= 0).all()
    assert (ahead["low"] == 0).any() and (ahead["high"] > 0).all()
    stored = pl.read_parquet(run.folder / "predictions-validation.parquet")
    problem = prepare(run.recipe).encoded.problem
    rival = fit_rival("closed_form_linear", problem, 10).predict("validation").outputs
    for values in (np.stack(stored["prediction sold"].to_list()), rival):
        assert values.min() == 0 < values.max()


def test_holidays_are_those_of_the_calendar():
    pytest.importorskip("holidays")
    days = pl.DataFrame({"date": [dt.date(2024, 7, 3), dt.date(2024, 7, 4), dt.date(2024, 12, 25)]})
    frame, name = holiday_column(days, "date", "us", "t")
    assert name == "holiday in US" and frame[name].to_list() == [0.0, 1.0, 1.0]
    with pytest.raises(DataError, match="no such country"):
        holiday_column(days, "date", "XX", "t")


def test_what_is_static_must_stay(tmp_path):
    path, frame = shops(tmp_path)
    with pytest.raises(DataError, match=r"--static sold: it changes inside 3 of the entities"):
        load(DataOptions(source=path, time="date", entity="shop", target=("area",), static=("sold",)))
    _, names = static_columns(frame, ("shop",), "shop", path)
    assert names == tuple(f"shop is shop {number}" for number in range(4))
    with pytest.raises(DataError, match="--entity"):
        static_columns(frame, ("kind",), None, path)


def test_counts_must_be_counts(tmp_path):
    path, _ = shops(tmp_path)
    given = {
        "time": "date",
        "entity": "shop",
        "distribution": "negative_binomial",
        "horizon": 7,
        "context_length": 14,
    }
    with pytest.raises(RecipeError, match="--scaler none"):
        elman.fit(path, target=("sold",), scaler="standard", **given)
    halves = pl.read_csv(path).with_columns(pl.col("sold") / 2)
    halves.write_csv(path)
    with pytest.raises(DataError, match="is for counts"):
        elman.fit(path, target=("sold",), scaler="none", window_norm="scale", **given)


def test_the_flights_of_2013():
    try:
        _, table = load(DataOptions(source="flights"))
    except MissingExtra as missing:
        pytest.skip(str(missing))
    assert table.frame.height == 365 * 16 and table.kind == "count" and table.season == 7
    assert table.frame["departures"].sum() == 328_521  # 336,776 flights, 8,255 of them cancelled
    assert table.frame.filter(pl.col("carrier") == "OO")["departures"].sum() == 29


def test_what_is_known_of_the_future_comes_from_a_file(tmp_path):
    path, frame = shops(tmp_path, count=2)
    plans = frame.with_columns((pl.col("area") + 1).alias("promo")).drop("kind", "area")
    plans.write_csv(path)
    given = {
        "time": "date",
        "entity": "shop",
        "target": ("sold",),
        "known": ("promo",),
        "horizon": 3,
        "context_length": 9,
    }
    run = elman.fit(
        path,
        steps=3,
        hidden_size=4,
        out=tmp_path / "run",
        rivals=("seasonal_naive",),
        explained=False,
        **given,
    )
    elman.evaluate(run)
    days = [frame["date"].max() + dt.timedelta(days=day) for day in (1, 2, 3)]
    ahead = pl.DataFrame({"date": days * 2, "shop": ["shop 0"] * 3 + ["shop 1"] * 3, "promo": [9.0] * 6})
    (tmp_path / "plans.csv").write_text(ahead.write_csv())
    found = elman.predict(run, path, tmp_path / "plans.csv")
    together = pl.concat([pl.read_csv(path, try_parse_dates=True), ahead], how="diagonal_relaxed")
    assert found.equals(elman.predict(run, together)) and found.height == 6
    other = elman.predict(run, path, ahead.with_columns(pl.lit(-9.0).alias("promo")))
    assert not found["prediction"].equals(other["prediction"])
    for wrong, message in (
        (ahead.drop("promo"), "no column 'promo'"),
        (ahead.filter(pl.col("shop") == "shop 0"), "says nothing of 1 of the series, e.g. 'shop 1'"),
        (
            ahead.with_columns(pl.lit(days[0] - dt.timedelta(days=1)).alias("date")).unique(),
            "the past has, too",
        ),
        (ahead.filter(pl.col("date") < days[2]), "must be given for 3 steps"),
    ):
        with pytest.raises(DataError, match=message):
            elman.predict(run, path, wrong)


@pytest.mark.parametrize("distribution", ["point", "quantiles", "student_t", "negative_binomial"])
@pytest.mark.parametrize(("known", "length"), [(0, 8), (1, 8), (1, 2)])
def test_a_network_that_says_nothing_gives_the_mean_of_the_seasons_it_reads(distribution, known, length):
    network = ForecastNetwork(
        ModelOptions(hidden_size=4, distribution=distribution), features=2 + known, series=2, known=known, horizon=5,
        window_norm="scale", season=3,
    )  # fmt: skip
    network.head.weight.data.zero_(), network.head.bias.data.zero_()
    counts = torch.randint(1, 90, (6, length, 2 + known)).float()
    seasons = [counts[:, -6:-3], counts[:, -3:]] if length >= 3 else [counts[:, :1], counts[:, 1:]]
    once = torch.stack(seasons).mean(0)[:, :, :2]
    expected = once.repeat(1, 5, 1)[:, :5]
    with torch.no_grad():
        found = point(distribution, network(counts, torch.zeros(6, 5, known) if known else None).values)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
