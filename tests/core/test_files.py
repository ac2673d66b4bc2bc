from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.core.errors import StorageError
from elman.core.files import plain, sha256, write_atomic, write_json, write_text


def test_a_write_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    write_text(path, "naïve\n")
    assert path.read_bytes() == "naïve\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("a bug")])
def test_a_failing_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("ne", encoding="utf-8")
        raise error

    with pytest.raises(StorageError if isinstance(error, OSError) else RuntimeError) as caught:
        write_atomic(path, half)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    if isinstance(error, OSError):
        assert "No space left" in str(caught.value) and "intact" in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot write"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_json_holds_no_nan(tmp_path: Path) -> None:
    @dataclass
    class Point:
        x: float
        shape: Any

    value = {
        "a": np.float32(1.5),
        "b": np.arange(3),
        "c": float("nan"),
        4: Point(float("inf"), (1, Path("p"))),
    }
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "a": 1.5, "b": [0, 1, 2], "c": None, "4": {"x": None, "shape": [1, "p"]},
    }  # fmt: skip


def test_plain_leaves_plain_values_alone() -> None:
    assert plain({"a": [1, "b", None, True, 2.5]}) == {"a": [1, "b", None, True, 2.5]}


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"elman" * 1000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"elman" * 1000).hexdigest()
