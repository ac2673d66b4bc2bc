"""How often a test set has been opened: a set that is looked at again and again is no test any more."""

from __future__ import annotations

import json

from elman.core.errors import StorageError
from elman.core.files import state_folder, write_json


def look(data_hash: str) -> int | None:
    """Count one look at the test split of this data; returns its number, or None where nothing can be stored."""
    path = state_folder() / "test-looks.json"
    try:
        counts = json.loads(path.read_text(encoding="utf-8"))
        counts = counts if isinstance(counts, dict) else {}
    except (OSError, ValueError):
        counts = {}
    previous = counts.get(data_hash, 0)
    counts[data_hash] = (previous if isinstance(previous, int) else 0) + 1
    try:
        write_json(path, counts)
    except StorageError:
        return None
    number: int = counts[data_hash]
    return number


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th ..."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
