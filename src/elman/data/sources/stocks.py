"""Stocks: daily prices (open, high, low, close, volume), to forecast the next day's return.

`path` is a csv file of Yahoo, Stooq, Kaggle, Alpha Vantage or Nasdaq, newest first or last, of one ticker or several, or a
folder with a file per ticker. The target is the logarithmic return from one close to the next trading day's, computed
from the adjusted close where there is one; no return is counted across a split that the prices are not adjusted for.
Everything else a day brings (range, volume, the return itself) is known only after its close: observed, never known in advance.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.contract import SeriesTable, Source
from elman.data.download import local
from elman.data.prices import PRICES, read_prices, splits
from elman.data.roles import free
from elman.data.series import prepare

SAID = 5  # splits named one by one


def load(options: DataOptions) -> SeriesTable:
    """One row per ticker and trading day: `return` in percent (the target), `range` and `volume_change` (observed)."""
    if options.path is None:
        raise DataError(
            "stocks needs daily prices: elman train stocks --path FILE.csv (Date, Open, High, Low, Close, Volume), "
            "or a folder with one such file per ticker."
        )
    late = [
        name
        for name in options.known
        if name.lower() in (*PRICES, "price", "volume", "return", "range", "volume_change")
    ]
    if late:
        raise DataError(
            f"--known {late[0]}: it is known only after the close that is to be forecast. Use --observed {late[0]}."
        )
    path = local(options.path)
    frame, notes = read_prices(path)
    whole = frame.height
    torn = splits(frame)
    frame = frame.with_columns(
        (100 * pl.col("price").log().diff()).over("ticker").alias("return"),
        (100 * (pl.col("high") / pl.col("low")).log()).alias("range"),
        _volume().log().diff().over("ticker").alias("volume_change"),
        pl.col("date").cum_count().over("ticker").alias("day"),
    ).filter(pl.col("day") > 1)
    if torn.height:
        keys = pl.struct("ticker", "date")
        frame = frame.with_columns(
            pl.when(keys.is_in(torn.select(keys.alias("key"))["key"].implode()))
            .then(None)
            .otherwise(pl.col("return"))
            .alias("return")
        )
        named = ", ".join(f"{t} {d} ({f:.3g}:1)" for t, d, f in torn.head(SAID).iter_rows())
        more = f" and {torn.height - SAID:,} more" if torn.height > SAID else ""
        notes.append(
            f"WARNING, prices not adjusted for a split: {named}{more}; the return of that day counts as missing"
        )
    tickers = frame["ticker"].n_unique()
    days = f"{whole:,} days" + (f" of {tickers:,} tickers" if tickers > 1 else "")
    notes.insert(0, f"return: 100 x log of the price over that of the trading day before; {days}")
    if plain := frame.filter(~pl.col("adjusted"))["ticker"].unique().sort().to_list():
        named = ", ".join(plain[:SAID]) + (f" and {len(plain) - SAID:,} more" if len(plain) > SAID else "")
        notes.append(
            f"no adjusted close: {named}; where the close is not adjusted already, a dividend looks like a fall"
        )
    traded = bool((frame["volume"].drop_nulls() > 0).any())  # an index may have none at all
    options = replace(
        options, time="date", target=options.target or ("return",), entity="ticker" if tickers > 1 else None
    )
    seen = free(options, ("range", "volume_change") if traded else ("range",))
    options = replace(options, observed=options.observed or seen)
    kind = (
        "return"
        if options.target == ("return",)
        else "price"
        if set(options.target) <= {*PRICES, "price"}
        else "level"
    )
    return prepare(
        frame, path, options, _hash(path), kind=kind, season=5, source="stocks", licence=source.licence,
        citation=source.citation, notes=tuple(notes),
    )  # fmt: skip


def _volume() -> pl.Expr:
    """A day whose volume is 0 did trade where its price moved: the number is missing."""
    return pl.when(pl.col("volume") > 0).then(pl.col("volume"))


def _hash(path: Path) -> str:
    """SHA-256 of the file, or over the names and hashes of a folder's files."""
    if path.is_file():
        return sha256(path)
    lines = [f"{file.name} {sha256(file)}" for file in sorted(path.iterdir()) if file.is_file()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


source = Source(
    title="Daily stock prices",
    task="forecasting",
    load=load,
    licence="the file's owner",
    citation="",
    size="a csv file, or a folder with one per ticker",
    defaults={
        "encoding.horizon": 1,
        "encoding.context_length": 60,
        "encoding.calendar": False,
        "model.hidden_size": 32,
        "model.dropout": 0.2,
        "training.patience": 5,
    },
)
