"""Predict new texts, sentences or series with a run; writes a csv.

elman predict RUN --text "a fine film"
elman predict RUN reviews.csv --out predictions.csv
elman predict RUN sales.csv --future plans.csv
elman predict TAGGER --text "The old man the boat."    # a row for each word
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from elman.cli._flags import parse
from elman.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Predict:
    """Predict new texts or series with a run."""

    run: Annotated[Path, tyro.conf.Positional]
    source: Annotated[Path | None, tyro.conf.Positional] = (
        None  # a table, a text file with one text a line, a .ts file, or CoNLL-U
    )
    future: Path | None = None  # forecasts: a table with the covariates known in advance of the steps to come
    text: tuple[str, ...] = ()  # texts given on the command line
    out: Path | None = None  # a csv file; printed when not given


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Predict, arguments, "predict")
    if not options.text and options.source is None:
        raise DataError("nothing to predict: give a file, or --text TEXT.")
    if options.text and options.source is not None:
        raise DataError(f"both {options.source} and --text are given; expected one of them to predict.")
    from elman.core.files import write_text
    from elman.prediction import predict
    from elman.run import Run

    frame = predict(Run.open(options.run), options.text or options.source or "", options.future)
    missing = frame["prediction"].null_count() if "step" in frame.columns else 0
    if missing:
        print(f"note: {missing:,} rows have no prediction: their series are too short.", file=sys.stderr)
    content = frame.write_csv(float_precision=6, datetime_format=_clock(frame))
    if options.out is None:
        print(content, end="")
    else:
        write_text(options.out, content)
        print(f"{frame.height:,} rows in {options.out}")
    return 0


def _clock(frame: pl.DataFrame) -> str | None:
    """Times without the fractions of a second that none of them has."""
    import polars.selectors as cs

    times = frame.select(cs.datetime())
    whole = all(bool((one.dt.microsecond() == 0).all()) for one in times)
    return "%Y-%m-%dT%H:%M:%S" if whole else None
