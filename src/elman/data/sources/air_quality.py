"""Air quality: hourly fine dust (PM2.5) at the US embassy in Beijing, 2010 to 2014, with the airport's weather (UCI 381).

PM2.5 is forecast; the weather of an hour is observed with it, never known in advance. The wind's direction, four words in
the file, becomes two numbers: `wind_east` and `wind_north`, -1, 0 or 1 (calm and variable: 0, 0).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.contract import SeriesTable, Source
from elman.data.download import download, local
from elman.data.roles import free
from elman.data.series import prepare

FILE = "PRSA_data_2010.1.1-2014.12.31.csv"
URL = f"https://archive.ics.uci.edu/ml/machine-learning-databases/00381/{FILE}"
SHA256 = "4127f868775e31b3956522adc0ec75af8937dde6a3896e8beed3a376c6d27f1c"
CLOCK = ("year", "month", "day", "hour")
WIND = {"NE": (1.0, 1.0), "SE": (1.0, -1.0), "NW": (-1.0, 1.0), "cv": (0.0, 0.0)}
OBSERVED = ("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir", "wind_east", "wind_north")


def load(options: DataOptions) -> SeriesTable:
    """`pm2.5` in micrograms per cubic metre; years 2010 to 2012 train, 2013 validates, 2014 tests."""
    path = (
        local(options.path)
        if options.path
        else download(URL, f"sha256:{SHA256}", FILE, "Beijing air quality")
    )
    if path.is_dir():
        path = local(str(path / FILE))
    frame = pl.read_csv(path, null_values=["NA", ""], infer_schema_length=None)
    needed = (*CLOCK, "pm2.5", "cbwd", *OBSERVED[:6])
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path} is not Beijing's air quality: no column {', '.join(missing)}. "
            "For your own file: elman train FILE --time COLUMN --target COLUMN"
        )
    unknown = set(frame["cbwd"].drop_nulls()) - set(WIND)
    if unknown:
        raise DataError(f"{path} has the wind {sorted(unknown)[0]!r}; expected {', '.join(WIND)}.")
    frame = frame.with_columns(
        pl.datetime(*(pl.col(name) for name in CLOCK)).alias("time"),
        *(
            pl.col("cbwd").replace_strict({name: turn[axis] for name, turn in WIND.items()}, return_dtype=pl.Float64).alias(wind)
            for axis, wind in enumerate(("wind_east", "wind_north"))
        ),
    )  # fmt: skip
    whole = frame.height == 43_824 and options.test_share is None and options.validation_share is None
    options = replace(options, time="time", target=options.target or ("pm2.5",))
    options = replace(options, observed=options.observed or free(options, OBSERVED))
    return prepare(
        frame, path, options, sha256(path), season=24, source="air_quality", licence=source.licence,
        citation=source.citation,
        borders=(datetime(2013, 1, 1), datetime(2014, 1, 1)) if whole else None,
        rule="by year: 2010 to 2012 train, 2013 validation, 2014 test" if whole else "",
    )  # fmt: skip


source = Source(
    title="Air quality in Beijing",
    task="forecasting",
    load=load,
    licence="CC BY 4.0",
    citation="Liang et al. 2015, Assessing Beijing's PM2.5 pollution, Proceedings of the Royal Society A 471",
    url=URL,
    size="43,824 hours, 2 MB",
    sha256=SHA256,
    defaults={"encoding.horizon": 24, "encoding.context_length": 168, "model.hidden_size": 64},
)
