"""More attacks, each tried: other spellings of hosts and paths, links, slow and hung-up senders, tables that are bombs, and markup as names."""

from __future__ import annotations

import logging
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from elman import workbench
from elman.web.shelf import Shelf

from .conftest import KEY, Server, serving, tab_of

READ, FILE = "/runs/films-gru/strip/read", "/runs/films-gru/strip/file"
MARKUP = "<img src=x onerror=document.title='owned'>"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.nip.io:{}", "localhost.:{}", "127.1:{}", "2130706433:{}", "0.0.0.0:{}", "[::ffff:127.0.0.1]:{}", "127.0.0.1:{}@evil.example",
     "evil.example#127.0.0.1:{}", "127.0.0.1:0{}", "127.0.0.1:{} evil.example", "127.0.0.1"],
)  # fmt: skip
def test_other_spellings_of_a_host_are_refused(server: Server, host: str) -> None:
    status, _, content = server.ask("/runs/films-gru/play.json", Host=host.format(server.port))
    assert status in (400, 421) and b"first" not in content


@pytest.mark.parametrize(
    "origin", ["file://", "http://127.0.0.1:{}/", "https://127.0.0.1:{}", "http://localhost:{}.evil.example", "http://evil@127.0.0.1:{}", ""]
)  # fmt: skip
def test_other_spellings_of_an_origin_are_refused(server: Server, origin: str) -> None:
    assert server.ask(READ, {"text": "a"}, Origin=origin.format(server.port))[0] == 403


@pytest.mark.parametrize(
    "name",
    ["%252e%252e%252fsecret", "..%c0%afsecret", "%c0%ae%c0%ae/secret", "..%ef%bc%8fsecret", "%e2%80%a5/secret", "\uff0e\uff0e\uff0fsecret", "films-gru%0a",
     "films-gru%20", "films-gru%2e", "films-gru%e2%80%8b", "@best", "films-gru@", "films-gru@best@best", "films-gru@..%2f..%2f..%2fsecret%2fbest",
     "films-gru@%00", "%2fetc%2fpasswd", "."],
)  # fmt: skip
def test_other_spellings_of_a_path_stay_in_the_folder(server: Server, name: str) -> None:
    path = quote(name, safe="%@./")
    for which in ("play", "play.json", "strip/errors"):
        assert server.ask(f"/runs/{path}/{which}")[0] in (400, 404, 405)


@pytest.mark.parametrize(
    "path", ["/\\evil.example/", "/%5cevil.example/", "//evil.example/", "/%2fevil.example/"]
)
def test_the_key_leads_to_no_other_host(server: Server, path: str) -> None:
    status, headers, _ = server.ask(f"{path}?key={KEY}", Cookie=None)
    assert status == 400 and "location" not in headers


def test_a_websocket_is_refused(server: Server) -> None:
    mine = f"127.0.0.1:{server.port}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(
            f'GET /runs/films-gru/play HTTP/1.1\r\nHost: {mine}\r\nCookie: elman-{server.port}="{KEY}"\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\n'
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert line.recv(200).split()[1] == b"403"


def test_two_lengths_of_one_request_are_refused(server: Server) -> None:
    mine = f"127.0.0.1:{server.port}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(
            f'POST {READ} HTTP/1.1\r\nHost: {mine}\r\nOrigin: http://{mine}\r\nCookie: elman-{server.port}="{KEY}"\r\nContent-Type: application/json\r\n'
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /jobs.json HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode()
        )
        assert line.recv(200).split()[1] == b"400"


def test_slow_senders_keep_nobody_out_and_hang_up_without_a_word(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    mine, lines = f"127.0.0.1:{server.port}", []
    head = (
        f'POST {READ} HTTP/1.1\r\nHost: {mine}\r\nOrigin: http://{mine}\r\nCookie: elman-{server.port}="{KEY}"\r\n'
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with caplog.at_level(logging.WARNING, "elman.web"):
        for k in range(100):
            lines.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            lines[-1].sendall((head if k % 2 else head[:60]).encode())
        assert server.ask("/runs/films-gru/play.json")[0] == 200
        for line in lines:
            line.close()
        assert server.json(READ, {"text": "a"})["steps"] == ["a"]
        time.sleep(0.2)
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("wide.csv", ",".join(f"c{k}" for k in range(200_000)) + "\n1"), ("commas.csv", "a," * 10**6), ("deep.jsonl", "[" * 10**6),
        ("nested.jsonl", '{"text":' + "{" * 200_000), ("quotes.csv", '"' * 10**6), ("open.csv", "text\n" + '"a\n' * 10**5), ("row.ts", "@data\n" + "1," * 10**6),
        ("zip.csv", "PK\x03\x04" + "\x00\x01" * 10_000), ("tabs.tsv", "\t" * 10**6), ("packed.csv.gz", "a"),
    ],
)  # fmt: skip
def test_files_that_are_bombs_are_refused_soon(server: Server, name: str, content: str) -> None:
    status, _, answer = server.ask(FILE, {"name": name, "content": content})
    assert (status == 400 and name.encode() in answer) or b"one of these kinds" in answer
    assert b"Traceback" not in answer


def test_a_path_as_the_name_of_a_file_is_but_a_name(server: Server) -> None:
    told = server.json(FILE, {"name": "../../../etc/x.csv", "content": "text\na fine film\n"})
    assert told["choices"][0]["text"] == "a fine film"


def test_a_run_under_two_names_keeps_its_folder(server: Server) -> None:
    shutil.copytree(server.folder / "films-gru", server.folder / "twice")
    (server.folder / "again").symlink_to(server.folder / "twice", target_is_directory=True)
    try:
        ask = {"run": "again", "sure": "again"}
        assert server.json("/runs/films-gru/runs/delete", ask)["deleted"] == "again"
        assert (server.folder / "twice" / "run.json").exists() and "again" not in Shelf(server.folder).names()
        assert not list(server.folder.glob(".deleted-*"))
    finally:
        shutil.rmtree(server.folder / "twice")


@pytest.mark.parametrize(
    "link", ["findings.json", "scores.json", "metrics.jsonl", "encoder.json", "report.html", "views.json", "checkpoints", "checkpoints/best.safetensors",
             "checkpoints/last.json", "recipe.toml", "run.json"],
)  # fmt: skip
def test_a_link_in_a_run_that_leads_out_is_not_followed(server: Server, link: str) -> None:
    """Who can write into a run's folder (a run that was sent by somebody) reads nothing else of the machine through the page."""
    run, outside = server.folder / "linked", server.folder.parent / "secret" / "far"
    shutil.copytree(server.folder / "films-gru", run)
    (run / link).rename(outside) if (run / link).exists() else outside.write_text("{}", encoding="utf-8")
    (run / link).symlink_to(outside)
    try:
        for path, body in (
            ("play", None), ("play.json", None), ("strip/read", {"text": "a"}), ("trust/section", {"part": "findings"}), ("runs/recipe", {"run": "linked"}),
            ("runs/curves", {"runs": ["linked"]}), ("runs/compare", {"runs": ["films-gru", "linked"]}),
        ):  # fmt: skip
            status, _, answer = server.ask(f"/runs/linked/{path}", body)
            assert status >= 400 and b"leads out of" in answer, (path, status)
        assert server.ask("/runs/linked@last/play")[0] >= 400
        row = next(one for one in server.json("/runs/films-gru/runs.json")["runs"] if one["name"] == "linked")
        assert row["state"] == "damaged" and "leads out of" in row["words"] and not row["score"]
        ask = {"run": "linked", "sure": "linked"}  # it can be deleted; what the link led to stays
        assert server.json("/runs/films-gru/runs/delete", ask)["deleted"] == "linked"
        assert outside.exists() and not run.exists()
    finally:
        shutil.rmtree(run, ignore_errors=True)
        shutil.rmtree(outside) if outside.is_dir() else outside.unlink()


def test_a_link_that_stays_among_the_runs_is_followed(server: Server) -> None:
    run = server.folder / "shared"
    shutil.copytree(server.folder / "films-gru", run)
    (run / "scores.json").unlink()
    (run / "scores.json").symlink_to(server.folder / "films-gru" / "scores.json")
    try:
        row = next(one for one in server.json("/runs/films-gru/runs.json")["runs"] if one["name"] == "shared")
        assert row["state"] == "trained" and row["score"]
    finally:
        shutil.rmtree(run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Runs whose columns, classes and texts are markup."""
    place = tmp_path_factory.mktemp("hostile")
    quick: dict[str, Any] = {
        "hidden_size": 4,
        "seed": 0,
        "listener": None,
        "steps": 5,
        "rivals": ("majority",),
    }
    films = place / "films.csv"
    rows = [f'"a {word} {MARKUP} {n}","{label}"' for n in range(30) for word, label in (("good", MARKUP), ("bad", "<script>alert(1)</script>"))]  # fmt: skip
    films.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    workbench.fit(str(films), out=place / "runs" / "films", cell="gru", bidirectional=False, **quick)
    sales = place / "sales.csv"
    days = [date(2020, 1, 1) + timedelta(n) for n in range(120)]
    lines = [f"{day},{20 + n % 7},{n % 2}" for n, day in enumerate(days)]
    sales.write_text(f'day,"{MARKUP}","<b>promo"\n' + "\n".join(lines) + "\n", encoding="utf-8")
    workbench.fit(
        str(sales), out=place / "runs" / "sales", time="day", target=MARKUP, known="<b>promo", horizon=3, context_length=7,
        **(quick | {"rivals": ("last_value",)}),
    )  # fmt: skip
    with serving(Shelf(place / "runs", "films", explain=workbench.explain)) as made:
        yield made


@pytest.mark.parametrize("run", ["films", "sales"])
def test_markup_as_names_is_text_on_every_page(browser: Any, hostile: Server, run: str) -> None:
    with tab_of(browser, hostile) as tab:
        for page in ("play", "see", "trust", "space", "runs"):
            tab.goto(f"{hostile.address}/runs/{run}/{page}")
            if page != "runs":
                tab.wait_for_selector("#tokens li, #track svg")
                if run == "films":
                    tab.fill("#text", f"a good {MARKUP}")
                    tab.click("#errors")
                tab.set_input_files(
                    "#file", {"name": f"{MARKUP}.csv", "mimeType": "text/csv", "buffer": b"x"}
                )
                tab.wait_for_selector("#problem:not([hidden])")
                assert MARKUP in tab.inner_text("#problem")
            tab.wait_for_function("() => !document.querySelector('.job')", timeout=60_000)
            tab.wait_for_timeout(300)
            assert tab.evaluate("document.querySelectorAll('img, main b b, main script').length") == 0, page
            assert tab.title() != "owned"
            tab.wrong[:] = [one for one in tab.wrong if "400" not in one]  # the file, refused


def test_a_handler_inside_markup_does_not_run(page: Any) -> None:
    page.evaluate("(text) => document.body.insertAdjacentHTML('beforeend', text)", MARKUP)
    page.evaluate(
        """() => { const one = document.createElement('script'); one.textContent = "document.title = 'owned'"; document.body.append(one); }"""
    )
    page.wait_for_timeout(300)
    assert page.title() != "owned" and any("Content Security Policy" in one for one in page.wrong)
    page.wrong.clear()
