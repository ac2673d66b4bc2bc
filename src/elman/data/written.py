"""Values as people write them: numbers with signs between their thousands, with units and gaps; yes and no in words."""

from __future__ import annotations

import polars as pl

# 1.234.567,89 and 1,234,567.89
GERMAN = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
ENGLISH = r"^[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$"
GROUPED = r"\.\d{3}[.,]|,\d{3}[.,]"  # a sign that can only stand between thousands
SIGNS = "[$€£¥%]"  # of money and per cent, before a number or behind it
NOTHING = (
    "-",
    "--",
    ".",
    "?",
    "#N/A",
    "#VALUE!",
    "#DIV/0!",
    "n/a",
    "n.a.",
    "NULL",
    "missing",
)  # among numbers
ANSWERS = {
    "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "ja": 1.0, "nein": 0.0, "oui": 1.0, "non": 0.0, "s\u00ed": 1.0, "si": 1.0,
    "wahr": 1.0, "falsch": 0.0, "y": 1.0, "n": 0.0, "j": 1.0,
}  # fmt: skip


MOSTLY = 0.9  # share of numbers from which on a word among them is a slip


def first_word(values: pl.Series) -> int | None:
    """The first row (from 0) that is no number in a column of text that holds numbers but for a few rows; None for any other column."""
    if values.dtype != pl.String:
        return None
    odd = values.is_not_null() & values.str.strip_chars().cast(pl.Float64, strict=False).is_null()
    count = int(odd.sum())
    return odd.arg_max() if 0 < count <= (1 - MOSTLY) * (len(values) - values.null_count()) else None


def as_numbers(values: pl.Series, decimal_comma: bool = False) -> pl.Series | None:
    """A column of text as numbers where each value is one and no other reading is possible; None for any other.

    1.234 is more than a thousand only where the file is known to write a comma before its decimals. A sign of money or per cent
    is taken off where every value has it, and what people write for "no value" is none, where at least half are numbers.
    """
    plain = _bare(values.str.strip_chars())
    seen = plain.drop_nulls()
    if not len(seen) or 2 * len(seen) < len(values) - values.null_count():
        return None
    german = bool(seen.str.contains(GERMAN).all())
    english = bool(seen.str.contains(ENGLISH).all())
    if not (german or english) or not (decimal_comma or seen.str.contains(GROUPED).any()):
        # 12.5 alone is read by whoever reads the file: it came here for what stood around it.
        dressed = not plain.equals(values, null_equal=True) and not seen.str.contains(",", literal=True).any()
        found = plain.cast(pl.Float64, strict=False) if dressed else None
        return found if found is not None and found.null_count() == plain.null_count() else None
    if german and (decimal_comma or not english):
        plain = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        plain = plain.str.replace_all(",", "", literal=True)
    return plain.cast(pl.Float64)


def _bare(plain: pl.Series) -> pl.Series:
    """Without the signs that every value has, and null where there is said to be no value."""
    name = plain.name
    plain = plain.to_frame("x").select(pl.when(~pl.col("x").is_in(NOTHING)).then("x"))["x"].alias(name)
    seen = plain.drop_nulls()
    signs = seen.str.extract(f"({SIGNS})")
    if not len(seen) or signs.null_count() or signs.n_unique() > 1:
        return plain
    return plain.str.replace(f"^([-+]?){SIGNS} ?", "${1}").str.replace(f" ?{SIGNS}$", "")


def as_answers(values: pl.Series) -> pl.Series | None:
    """A column of yes and no, in words, as 1 and 0; None for any other."""
    if values.dtype != pl.String:
        return None
    words = values.str.strip_chars().str.to_lowercase()
    if not words[:100].drop_nulls().is_in(list(ANSWERS)).all():
        return None
    found = words.replace_strict(ANSWERS, default=None, return_dtype=pl.Float64)
    return found if found.null_count() == values.null_count() < len(values) else None
