"""Many texts in a file that is mapped into memory: each becomes a string when it is asked for, and none is held."""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import overload

import numpy as np
import polars as pl

from elman.core.errors import StorageError

AHEAD = 8  # bytes before the table that say how long it is
TOGETHER = 1000  # texts that are written at once


class StoredTexts(Sequence[str]):
    """Texts, each from byte `start` to `stop` (texts,) of one of some UTF-8 files, mapped."""

    def __init__(
        self, files: Sequence[tuple[Path, mmap.mmap]], of: np.ndarray, start: np.ndarray, stop: np.ndarray
    ) -> None:
        self._files, self._of, self._start, self._stop = tuple(files), of, start, stop

    def __len__(self) -> int:
        return len(self._of)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> StoredTexts: ...
    def __getitem__(self, place: int | slice) -> str | StoredTexts:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        return self._text(int(self._of[place]), int(self._start[place]), int(self._stop[place]))

    def __iter__(self) -> Iterator[str]:
        return map(self._text, self._of.tolist(), self._start.tolist(), self._stop.tolist())

    def take(self, rows: np.ndarray) -> StoredTexts:
        """The texts in these rows, as many numbers or as a mask (texts,) bool."""
        return StoredTexts(self._files, self._of[rows], self._start[rows], self._stop[rows])

    @classmethod
    def joined(cls, parts: Sequence[StoredTexts]) -> StoredTexts:
        """The texts of all parts, one after the other."""
        files = [file for part in parts for file in part._files]
        before = np.cumsum([0, *(len(part._files) for part in parts)])
        of = [part._of + shift for part, shift in zip(parts, before)]
        rest = ([getattr(part, name) for part in parts] for name in ("_start", "_stop"))
        return cls(files, np.concatenate(of), *map(np.concatenate, rest))

    def _text(self, of: int, start: int, stop: int) -> str:
        path, content = self._files[of]
        try:
            return content[start:stop].decode("utf-8")
        except UnicodeDecodeError:
            with suppress(OSError):
                path.unlink()
            raise StorageError(
                f"{path} was damaged on the disk and is deleted. Start again: it is made anew."
            ) from None


def write(frame: pl.DataFrame, target: Path) -> None:
    """A table and, behind it, the texts of its column `text`."""
    table = io.BytesIO()
    stops = frame["text"].str.len_bytes().cast(pl.Int64).cum_sum().alias("stop")
    frame.drop("text").with_columns(stops).write_ipc(table)
    with open(target, "wb") as out:
        out.write(table.tell().to_bytes(AHEAD, "little"))
        out.write(table.getbuffer())
        for part in frame["text"].to_frame().iter_slices(TOGETHER):
            out.write("".join(part["text"].to_list()).encode("utf-8"))


def read(path: Path) -> tuple[pl.DataFrame, StoredTexts]:
    """What `write` wrote: the table without the texts, and the texts. Raises ValueError where the file is not whole."""
    with open(path, "rb") as stream:
        size = int.from_bytes(stream.read(AHEAD), "little")
        if size > path.stat().st_size - AHEAD:
            raise ValueError(f"{path} is cut off in its table")
        frame = pl.read_ipc(io.BytesIO(stream.read(size)))
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    edges = np.concatenate([[0], frame["stop"].to_numpy()]) + AHEAD + size
    if edges[-1] != len(content):
        raise ValueError(f"{path} has {len(content)} bytes; expected {edges[-1]}")
    texts = StoredTexts([(path, content)], np.zeros(frame.height, np.int16), edges[:-1], edges[1:])
    return frame.drop("stop"), texts
