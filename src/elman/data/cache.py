"""What was fetched or prepared once: kept under a name that says from what and how, so that it cannot be stale."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from elman.core.errors import StorageError
from elman.core.files import sha256, write_atomic

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


def prepared(
    origin: Path, title: str, build: Callable[[Path], pl.DataFrame], **settings: object
) -> pl.DataFrame:
    """`build(origin)`, built once and from then on read from the cache, an Arrow file as it lies in memory.

    The name under which it is kept is a hash over the content of `origin`, the settings and the source code of the
    module that builds it: a change of any of them is another name. A cached file that does not read is built anew.
    """
    code = Path(inspect.getfile(build)).read_bytes()
    parts = (
        sha256(origin),
        repr(sorted(settings.items())),
        hashlib.sha256(code).hexdigest(),
        build.__qualname__,
    )
    key = hashlib.sha256("\x00".join((*parts, pl.__version__)).encode()).hexdigest()[:32]
    target = cache_folder() / "prepared" / f"{key}.arrow"
    with locked(target, title):
        if target.exists():
            with suppress(pl.exceptions.PolarsError, OSError, ValueError):
                return pl.read_ipc(target)
        frame = build(origin)
        write_atomic(target, lambda temporary: frame.write_ipc(temporary, compression="uncompressed"))
        return pl.read_ipc(target)
