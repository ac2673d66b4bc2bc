"""Whether a folder is being written by a training: a lock that its process holds, and that ends with the process, however it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from elman.core.errors import RunError

NAME = ".training.lock"
PATIENCE = 5.0  # seconds: somebody may be looking just now


@contextlib.contextmanager
def busy(folder: Path) -> Iterator[None]:
    """Hold the folder while a training writes it. Raises RunError where another one does."""
    lock = FileLock(folder / NAME)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise RunError(f"another process is training in {folder}. Wait for its end, or stop it.") from None
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)


def is_busy(folder: Path) -> bool:
    """Whether a training holds the folder now; nothing is changed."""
    path = folder / NAME
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False
