"""The folder is the list: names come from file names, summaries from module docstrings.

Nothing is imported to make a list, so `elman --help` and `elman cells` need no torch.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import tokenize
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from elman.core.errors import UnknownName

PACKAGE = Path(__file__).resolve().parent.parent
NOT_MEMBERS = {"contract"}  # the file that says what a member is, is not one


@dataclass(frozen=True)
class Entry:
    """One member of a room: its name, dotted module, one-line summary and whole docstring."""

    name: str
    module: str
    summary: str
    docstring: str


@functools.cache
def catalogue(room: str) -> dict[str, Entry]:
    """Members of a room such as "cells" or "data.sources", by name, in alphabetical order."""
    entries = {}
    for path in sorted((PACKAGE / room.replace(".", "/")).glob("*.py")):
        if path.stem.startswith("_") or path.stem in NOT_MEMBERS:
            continue
        docstring = _docstring(path)
        summary = docstring.partition("\n")[0].strip()
        entries[path.stem] = Entry(path.stem, f"elman.{room}.{path.stem}", summary, docstring)
    return entries


def _docstring(path: Path) -> str:
    """A module's docstring, "" where it has none. The rest is not read: to parse all sources took a tenth of a second."""
    before = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.STRING:
                return inspect.cleandoc(ast.literal_eval(token.string))
            if token.type not in before:
                break
    return ""


def find(room: str, name: str, kind: str | None = None) -> ModuleType:
    """Import the member called `name` (dashes and underscores are the same).

    Raises UnknownName, with the nearest name, where there is none.
    """
    entries = catalogue(room)
    key = name.strip().lower().replace("-", "_")
    if key not in entries:
        singular = kind or room.rpartition(".")[2].rstrip("s").replace("_", " ")
        raise UnknownName(singular, name, entries)
    return importlib.import_module(entries[key].module)
