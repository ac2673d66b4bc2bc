"""Files that are whole or absent: written beside, flushed, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.core.errors import RunError, StorageError

MEND = "Restore the file from a copy, or train, evaluate or explain again."


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write(temporary)` in the folder of `path`, then rename over it.

    A reader sees the old file or the new one, never a half. Raises StorageError when the disk refuses;
    the old file is then untouched.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. What was saved before is intact; "
            "free some space or choose another folder with --out."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomic(path, write)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with newlines as given."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NumPy scalars and arrays become numbers and lists, NaN becomes null."""
    write_text(path, json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, kind: type) -> Any:
    """A JSON file of a run's folder that holds a `kind` (dict or list). RunError where it is damaged, FileNotFoundError where it is not there."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged ({error}). {MEND}") from None
    if not isinstance(value, kind):
        held = "nothing" if value is None else f"a {type(value).__name__}"
        raise RunError(f"{path} is damaged (it holds {held}, not a {kind.__name__}). {MEND}")
    return value


def plain(value: Any) -> Any:
    """`value` as JSON types: dataclasses and mappings to dicts, arrays to lists, non-finite to None."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Path):
        return str(value)
    return value


def state_folder() -> Path:
    """Where this machine remembers what is no cache: ELMAN_STATE, or the platform's folder for that."""
    folder = os.environ.get("ELMAN_STATE")
    if folder:
        return Path(folder)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "elman"
    return Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "elman"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
