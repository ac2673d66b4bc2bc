"""The runs that a page may open: the folders of one place, by name, and nothing outside it."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from pathlib import Path

from elman.core.busy import is_busy
from elman.core.errors import RunError, StorageError, UnknownName
from elman.run import Run
from elman.web.subject import Subject

OPEN = 6  # networks held in memory at once


class Shelf:
    """A folder of runs. A name is looked up among the names that are there, so that no path can be asked for."""

    def __init__(self, place: Path, first: str | None = None) -> None:
        self.place, self.first = place.resolve(), first
        self._open: OrderedDict[str, tuple[float, Subject]] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Run folders of the place, in alphabetical order; a link that leads out of it is none of them."""
        try:
            folders = [
                path for path in self.place.iterdir() if (path / "run.json").is_file() and path.name[0] != "."
            ]
        except OSError as error:
            raise RunError(f"{self.place} cannot be read: {error.strerror}.") from None
        return sorted(path.name for path in folders if path.resolve().parent == self.place)

    def run(self, name: str) -> Run:
        """The run of a name. Raises UnknownName for one that is not there."""
        if name not in self.names():
            raise UnknownName("run", name, self.names())
        return Run.open(self.place / name)

    def subject(self, name: str) -> Subject:
        """A run with its network, kept open; made anew where its weights have changed since."""
        run = self.run(name)
        age = changed(run)
        with self._lock:
            kept = self._open.get(name)
            if kept is None or kept[0] != age:
                kept = self._open[name] = (age, Subject(run))
                kept[1].shelf = self
            self._open.move_to_end(name)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
            return kept[1]

    def delete(self, name: str) -> None:
        """Remove a run's folder for good. Raises UnknownName for one that is not there, RunError for one in training."""
        folder = self.run(name).folder
        if is_busy(folder):
            raise RunError(f"{name} is in training; it is not deleted before that has ended.")
        # First out of sight, in one move: a deletion that is cut off leaves no half run in the list.
        gone = self.place / f".deleted-{secrets.token_hex(8)}"
        try:
            folder.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise StorageError(f"{name} could not be deleted: {error.strerror or error}.") from None
        with self._lock:
            self._open.pop(name, None)


def changed(run: Run) -> float:
    """When the weights that a run answers with were written; 0 where there are none yet."""
    path = run.folder / "checkpoints" / "best.safetensors"
    return path.stat().st_mtime if path.exists() else 0.0
