"""The name of a cell of one's own: a Python file, `mycell.py`, or `mycell.py:Mine` where it holds several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from elman.core.errors import StorageError
from elman.core.files import sha256, state_folder, write_json

_named: set[str] = set()  # trusted by this process, also where nothing can be stored


def file_of(cell: str) -> tuple[Path, str] | None:
    """The file, and the class in it ("" where none is named); None for the name of one of ours."""
    if cell.endswith(".py"):
        return Path(cell), ""
    path, found, kind = cell.rpartition(".py:")
    return (Path(path + ".py"), kind) if found else None


def placed(cell: str, folder: Path) -> str:
    """The name with its file's whole path, as seen from `folder`; the name of one of ours as it is."""
    return _renamed(cell, lambda path: str((folder / path).resolve()))


def bare(cell: str) -> str:
    """The name with its file's name alone, which is where a run's folder keeps it."""
    return _renamed(cell, lambda path: path.name)


def label(cell: str) -> str:
    """One word for it: the class where one is named, else the file's name without its ending."""
    found = file_of(cell)
    return cell if found is None else found[1] or found[0].stem


def told(cell: str) -> str:
    """The file's name with the beginning of the hash of what it holds, so that two files of one name are told apart."""
    found = file_of(cell)
    if found is None or not found[0].is_file():
        return cell
    return f"{bare(cell)} ({sha256(found[0])[:8]})"


def trust(cell: str) -> None:
    """The user named this file: as it is now it may run, also where a copy of it lies in a run's folder."""
    found = file_of(cell)
    if found is None or not found[0].is_file():
        return
    content = sha256(found[0])
    _named.add(content)
    known = _recorded()
    if content in known:
        return
    try:
        write_json(_record(), sorted({*known, content}))
    except StorageError:  # it runs now, and the run's copy is asked about another time
        return


def trusted(path: Path) -> bool:
    """Whether a file of this content was named by the user of this machine before."""
    return sha256(path) in {*_named, *_recorded()}


def _record() -> Path:
    return state_folder() / "trusted-cells.json"


def _recorded() -> list[str]:
    try:
        known = json.loads(_record().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(one) for one in known] if isinstance(known, list) else []


def _renamed(cell: str, rename: Callable[[Path], str]) -> str:
    found = file_of(cell)
    if found is None:
        return cell
    path, kind = found
    return rename(path) + (f":{kind}" if kind else "")
