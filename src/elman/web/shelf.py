"""What a page may open: the runs of one folder with their checkpoints, by name, and models of one's own; nothing outside it."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from elman.core.busy import is_busy
from elman.core.errors import RunError, StorageError, UnknownName
from elman.run import BEST, Run
from elman.web.explaining import Explain
from elman.web.subject import RunSubject, Subject, address_of

OPEN = 8  # networks held in memory at once


class Shelf:
    """A folder of runs, and a model. A name is looked up among the names that are there, so that no path can be asked for.

    `first` is the run, or the checkpoint RUN@NAME, that is shown first; a `model`, where there is one, goes before it. With
    `explain`, which is workbench.explain, the page can ask a run what was not asked yet.
    """

    def __init__(
        self,
        place: Path,
        first: str | None = None,
        model: Subject | None = None,
        explain: Explain | None = None,
    ) -> None:
        self.place, self.first, self.model, self.explain = place.resolve(), first, model, explain
        self._open: OrderedDict[str, tuple[float, Subject]] = OrderedDict()
        self._lock = threading.Lock()
        if model is not None:
            model.shelf = self

    def names(self) -> list[str]:
        """Run folders of the place, in alphabetical order; a link that leads out of it is none of them."""
        if self.model is not None and not self.place.is_dir():
            return []  # a model needs no runs beside it
        try:
            folders = [
                path for path in self.place.iterdir() if (path / "run.json").is_file() and path.name[0] != "."
            ]
        except OSError as error:
            raise RunError(f"{self.place} cannot be read: {error.strerror}.") from None
        return sorted(path.name for path in folders if path.resolve().parent == self.place)

    def front(self) -> str | None:
        """The address that is shown first; None where there is nothing."""
        if self.model is not None:
            return self.model.address
        names = self.names()
        shown = self.first if self._known(self.first) else next(iter(names), None)
        return None if shown is None else self.subject(shown).address

    def beside(self, subject: Subject) -> list[tuple[str, str]]:
        """(address, title) of what can be chosen instead of `subject`, and of itself."""
        found = [] if self.model is None else [(self.model.address, self.model.title)]
        for name in self.names():
            found.append((address_of("runs", name), name))
            if subject.name != name and subject.place == "runs" and subject.run.name == name:
                found.append((subject.address, subject.title))
        return found

    def run(self, name: str) -> Run:
        """The run of a name. Raises UnknownName for one that is not there, RunError for one in whose folder a link leads out of the place."""
        folder = self._folder(name)
        outward = next(
            (link for link in _links(folder) if not link.resolve().is_relative_to(self.place)), None
        )
        if outward is not None:
            raise RunError(
                f"{outward} is a link that leads out of {self.place}, and what lies there is not shown. Put the file itself in its place."
            )
        return Run.open(folder)

    def _folder(self, name: str) -> Path:
        if name not in self.names():
            raise UnknownName("run", name, self.names())
        return self.place / name

    def at(self, place: str, name: str) -> Subject:
        """What stands at an address, /PLACE/NAME. Raises UnknownName where nothing does."""
        if place == "models":
            known = [] if self.model is None else [self.model.name]
            if self.model is None or name not in known:
                raise UnknownName("model", name, known)
            return self.model
        return self.subject(name)

    def subject(self, name: str) -> Subject:
        """A run, or a checkpoint RUN@NAME, with its network, kept open; made anew where its weights have changed since."""
        run = self._run(name)
        age = changed(run)
        with self._lock:
            kept = self._open.get(name)
            if kept is None or kept[0] != age:
                kept = self._open[name] = (age, RunSubject(run))
                kept[1].shelf = self
            self._open.move_to_end(name)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
            return kept[1]

    def _known(self, name: str | None) -> bool:
        try:
            return name is not None and bool(self._run(name))
        except UnknownName:
            return False

    def _run(self, name: str) -> Run:
        whole, _, checkpoint = name.rpartition("@")
        if name in self.names() or not whole:  # a folder's own name may hold an @
            return self.run(name)
        run = self.run(whole)
        if checkpoint not in (BEST, *run.checkpoints):
            raise UnknownName(f"checkpoint of {whole}", checkpoint, run.checkpoints)
        return Run(run.folder, checkpoint)

    def delete(self, name: str) -> None:
        """Remove a run's folder for good. Raises UnknownName for one that is not there, RunError for one in training."""
        folder = self._folder(name)
        if is_busy(folder):
            raise RunError(f"{name} is in training; it is not deleted before that has ended.")
        # First out of sight, in one move: a deletion that is cut off leaves no half run in the list.
        gone = self.place / f".deleted-{secrets.token_hex(8)}"
        try:
            folder.rename(gone)
            if gone.is_symlink():  # one run under two names: the other keeps the folder
                gone.unlink()
            else:
                shutil.rmtree(gone)
        except OSError as error:
            raise StorageError(f"{name} could not be deleted: {error.strerror or error}.") from None
        with self._lock:
            for each in [one for one in self._open if one == name or one.startswith(f"{name}@")]:
                self._open.pop(each)


def _links(folder: Path) -> Iterator[Path]:
    """Links below a folder; what a link leads to is not walked."""
    for place, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if (path := Path(place) / name).is_symlink())


def changed(run: Run) -> float:
    """When the weights that a run answers with were written; 0 where there are none yet."""
    path = run.folder / "checkpoints" / f"{run.checkpoint}.safetensors"
    return path.stat().st_mtime if path.exists() else 0.0
