"""Where there is no run any more, and where numbers grow beyond what can be squared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.web.server import application
from elman.web.shelf import Shelf
from elman.web.strip import _likeness

from .conftest import KEY


def front(folder: Path) -> tuple[int, str, str]:
    """Status, kind and text of `/` over a folder."""
    app, sent = application(Shelf(folder), port=1, key=KEY), []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:1"), (b"cookie", f'elman-1="{KEY}"'.encode())], "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2), "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    headers = dict(sent[0]["headers"])
    text = b"".join(message.get("body", b"") for message in sent[1:]).decode()
    return sent[0]["status"], headers[b"content-type"].decode(), text


def test_a_folder_without_runs_shows_a_page(tmp_path: Path) -> None:
    folder = tmp_path / "a <b> folder"
    folder.mkdir()
    status, kind, text = front(folder)
    assert status == 200 and kind.startswith("text/html")
    assert "elman demo" in text and "&lt;b&gt;" in text and "<b>" not in text


def test_the_likeness_of_credits_that_explode_is_still_a_correlation() -> None:
    small = np.array([1.0, -2.0, 3.0, 0.5], dtype=np.float32)
    huge = np.float32(1e38) * small
    assert _likeness(small, huge) == pytest.approx(1.0)
    assert _likeness(small, np.array([0, np.inf, 1, 2], dtype=np.float32)) is None
    assert _likeness(small, np.ones(4, dtype=np.float32)) is None
    assert _likeness(small[:2], huge[:2]) is None
    other = np.array([1.0, -1.0, 0.0, 2.0], dtype=np.float32)
    assert _likeness(small, other) == pytest.approx(np.corrcoef(np.abs(small), np.abs(other))[0, 1], abs=1e-6)
