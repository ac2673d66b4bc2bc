"""Covariates that follow from others: what stays the same in an entity, and the holidays of a country.

They are known for any time to come, so a forecast needs nobody to give them.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from elman.core.errors import DataError, MissingExtra
from elman.data.table import column

MOST = 50  # groups of a static column that get a column each
HOLIDAY = "holiday in "
BEGUN = "has begun"  # 0 in rows put before the first one of an entity that is new


def static_columns(
    frame: pl.DataFrame, names: tuple[str, ...], entity: str | None, path: Any
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Static columns as numbers: themselves, or a 0/1 column "NAME is GROUP" for each group; and their names.

    Raises DataError for a table without entities, a column that changes inside one, and too many groups.
    """
    made: list[str] = []
    for name in names:
        name = column(frame, name, path)
        if entity is None:
            raise DataError(
                f"--static {name}: {path} holds one series; name the column that tells several apart, --entity."
            )
        different = pl.col(name).drop_nulls().n_unique().alias("different")
        changing = frame.group_by(entity).agg(different).filter(pl.col("different") > 1)
        if changing.height:
            raise DataError(
                f"--static {name}: it changes inside {changing.height} of the entities, e.g. {changing[entity][0]!r}. "
                f"Use --observed {name}, or --known {name} if it is known ahead."
            )
        if frame[name].dtype.is_numeric():
            made.append(name)
            continue
        groups = frame[name].drop_nulls().cast(pl.String).unique().sort().to_list()
        if len(groups) > MOST:
            raise DataError(
                f"--static {name}: {len(groups):,} groups; expected at most {MOST}. Leave it out."
            )
        frame = frame.with_columns(
            (pl.col(name).cast(pl.String) == group)
            .fill_null(False)
            .cast(pl.Float64)
            .alias(f"{name} is {group}")
            for group in groups
        )
        made += [f"{name} is {group}" for group in groups]
    return frame, tuple(made)


def holiday_column(frame: pl.DataFrame, time: str, country: str, path: Any) -> tuple[pl.DataFrame, str]:
    """A 0/1 column for the public holidays of a country (ISO code such as US), and its name.

    Raises MissingExtra without the package `holidays`, DataError for an unknown country or a time that is no date.
    """
    try:
        import holidays
    except ImportError:
        raise MissingExtra("holidays", "the holidays of a country", "holidays") from None
    if not frame[time].dtype.is_temporal():
        raise DataError(f"--holidays {country}: {time!r} of {path} holds no dates.")
    days = frame[time].dt.date()
    years = range(days.min().year, days.max().year + 1)  # type: ignore[union-attr]
    try:
        known = holidays.country_holidays(country.upper(), years=years)
    except NotImplementedError:
        raise DataError(
            f"--holidays {country}: no such country is known; expected an ISO code such as US, DE or FR."
        ) from None
    name = HOLIDAY + country.upper()
    return frame.with_columns(days.is_in(list(known)).cast(pl.Float64).alias(name)), name


def follows(name: str, static: tuple[str, ...]) -> bool:
    """Whether a covariate is known for any time to come."""
    return (
        name == BEGUN
        or name.startswith(HOLIDAY)
        or any(name == one or name.startswith(f"{one} is ") for one in static)
    )


def forward(
    frame: pl.DataFrame, time: str, entity: str | None, known: tuple[str, ...], static: tuple[str, ...]
) -> pl.DataFrame:
    """Rows to come filled with what follows by itself: holidays by their date, static columns by their entity."""
    for name in known:
        if name.startswith(HOLIDAY):
            frame, _ = holiday_column(frame, time, name.removeprefix(HOLIDAY), "the table")
        elif entity and follows(name, static):
            frame = frame.with_columns(pl.col(name).fill_null(strategy="forward").over(entity))
    return frame
