"""Numbers as people read them: no more digits than the interval supports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from elman.core.results import Value

MISSING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """`value` with so many significant digits; a dash for None and NaN."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3g}".replace("-", "−")
    if value == round(value):
        return f"{value:,.0f}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}".replace("-", "−")


def decimals(value: Value) -> int | None:
    """Decimals that show two digits of the interval's width; None without an interval or for extreme sizes."""
    if value.low is None or value.high is None or not value.high > value.low:
        return None
    places = 1 - math.floor(math.log10(value.high - value.low))
    return places if 0 <= places <= 6 and abs(value.value) < 1e6 else None


def point(value: Value, places: int | None = None) -> str:
    """The number alone, with so many decimals; by default as many as its interval supports."""
    places = decimals(value) if places is None else places
    if places is None or not math.isfinite(value.value) or abs(value.value) >= 1e6:
        return number(value.value)
    return f"{value.value:,.{places}f}".replace("-", "−")


def interval(value: Value, places: int | None = None) -> str:
    """ "low to high", or nothing where none was computed or no resample differs from another."""
    if value.low is None or value.high is None or value.high - value.low <= 1e-9 * abs(value.value):
        return ""
    places = decimals(value) if places is None else places
    if places is None:
        return f"{number(value.low)} to {number(value.high)}"
    return f"{value.low:,.{places}f} to {value.high:,.{places}f}".replace("-", "−")


def difference(value: Value) -> str:
    """A difference with its sign, and its interval."""
    sign = "+" if value.value > 0 else ""
    span = interval(value)
    return f"{sign}{point(value)}" + (f" ({span})" if span else "")


def p_value(value: float | None) -> str:
    """ "p = 0.03" or "p ≤ 0.001", below which a thousand draws cannot tell; nothing for None."""
    if value is None:
        return ""
    return "p ≤ 0.001" if value < 0.0015 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def duration(seconds: float | None) -> str:
    """Seconds as "0.4 s", "12 s", "3 min 20 s" or "2 h 05 min"."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 0.1:
        return "< 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"


def column(values: Sequence[float | None], digits: int = 3) -> list[str]:
    """Numbers of one column with the same decimals, at most 4: as many as the middle one needs for so many digits."""
    sizes = sorted(abs(value) for value in values if value is not None and math.isfinite(value) and value)
    if not sizes or max(sizes) >= 1e6 or max(sizes) < 1e-4:
        return [number(value, digits) for value in values]
    places = min(4, max(0, digits - 1 - math.floor(math.log10(sizes[len(sizes) // 2]))))
    least = 0.5 * 10.0**-places
    return [
        number(value)
        if value is None or not math.isfinite(value) or value == 0
        else f"< {10.0**-places:g}"
        if 0 < value < least
        else f"{value:,.{places}f}".replace("-", "−")
        for value in values
    ]


def moment(stamp: str) -> str:
    """An ISO time as "2026-03-01 14:05 UTC"; anything else as it is."""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if when.tzinfo else stamp


def words(name: str) -> str:
    """A name from code as words: "bits_per_character" -> "bits per character"."""
    return name.replace("_", " ")
