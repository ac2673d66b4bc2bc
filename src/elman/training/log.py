"""metrics.jsonl: one line a validation, whole or absent, with TensorBoard events beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from elman.core.errors import StorageError
from elman.core.files import plain, write_text
from elman.training.tensorboard import Events


class Log:
    """Rows of one training. A new one starts empty; one that resumes at `step` keeps the rows up to there.

    (Rows after the last checkpoint belong to steps that are now done again.) Raises StorageError when the disk refuses.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.path, self.events = folder / "metrics.jsonl", Events(folder)
        self.rows = _rows_until(self.path, step) if step else []
        write_text(self.path, "".join(_line(row) for row in self.rows))

    def write(self, row: dict[str, Any]) -> None:
        """Append a row: one line in one write, so that a reader never sees half of it."""
        self.rows.append(row)
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, _line(row).encode())
            finally:
                os.close(handle)
            self.events.write(row)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path}: {error.strerror or error}. The checkpoints saved before are intact; "
                "free some space, then go on with --resume."
            ) from error

    def close(self) -> None:
        """Flush the events."""
        self.events.close()


def _line(row: dict[str, Any]) -> str:
    return json.dumps(plain(row), allow_nan=False) + "\n"


def _rows_until(path: Path, step: int) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break  # cut off by a crash
        if row["step"] <= step:
            rows.append(row)
    return rows
