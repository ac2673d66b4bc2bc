"""What was fetched or prepared once: kept under a name that says from what and how, so that it cannot be stale."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from elman.core.errors import StorageError
from elman.core.files import sha256, write_atomic, write_json
from elman.data.stored_texts import StoredTexts, read, write

PATIENCE = 3600  # seconds to wait for another process that fetches or prepares the same


def cache_folder() -> Path:
    """Where downloads and prepared data live: ELMAN_CACHE, or the platform's cache folder."""
    import pooch

    return Path(os.environ.get("ELMAN_CACHE") or pooch.os_cache("elman"))


@contextmanager
def locked(target: Path, title: str) -> Iterator[None]:
    """Only one process at a time makes `target`; the others wait, then find it made.

    The lock is the system's, so one that was killed leaves nothing behind that others wait for. Raises StorageError
    where the cache cannot be written, or the other process takes longer than an hour.
    """
    import filelock

    lock = filelock.FileLock(target.parent / f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            print(f"another process is getting {title}; waiting for it", file=sys.stderr)
            lock.acquire(timeout=PATIENCE)
    except filelock.Timeout:
        raise StorageError(
            f"another process has been getting {title} for {PATIENCE // 60} minutes and holds {lock.lock_file}. "
            "End it, or set ELMAN_CACHE to a folder of your own."
        ) from None
    except OSError as error:
        raise StorageError(
            f"the cache {target.parent} cannot be written: {error.strerror or error}. "
            "Set ELMAN_CACHE to a folder that can."
        ) from error
    try:
        yield
    finally:
        lock.release()


def kept(parts: Sequence[str], suffix: str, title: str, build: Callable[[Path], None]) -> Path:
    """A file of the cache that `build(path)` writes once; `parts` are all that its content depends on."""
    key = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
    target = cache_folder() / "prepared" / f"{key}{suffix}"
    if not target.exists():
        with locked(target, title):
            if not target.exists():
                write_atomic(target, build)
    return target


def remembered(path: Path, what: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """`measure()`, JSON types that depend on the content of `path` alone, taken once per content.

    A file counts as the same while its place, size, time of change and number on the disk are. A file that changed in the
    last two seconds is measured but not remembered: the clock of a file system is no finer than that everywhere.
    """
    state = path.stat()
    identity = (what, str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    key = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
    memory = cache_folder() / "files" / f"{key}.json"
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
        return found
    started = time.time()
    facts = measure()
    after = path.stat()
    same = (after.st_size, after.st_mtime_ns, after.st_ctime_ns) == identity[2:5]
    if same and started - max(state.st_mtime, state.st_ctime) > 2:
        with suppress(StorageError):  # a memory that cannot be written costs time, not the answer
            write_json(memory, facts)
    return facts


def content_hash(path: Path) -> str:
    """SHA-256 of a file, remembered."""
    return str(remembered(path, "sha256", lambda: {"sha256": sha256(path)})["sha256"])


def prepared(
    origin: Path, title: str, build: Callable[[Path], pl.DataFrame], **settings: object
) -> tuple[pl.DataFrame, StoredTexts]:
    """`build(origin)`, built once and from then on read from the cache: its table, and the texts of its column `text`, mapped.

    The name under which it is kept is a hash over the content of `origin`, the settings and the source code of the
    module that builds it: a change of any of them is another name. A cached file that is not whole is built anew.
    """
    code = Path(inspect.getfile(build)).read_bytes()
    parts = (
        content_hash(origin),
        repr(sorted(settings.items())),
        hashlib.sha256(code).hexdigest(),
        build.__qualname__,
    )
    key = hashlib.sha256("\x00".join((*parts, pl.__version__)).encode()).hexdigest()[:32]
    target = cache_folder() / "prepared" / f"{key}.texts"
    with locked(target, title):
        if target.exists():
            with suppress(pl.exceptions.PolarsError, OSError, ValueError):
                return read(target)
        frame = build(origin)
        write_atomic(target, lambda temporary: write(frame, temporary))
        return read(target)
