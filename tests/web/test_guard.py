"""Attacks on the page, tried: other addresses, other sites, paths, sizes, texts, checkpoints."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from elman.core.errors import UserError
from elman.web.guard import MOST_BYTES
from elman.web.server import listen
from elman.web.shelf import Shelf

from .conftest import KEY, Server

READ = "/runs/films-gru/strip/read"


def test_it_answers_its_own_page(server: Server) -> None:
    status, headers, _ = server.ask("/runs/films-gru/play")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert server.json(READ, {"text": "a fine film"})["steps"] == ["a", "fine", "film"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org"])
def test_another_address_than_loopback_is_refused_with_the_way_there(host: str) -> None:
    with pytest.raises(UserError, match=r"ssh -L 8321:127\.0\.0\.1:8321"):
        listen(host, None)


def test_the_socket_is_bound_to_loopback() -> None:
    with listen("127.0.0.1", 0) as held:
        assert held.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UserError, match="cannot be used"):
            listen("127.0.0.1", held.getsockname()[1])


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}", "", None]
)
def test_a_rebound_name_is_refused(server: Server, host: str | None) -> None:
    """After DNS rebinding the browser believes that evil.example is 127.0.0.1; the Host still says evil.example."""
    given = host and host.format(port=server.port)
    status, _, content = server.ask("/runs/films-gru/play.json", Host=given)
    assert status in (400, 421) and b"first" not in content


def test_two_hosts_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        mine = f"127.0.0.1:{server.port}"
        line.sendall(
            f"GET / HTTP/1.1\r\nHost: {mine}\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
        )
        assert line.recv(200).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost", None]
)
def test_a_drive_by_post_is_refused(server: Server, origin: str | None) -> None:
    status, _, _ = server.ask(READ, {"text": "a"}, Origin=origin, Sec_Fetch_Site="cross-site")
    assert status == 403
    status, _, _ = server.ask(READ, {"text": "a"}, Origin=origin, Sec_Fetch_Site=None)
    assert status == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_what_a_foreign_form_can_send_is_refused(server: Server, kind: str | None) -> None:
    assert server.ask(READ, {"text": "a"}, Content_Type=kind)[0] == 415


def test_a_foreign_page_cannot_embed_or_fetch(server: Server) -> None:
    for mode, kind in (("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")):
        sent = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": kind}
        assert server.ask("/runs/films-gru/play.json", **sent)[0] == 403
    sent = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert server.ask("/runs/films-gru/play", **sent)[0] == 200  # a click on a link is the user's own


@pytest.mark.parametrize("cookie", [None, "elman-{port}=guess", "elman-{port}=", "other=1", "\x7f;;=,"])
def test_nobody_comes_in_without_the_key(server: Server, cookie: str | None) -> None:
    status, _, content = server.ask("/runs/films-gru/play", Cookie=cookie and cookie.format(port=server.port))
    assert status == 401 and b"films" not in content


@pytest.mark.parametrize(
    "given, status, words",
    [
        ({"Cookie": None}, 401, b"This page needs its key"),
        ({"Host": "evil.example"}, 421, b"Not under this name"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, b"This request is refused"),
    ],
)
def test_a_refusal_is_a_page_to_who_reads_it_and_json_to_a_script(
    server: Server, given: dict[str, Any], status: int, words: bytes
) -> None:
    """The page runs, loads and sends nothing, says nothing of what stands here, and is put into no other page."""
    found, headers, content = server.ask("/runs/films-gru/play", Accept="text/html,*/*;q=0.8", **given)
    assert found == status and headers["content-type"].startswith("text/html") and words in content
    assert b"films" not in content and KEY.encode() not in content and b"<script" not in content
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script" not in policy
    found, headers, content = server.ask("/runs/films-gru/play.json", **given)
    assert found == status and headers["content-type"] == "application/json" and json.loads(content)["error"]


def test_who_comes_without_the_key_reads_how_to_open_it(browser: Any, server: Server) -> None:
    tab, wrong = browser.new_page(), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("requestfailed", lambda request: wrong.append(request.url))
    reply = tab.goto(f"{server.address}/runs/films-gru/see")
    assert reply.status == 401 and "elman open" in tab.inner_text("main")
    assert tab.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "12px"
    assert wrong == []
    tab.close()


def test_the_key_is_kept_in_a_cookie_and_leaves_the_address(server: Server) -> None:
    status, headers, _ = server.ask(f"/?key={KEY.replace(' ', '%20')}", Cookie=None)
    assert status == 303 and headers["location"] == "/"
    assert "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]
    status, headers, _ = server.ask(f"/%0d%0aX:1?key={KEY.replace(' ', '%20')}", Cookie=None)
    assert "x" not in headers


def test_every_answer_has_a_strict_policy(server: Server) -> None:
    for path in (
        "/runs/films-gru/play",
        "/runs/films-gru/play.json",
        "/static/strip.js",
        "/runs/none/play",
        "/style/report.css",
    ):
        headers = server.ask(path)[1]
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert (
            policy["default-src"] == "'none'"
            and policy["script-src"] == "'self'"
            and policy["connect-src"] == "'self'"
        )
        assert policy["frame-ancestors"] == "'none'" and headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "../secret", "..%2fsecret", "%2e%2e%2fsecret", "..%5csecret", "....//secret", "%00", "films-gru%00", "films-gru/..%2f..%2fsecret", "link"],
)  # fmt: skip
def test_no_path_leaves_the_folder_of_runs(server: Server, name: str) -> None:
    link = server.folder / "link"
    if not link.exists():
        link.symlink_to(server.folder.parent / "secret", target_is_directory=True)
    for path in (f"/runs/{name}/play", f"/runs/{name}/play.json"):
        status, _, content = server.ask(path)
        assert status in (400, 404, 405), content[:200]
    assert server.ask(f"/runs/{name}/strip/read", {"text": "a"})[0] in (400, 404, 405)


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd"])  # fmt: skip
def test_no_path_leaves_the_static_files(server: Server, path: str) -> None:
    status, _, content = server.ask(path)
    assert status == 404 and b"import" not in content and b"root:" not in content


def test_what_is_sent_is_bounded(server: Server) -> None:
    status, _, content = server.ask(READ, b"", Content_Length=str(MOST_BYTES + 1))
    assert status == 413 and b"MiB" in content
    assert server.ask(READ, {"text": "a" * 20_001})[0] == 400


def test_a_request_without_a_length_is_bounded_too(server: Server) -> None:
    piece = b"a" * 65_536
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        mine = f"127.0.0.1:{server.port}"
        line.sendall(
            f'POST {READ} HTTP/1.1\r\nHost: {mine}\r\nOrigin: http://{mine}\r\nCookie: elman-{server.port}="{KEY}"\r\n'
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        sent, answer = 0, b""
        line.settimeout(5)
        try:
            while sent < 4 * MOST_BYTES:
                line.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                sent += len(piece)
            answer = line.recv(100)
        except OSError:
            answer = b"HTTP/1.1 413" if sent < 4 * MOST_BYTES else b""
        assert b" 413" in answer or sent < 4 * MOST_BYTES
    assert server.ask("/runs/films-gru/play.json")[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"text": 3}', b'{"text": null}', b'{"text": ["a"]}'],
)
def test_what_is_no_question_is_refused_in_a_sentence(server: Server, body: bytes) -> None:
    status, _, content = server.ask(READ, body)
    assert status == 400 and len(json.loads(content)["error"]) > 10


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\x00\ud83d", "𐍈 ‮ abc", "   "],
)
def test_odd_texts_are_read(server: Server, text: str) -> None:
    found = server.json(READ, {"text": text})
    assert found["steps"] and len(found["top"]) == len(found["steps"])


def test_names_of_runs_are_escaped(server: Server) -> None:
    odd = server.folder / "<img src=x onerror=alert(1)>"
    shutil.copytree(server.folder / "films-gru", odd)
    try:
        content = server.ask("/runs/films-gru/play")[2]
        assert b"<img src=x" not in content and b"&lt;img src=x" in content
    finally:
        shutil.rmtree(odd)


class Harmful:
    """What a pickle can do: run a command when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.mark, "run"))


def test_a_checkpoint_that_is_a_pickle_is_refused_and_does_nothing(server: Server, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bad = server.folder / "pickled"
    shutil.copytree(server.folder / "films-gru", bad)
    try:
        (bad / "checkpoints" / "best.safetensors").write_bytes(pickle.dumps(Harmful(mark)))
        status, _, content = server.ask("/runs/pickled/play")
        assert status == 400 and b"safetensors" in content and not mark.exists()
    finally:
        shutil.rmtree(bad)


def test_a_crash_of_one_request_does_not_end_the_server(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.web import strip

    def crash(*_: Any) -> Any:
        raise MemoryError("deliberate")

    monkeypatch.setitem(strip.ASKS, "read", crash)
    status, _, content = server.ask(READ, {"text": "a"})
    assert status == 500 and b"deliberate" not in content and b"Traceback" not in content
    monkeypatch.undo()
    assert server.json(READ, {"text": "a"})["steps"] == ["a"]


def test_a_shelf_knows_its_own_runs_alone(server: Server) -> None:
    assert "link" not in Shelf(server.folder).names() and "films-gru" in Shelf(server.folder).names()
