"""What a column of a table is for: one role each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from elman.core.errors import DataError
from elman.core.recipe import DataOptions

ROLES = ("text", "label", "time", "target", "entity", "known", "observed", "static", "group", "date")
SERIES = ("time", "target", "entity", "known", "observed", "static")
# Which entity a row is of may be read, too: a column for each. How texts are split is no role in a table of series, and refused there.
TOGETHER = {("entity", "static"), *product(SERIES, ("group", "date"))}


def check(options: DataOptions, where: Any) -> None:
    """DataError for a column of `where` that the options name twice: its answer would be read, or its rows be split by it."""
    first: dict[str, str] = {}
    for role in ROLES:
        given = getattr(options, role)
        if isinstance(given, str):
            given = given.split(",") if role == "label" else [given]  # a label may be a column for each
        for name in given or ():
            other = first.get(name)
            if other is None:
                first[name] = role
            elif other == role:
                raise DataError(f"--{role} names the column {name!r} of {where} twice; name it once.")
            elif (other, role) not in TOGETHER:
                raise DataError(
                    f"the column {name!r} of {where} is given as --{other} and as --{role}; expected one role for a column. "
                    "Name another column for one of the two, or drop it."
                )


def free(options: DataOptions, names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that are not forecast and not known in advance: what a source reads up to now unless it is told."""
    return tuple(name for name in names if name not in (options.time, *options.target, *options.known))
