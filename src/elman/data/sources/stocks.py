"""Stocks: daily prices (open, high, low, close, volume), to forecast the next day's return.

`path` is a csv file in a common dialect (Yahoo, Stooq, Kaggle; newest first or last). The target is the logarithmic return from one close to
the next, computed from the adjusted close where there is one. Everything else a day brings (range, volume, the return
itself) is known only after its close, so it is observed, never known in advance.
"""

from __future__ import annotations

import io
from dataclasses import replace

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.contract import SeriesTable, Source
from elman.data.download import local
from elman.data.series import prepare

NEEDED = ("date", "open", "high", "low", "close", "volume")


def load(options: DataOptions) -> SeriesTable:
    """One row per trading day: `return` in percent (the target), `range` and `volume_change` (observed)."""
    if options.path is None:
        raise DataError(
            "stocks needs a file of daily prices: elman train stocks --path FILE.csv (Date, Open, High, Low, Close, Volume)."
        )
    path = local(options.path)
    if path.is_dir():
        raise DataError(
            f"{path} is a folder; name one file: {', '.join(file.name for file in sorted(path.iterdir())[:9])}."
        )
    content = path.read_bytes()
    if path.suffix == ".gz":
        import gzip

        content = gzip.decompress(content)
    frame = pl.read_csv(
        io.BytesIO(content), try_parse_dates=True, infer_schema_length=None, null_values=["null", "", "NA"]
    )
    frame = frame.rename(
        {
            name: name.strip().strip("<>").lower().replace("vol", "volume")
            if name.lower() == "vol"
            else name.strip().strip("<>").lower()
            for name in frame.columns
        }
    )
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; expected {', '.join(NEEDED)}. Columns: {', '.join(frame.columns)}."
        )
    if frame["date"].dtype == pl.String:
        for form in ("%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d-%b-%y"):
            parsed = frame["date"].str.to_date(form, strict=False)
            if parsed.null_count() == 0:
                frame = frame.with_columns(parsed.alias("date"))
                break
    close = "adj close" if "adj close" in frame.columns else "close"
    before = frame.height
    frame = frame.drop_nulls(["date", close]).filter(pl.col(close) > 0).sort("date")
    frame = frame.with_columns(
        (100 * pl.col(close).log().diff()).alias("return"),
        (100 * (pl.col("high") / pl.col("low")).log()).alias("range"),
        pl.col("volume").cast(pl.Float64).add(1).log().diff().alias("volume_change"),
    ).slice(1)
    notes = (
        f"return: 100 x log of {close!r} over the day before; {before - frame.height:,} rows without one",
    )
    options = replace(
        options,
        time="date",
        target=options.target or ("return",),
        observed=options.observed or ("range", "volume_change"),
    )
    table = prepare(
        frame, path, options, sha256(path), kind="return" if options.target == ("return",) else "level", season=5,
        source="stocks", licence=source.licence, citation=source.citation, notes=notes,
    )  # fmt: skip
    return table


source = Source(
    title="Daily stock prices",
    task="forecasting",
    load=load,
    licence="the file's owner",
    citation="",
    size="one csv file per stock",
    defaults={
        "encoding.horizon": 1,
        "encoding.context_length": 60,
        "encoding.calendar": False,
        "model.hidden_size": 32,
        "model.dropout": 0.2,
        "training.patience": 5,
    },
)
