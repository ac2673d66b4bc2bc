"""What a folder holds, said where it cannot be read as one: the files in it that can be named instead."""

from __future__ import annotations

from pathlib import Path

from elman.data.table import TABLES

TEXTS = {".txt", ".md", ".text"}
SHOWN = 5


def named_in(folder: Path) -> str:
    """A sentence that names the tables and texts of a folder, or the recipe of a run; "" where it holds none of them."""
    if (folder / "run.json").exists():
        return f" It is a run: its settings are in {folder / 'recipe.toml'}, and --resume {folder} goes on with it."
    files = sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    for what, suffixes in (("tables", TABLES), ("texts", TEXTS)):
        found = [str(one) for one in files if one.suffix.lower() in suffixes]
        if found:
            more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
            return f" It holds {what}, of which one can be named: {', '.join(found[:SHOWN])}{more}."
    return ""
