"""Daily prices in the dialects of their sites, read into one shape; what is no trading day or no price goes, and is counted.

Yahoo (`Adj Close`, rows of null), Stooq (`<TICKER>,<PER>,<DATE>`, dates such as 20240131), Kaggle (a ticker's name in
`Name`, or one file per ticker), Alpha Vantage (`adjusted_close`), Nasdaq (`Close/Last`, dollar signs); newest first or last.
"""

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import polars as pl

from elman.core.errors import DataError
from elman.data.table import column

PRICES = ("open", "high", "low", "close")
NEEDED = ("date", *PRICES, "volume")
NAMES = {
    "vol": "volume", "vol.": "volume", "adj close": "adjusted", "adj_close": "adjusted", "adjclose": "adjusted",
    "adjusted_close": "adjusted", "adjusted close": "adjusted", "timestamp": "date", "close/last": "close", "name": "ticker",
    "symbol": "ticker", "close*": "close", "adj close**": "adjusted", "last": "close",
}  # fmt: skip
DATES = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%y", "%b %d, %Y")
SPLITS = range(2, 51)
CLOSE_TO_SPLIT = 0.02  # of the ratio; Apple's fall of 2000-09-29 opened 5% from a half and was none


def read_prices(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """ticker, date, open, high, low, close, volume, `price`, `adjusted` of a file or folder.

    `price` is the adjusted close where the file has one (`adjusted` is True), else the close. Sorted by ticker, then date, and notes on what was noticed. Raises DataError for a file of another shape.
    """
    if not path.is_dir():
        return _one(path)
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith((".csv", ".txt", ".csv.gz")))
    if not files:
        raise DataError(f"{path} holds no .csv or .txt file of daily prices.")
    parts = [_one(file) for file in files]
    frame = pl.concat([part for part, _ in parts])
    twice = {file.name for file, (part, _) in zip(files, parts) if part["ticker"][0] in _repeated(parts)}
    if twice:
        raise DataError(
            f"{path} holds a ticker in more than one file: {', '.join(sorted(twice))}. Keep one of them."
        )
    return frame.sort("ticker", "date"), [note for _, notes in parts for note in notes]


def _repeated(parts: list[tuple[pl.DataFrame, list[str]]]) -> set[str]:
    names = [name for part, _ in parts for name in part["ticker"].unique()]
    return {name for name in names if names.count(name) > 1}


def _one(path: Path) -> tuple[pl.DataFrame, list[str]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    try:
        separator = ";" if content.partition(b"\n")[0].count(b";") > 3 else ","
        frame = pl.read_csv(
            io.BytesIO(content), infer_schema_length=0, null_values=["null", "", "NA", "N/A", "-"],
            separator=separator,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path} cannot be read as a csv table: {str(error).partition(chr(10))[0]}."
        ) from None
    plain = {name: name.strip().strip("<>").lower() for name in frame.columns}
    frame = frame.rename({name: NAMES.get(short, short) for name, short in plain.items()})
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; expected {', '.join(NEEDED)}. Columns: {', '.join(frame.columns)}."
        )
    if "ticker" not in frame.columns:
        frame = frame.with_columns(pl.lit(path.name.partition(".")[0].upper()).alias("ticker"))
    given = [*PRICES, "volume"] + (["adjusted"] if "adjusted" in frame.columns else [])
    frame = _dates(frame, path).with_columns(_number(frame, name, path) for name in given)
    return _clean(frame, path.name)


def _dates(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Dates in the first form that reads them all; where two forms do, the one under which they are in order."""
    text = frame["date"].str.strip_chars().str.slice(0, 19).str.replace(r"[T ]\d\d:\d\d(:\d\d)?$", "")
    readings = [text.str.to_date(form, strict=False) for form in DATES]
    whole = [dates for dates in readings if dates.null_count() == text.null_count() < len(text)]
    if not whole:
        raise DataError(
            f"column 'date' of {path} does not read as dates: {text[0]!r}. Expected e.g. 2024-01-31."
        )
    ordered = [dates for dates in whole if dates.is_sorted() or dates.is_sorted(descending=True)]
    return frame.with_columns((ordered or whole)[0].alias("date"))


def _number(frame: pl.DataFrame, name: str, path: Path) -> pl.Series:
    text = frame[column(frame, name, path)].str.replace_all(r"[$,\s]", "")
    values = text.cast(pl.Float64, strict=False)
    bad = text.is_not_null() & values.is_null()
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise DataError(
            f"column {name!r} of {path} holds {frame[name][row]!r} in row {row + 1}; expected a number."
        )
    return values


def _clean(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    notes = []
    price = "adjusted" if "adjusted" in frame.columns else "close"
    whole = frame.drop_nulls(["date", price]).filter((pl.col(price) > 0) & (pl.col("close") > 0))
    if whole.height < frame.height:
        notes.append(f"{name}: {frame.height - whole.height:,} rows without a price (halted days) dropped")
    frame = whole.with_columns(pl.col(price).alias("price")).sort("ticker", "date")
    before = pl.col("close").shift().over("ticker")
    idle = (
        (pl.col("volume") == 0) & (pl.col("high") == pl.col("low")) & (pl.col("close") == before)
    ).fill_null(False)
    if count := int(frame.select(idle.sum()).item()):
        notes.append(f"{name}: {count:,} rows without a trade repeat the day before; dropped")
        frame = frame.filter(~idle)
    if odd := frame.filter((pl.col("high") < pl.col("low")) | (pl.col("low") <= 0)).height:
        notes.append(f"{name}: WARNING, {odd:,} rows have a high below their low, or a low of zero")
    columns = ["ticker", "date", *PRICES, "volume", "price", pl.lit(price == "adjusted").alias("adjusted")]
    return frame.select(columns), notes


def splits(frame: pl.DataFrame) -> pl.DataFrame:
    """ticker, date and factor of the nights in which the price went to a whole fraction, or a multiple, of itself.

    Prices that are adjusted have none. Told by the night alone (`price` before, against the opening in its units), since
    a day that trades through a crash passes all prices between.
    """
    opening = pl.col("price") / pl.col("close") * pl.col("open")
    night = frame.select(
        "ticker", "date", (pl.col("price").shift().over("ticker") / opening).alias("factor")
    ).drop_nulls()
    ratios = [*SPLITS, *(1 / k for k in SPLITS)]
    near = [k for k in ratios if k >= 2 or k <= 0.5]
    is_split = pl.any_horizontal(
        (pl.col("factor").log() - math.log(k)).abs() < CLOSE_TO_SPLIT for k in near if _apart(k)
    )
    return night.filter(is_split)


def _apart(ratio: float) -> bool:
    """Whole ratios beyond 10 lie closer to each other than the tolerance tells apart; of those only the usual ones count."""
    size = max(ratio, 1 / ratio)
    return round(size) <= 10 or round(size) in (15, 20, 25, 30, 40, 50)
