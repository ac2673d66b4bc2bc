"""Where there is no run any more, and where numbers grow beyond what can be squared."""

from __future__ import annotations

import asyncio
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.core.errors import DataError
from elman.web.server import application
from elman.web.shelf import Shelf
from elman.web.strip import _likeness, errors

from .conftest import KEY, Server, serving


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
    # In a thread of its own: a browser that other tests have opened holds this one's loop.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, app(scope, receive, send)).result()
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


@pytest.mark.parametrize(
    "path",
    ["/runs/films-gru/sea", "/runs/none/play", "/nowhere", "/runs/<b>/play", "/a/b/c/d", "/static/none.js"],
)
def test_an_unknown_page_has_a_way_back(server: Server, path: str) -> None:
    status, headers, content = server.ask(path)
    text = content.decode()
    assert status == 404 and headers["content-type"].startswith("text/html") and "<b>" not in text
    assert 'href="/"' in text and "no such page" in text and headers["content-security-policy"]
    twin, headers, content = server.ask(f"{path}.json")
    assert twin == 404 and headers["content-type"] == "application/json" and json.loads(content)["error"]
    assert server.ask(path, {})[0] in (404, 405)


def test_who_is_lost_finds_back(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/runs/films-gru/plai")
    assert "plai" in page.inner_text("main") and "play" in page.inner_text("main")
    page.click("main a")
    page.wait_for_url("**/runs/films-gru/play")
    assert [one for one in page.wrong if "404" not in one] == []
    page.wrong.clear()


def test_a_damaged_run_is_told_of_on_a_page(server: Server, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{", encoding="utf-8")
    with serving(Shelf(tmp_path, "broken")) as again:
        status, headers, content = again.ask("/runs/broken/play")
        assert status >= 400 and headers["content-type"].startswith("text/html") and b'href="/"' in content
        assert again.ask("/runs/broken/play.json")[1]["content-type"] == "application/json"


def test_a_run_that_got_no_series_wrong_has_some_to_look_at(
    more: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elman.web.strip.worst", lambda run, data: [])
    found = errors(Shelf(more.folder).subject("walks-gru"), {})
    assert found["said"] == "It got none of its validation series wrong; these it got right."
    assert found["choices"][0]["words"] == "series 1, 20 steps"


@pytest.mark.parametrize("run", ["films-both-ways", "tags-lstm"])
def test_a_run_that_got_no_text_wrong_has_some_to_look_at(
    more: Server, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    monkeypatch.setattr("elman.web.strip.worst", lambda run, data: [])
    found = errors(Shelf(more.folder).subject(run), {})
    assert found["said"] == "It got none of its validation texts wrong; these it got right."
    assert found["choices"][0]["text"].split()[0] in ("a", "the")


def test_a_run_that_was_not_evaluated_has_series_to_look_at(
    more: Server, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(run: Any, data: Any) -> Any:
        raise DataError("it has not been evaluated yet; its errors are not known.")

    monkeypatch.setattr("elman.web.strip.worst", none)
    found = errors(Shelf(more.folder).subject("walks-gru"), {})
    assert "not been evaluated" in found["said"] and "validation series" in found["said"]
    assert found["choices"][0]["words"] == "series 1, 20 steps"
    with pytest.raises(DataError):  # a corpus is one text, and has a first one to read
        errors(Shelf(server.folder).subject("book-lstm"), {})


def test_a_run_that_was_not_evaluated_has_its_first_sequences_to_look_at(
    more: Server, tmp_path: Path
) -> None:
    shutil.copytree(more.folder / "tags-lstm", tmp_path / "runs" / "young")
    (tmp_path / "runs" / "young" / "predictions-validation.parquet").unlink()
    found = errors(Shelf(tmp_path / "runs").subject("young"), {})
    assert "not been evaluated yet" in found["said"] and found["choices"][0]["text"]
