"""Ejected forecasts: every head, scaler and way of filling gaps gives the run's own validation error."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import elman
from elman.eject.write import eject


@pytest.fixture(scope="module")
def sales(tmp_path_factory):
    draw, days = np.random.default_rng(0), [date(2023, 1, 1) + timedelta(days=k) for k in range(300)]
    shape = np.sin(2 * np.pi * np.arange(300) / 7)
    units = 10 + 3 * shape + draw.gamma(1.0, 1.0, 300)
    frame = pl.DataFrame({"day": days, "units": units, "visits": 400 - 90 * shape + draw.normal(0, 9, 300)})
    frame = frame.with_columns(
        pl.when(pl.int_range(300) % 29 == 3).then(None).otherwise("units").alias("units")
    )
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    frame.write_csv(path)
    return path


OPTIONS = {
    "quantiles": {"distribution": "quantiles", "window_norm": "last"},
    "quantiles_independent": {"distribution": "quantiles", "channels": "independent", "calendar": False},
    "student_t": {"distribution": "student_t"},
    "min_max": {"scaler": "min_max", "channels": "independent"},
    "robust": {"scaler": "robust", "window_norm": "mean"},
    "unscaled": {"scaler": "none"},
    "mask": {"gaps": "mask", "patch_length": 3},
    "average": {"average": 0.9},
}


# What changes the training is trained again, too.
CASES = [(name, False) for name in OPTIONS] + [(name, True) for name in ("quantiles", "student_t", "average")]


@pytest.mark.parametrize(("name", "train"), CASES)
def test_the_script_gives_the_number_of_the_run(name, train, sales, tmp_path, monkeypatch):
    options = OPTIONS[name]
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    run = elman.fit(
        sales, out=tmp_path / "run", time="day", target=("units", "visits"), horizon=7, context_length=14, hidden_size=6, steps=20,
        rivals=("train_mean",), bootstrap=20, explained=False, **options,
    )  # fmt: skip
    script = eject(run, tmp_path / "plain")
    assert len(script.read_text().splitlines()) <= 200
    more = ["--train"] if train else []
    said = subprocess.run(
        [sys.executable, str(script), *more], capture_output=True, text=True, timeout=120, check=True
    )
    found = float(re.search(r"validation mse ([0-9.]+)", said.stdout).group(1))
    own = run.history[-1]["mse"] if train else min(row["mse"] for row in run.history)
    # Trained again, the weights start elsewhere.
    assert found == pytest.approx(own, rel=0.5 if train else 2e-3)


@pytest.mark.parametrize(
    "options", [{}, {"scaler": "standard", "channels": "independent", "calendar": False}]
)
def test_counts_are_cut_off_at_nothing(options, tmp_path, monkeypatch):
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    draw, days = np.random.default_rng(0), [date(2023, 1, 1) + timedelta(days=k) for k in range(120)]
    counts = {name: draw.poisson(0.4 + 2 * number, 240) for number, name in enumerate(("sold", "asked"))}
    frame = pl.DataFrame({"day": days * 2, "shop": ["a"] * 120 + ["b"] * 120, **counts})
    frame.write_csv(tmp_path / "shops.csv")
    run = elman.fit(
        tmp_path / "shops.csv", out=tmp_path / "run", time="day", entity="shop", target=("sold", "asked"), horizon=7,
        context_length=14, hidden_size=6, steps=5, rivals=("train_mean",), bootstrap=20, explained=False, window_norm="last", **options,
    )  # fmt: skip
    script = eject(run, tmp_path / "plain")
    said = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True
    )
    found = float(re.search(r"validation mse ([0-9.]+)", said.stdout).group(1))
    assert found == pytest.approx(min(row["mse"] for row in run.history), rel=1e-5)
