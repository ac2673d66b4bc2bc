"""Values as people write them: numbers with signs between their thousands, yes and no in words."""

from __future__ import annotations

import polars as pl

# 1.234.567,89 and 1,234,567.89
GERMAN = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
ENGLISH = r"^[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$"
GROUPED = r"\.\d{3}[.,]|,\d{3}[.,]"  # a sign that can only stand between thousands
ANSWERS = {
    "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "ja": 1.0, "nein": 0.0, "oui": 1.0, "non": 0.0, "s\u00ed": 1.0, "si": 1.0,
    "wahr": 1.0, "falsch": 0.0, "y": 1.0, "n": 0.0, "j": 1.0,
}  # fmt: skip


def as_numbers(values: pl.Series, decimal_comma: bool = False) -> pl.Series | None:
    """A column of text as numbers where each value is one and no other reading is possible; None for any other.

    1.234 is more than a thousand only where the file is known to write a comma before its decimals.
    """
    plain = values.str.strip_chars()
    seen = plain.drop_nulls()
    if not len(seen):
        return None
    german = bool(seen.str.contains(GERMAN).all())
    english = bool(seen.str.contains(ENGLISH).all())
    if not (german or english) or not (decimal_comma or seen.str.contains(GROUPED).any()):
        return None
    if german and (decimal_comma or not english):
        plain = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        plain = plain.str.replace_all(",", "", literal=True)
    return plain.cast(pl.Float64)


def as_answers(values: pl.Series) -> pl.Series | None:
    """A column of yes and no, in words, as 1 and 0; None for any other."""
    if values.dtype != pl.String:
        return None
    words = values.str.strip_chars().str.to_lowercase()
    if not words[:100].drop_nulls().is_in(list(ANSWERS)).all():
        return None
    found = words.replace_strict(ANSWERS, default=None, return_dtype=pl.Float64)
    return found if found.null_count() == values.null_count() < len(values) else None
