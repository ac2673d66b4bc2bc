"""Room for a large matrix: a file that the system keeps in memory as long as there is some to spare."""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

from elman.data.cache import cache_folder

LARGE = 2**28  # bytes from which on a matrix lies in a file


class Room:
    """`matrix` (rows, columns) float32, filled some rows at a time by `put`.

    A large one lies in a file of the cache that has no name and is gone when the matrix is. What was put there is handed to the
    system at once, to be written to the disk when memory is wanted for something else. Where no such file can be made, the
    matrix is in memory after all.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self._file = _file(rows * columns * 4)
        if self._file is None:
            self.matrix = np.empty((rows, columns), np.float32)
        else:
            self.matrix = np.frombuffer(self._file, np.float32).reshape(rows, columns)

    def put(self, rows: slice, values: np.ndarray) -> None:
        """Write `values` (rows, columns) to some rows."""
        self.matrix[rows] = values
        if self._file is not None and hasattr(mmap, "MADV_DONTNEED"):
            # Of a shared mapping this drops the page from the process alone, not what was written to it.
            size = self.matrix.strides[0]
            begin = rows.start * size // mmap.PAGESIZE * mmap.PAGESIZE
            self._file.madvise(mmap.MADV_DONTNEED, begin, rows.stop * size - begin)


def _file(size: int) -> mmap.mmap | None:
    if size < LARGE:
        return None
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix="elman-") as file:
            file.truncate(size)
            if hasattr(
                os, "posix_fallocate"
            ):  # a disk that is full says so here, not as a signal at some later write
                os.posix_fallocate(file.fileno(), 0, size)
            return mmap.mmap(file.fileno(), size)
    except OSError:
        return None
