"""Downloads from a loopback server that errs on purpose; the cache, when two ask at once and when things change."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from datetime import datetime, timedelta

import polars as pl
import pytest

from elman.core.errors import DataError, StorageError
from elman.core.recipe import DataOptions
from elman.data import cache, download
from elman.data.load import load

CONTENT = os.urandom(1 << 20)
URL = "https://example.org/data/f.bin"


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE", 0.01)


class Server:
    """Answers request number k by `script[k]` (the last one from then on), and writes down what was asked.

    "whole": all bytes; "parts": as asked by Range; "cut": half of what is due, then the line is dropped; a number:
    that status. Of a mapping (path: bytes) what was asked for is sent.
    """

    def __init__(self, content, *script):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                step = script[min(len(asked), len(script) - 1)]
                asked.append((self.path, self.headers.get("Range")))
                whole = content if isinstance(content, bytes) else content.get(self.path)
                if isinstance(step, int) or whole is None:
                    return self.send_error(step if isinstance(step, int) else 404)
                begin = 0
                if self.headers.get("Range") and step != "whole":
                    begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                if begin and begin >= len(whole):
                    return self.send_error(416)
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(whole) - begin))
                self.end_headers()
                due = whole[begin:]
                self.wfile.write(due[: len(due) // 2] if step == "cut" else due)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def serve(monkeypatch):
    running = []

    def start(content, *script):
        server = Server(content, *script)
        running.append(server.server)
        monkeypatch.setenv(
            "ELMAN_MIRROR", f"https://other.org/=http://nowhere/ https://example.org/={server.url}"
        )
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def get(content=CONTENT):
    return download.download(URL, "sha256:" + hashlib.sha256(content).hexdigest(), "f.bin", "The file")


def left(tmp_path):
    return sorted(
        path.name for path in (tmp_path / "cache" / "downloads").iterdir() if path.suffix != ".lock"
    )


@pytest.mark.parametrize(
    ("script", "requests"),
    [(["whole"], 1), (["cut", "parts"], 2), (["cut", "cut", "whole"], 3), ([500, 503, "whole"], 3)],
)
def test_a_file_arrives_whole(serve, tmp_path, script, requests):
    server = serve(CONTENT, *script)
    assert get().read_bytes() == CONTENT and get().read_bytes() == CONTENT  # the second from the cache
    assert len(server.asked) == requests and server.asked[0] == ("/data/f.bin", None)
    if script[-1] == "parts":  # continued where it was cut off
        assert server.asked[1][1] == f"bytes={len(CONTENT) // 2}-"
    assert left(tmp_path) == ["f.bin"]


@pytest.mark.parametrize(
    ("script", "words", "requests"),
    [
        ([500], "the server answers 500", 4),
        ([404], "the server answers 404", 1),
        (["cut"], "the transfer was cut off", 4),
    ],
)
def test_a_server_that_errs(serve, tmp_path, script, words, requests):
    server = serve(CONTENT, *script)
    with pytest.raises(DataError, match=words) as caught:
        get()
    assert "--path" in str(caught.value) and "ELMAN_MIRROR" in str(caught.value)
    assert len(server.asked) == requests and "f.bin" not in left(tmp_path)


def test_what_a_killed_process_left_is_continued(serve, tmp_path):
    server = serve(CONTENT, "parts")
    folder = tmp_path / "cache" / "downloads"
    folder.mkdir(parents=True)
    (folder / "f.bin.part").write_bytes(CONTENT[:700_000])
    assert get().read_bytes() == CONTENT and server.asked == [("/data/f.bin", "bytes=700000-")]


@pytest.mark.parametrize("held", [b"of another file", CONTENT + b"and more"])
def test_what_was_left_of_another_file_is_thrown_away(serve, tmp_path, held):
    serve(CONTENT, "parts")
    folder = tmp_path / "cache" / "downloads"
    folder.mkdir(parents=True)
    (folder / "f.bin.part").write_bytes(held)
    assert get().read_bytes() == CONTENT and left(tmp_path) == ["f.bin"]


def test_a_wrong_checksum_is_refused_and_nothing_stays(serve, tmp_path):
    serve(b"other bytes", "whole")
    with pytest.raises(DataError, match="arrived damaged"):
        get()
    assert left(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_fetched_anew(serve):
    server = serve(CONTENT, "whole")
    get().write_bytes(b"rotten")
    assert get().read_bytes() == CONTENT and len(server.asked) == 2


def test_nobody_there_and_a_mirror_that_is_none(monkeypatch):
    monkeypatch.setenv("ELMAN_MIRROR", "https://example.org/=http://127.0.0.1:9/")
    with pytest.raises(DataError, match="no connection"):
        get()
    monkeypatch.setenv("ELMAN_MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(DataError, match="expected PREFIX=REPLACEMENT"):
        get()


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="ELMAN_CACHE"):
        get()


def review_archive():
    """IMDB's true layout: readme and features beside the reviews, the unlabelled ones, too."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        texts = {
            "aclImdb/README": "about",
            "aclImdb/train/labeledBow.feat": "9 0:1",
            "aclImdb/train/unsup/0_0.txt": "?",
        }
        for split in ("train", "test"):
            for kind in ("pos", "neg"):
                texts |= {
                    f"aclImdb/{split}/{kind}/{n}_7.txt": f"{split} {kind} {n} caf\u00e9" for n in range(20)
                }
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_imdb_by_its_canonical_address(serve, monkeypatch):
    from elman.data.sources import imdb

    content = review_archive()
    server = serve(content, "cut", "parts")
    monkeypatch.setenv("ELMAN_MIRROR", f"https://ai.stanford.edu/={server.url}")
    with pytest.raises(DataError, match="md5:7c2ac"):  # not the archive of 2011
        load(DataOptions(source="imdb"))
    monkeypatch.setattr(imdb, "MD5", "md5:" + hashlib.md5(content).hexdigest())
    _, data = load(DataOptions(source="imdb"))
    assert len(data.splits["test"]) == 40 and list(data.unlabelled) == ["?"]
    assert all(path == "/~amaas/data/sentiment/aclImdb_v1.tar.gz" for path, _ in server.asked)


def test_jena_by_its_canonical_address(serve, monkeypatch):
    from elman.data.sources import jena

    lines = ['"Date Time","p (mbar)","T (degC)","wv (m/s)"']
    stamps = [datetime(2009, 1, 1, 0, 10) + timedelta(minutes=10 * k) for k in range(600)]
    lines += [
        f"{t:%d.%m.%Y %H:%M:%S},996.5,{k % 144 / 10},{-9999.0 if k in (5, 6) else 1.5}"
        for k, t in enumerate(stamps)
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "jena_climate_2009_2016.csv", "\n".join([lines[0], *lines[1:9], lines[8], *lines[9:]])
        )
        archive.writestr("__MACOSX/._jena_climate_2009_2016.csv", b"\x00\x05\x16\x07")
    server = serve(packed.getvalue(), "whole")
    monkeypatch.setenv("ELMAN_MIRROR", f"https://storage.googleapis.com/={server.url}")
    monkeypatch.setattr(jena, "BYTES", len(packed.getvalue()))
    _, table = load(DataOptions(source="jena"))
    assert table.frame["date" if "date" in table.frame.columns else "Date Time"].to_list() == stamps
    assert (
        table.frame["wv (m/s)"].null_count() == 2 and table.season == 144 and table.targets == ("T (degC)",)
    )
    assert (
        any("1 repeated rows" in note for note in table.provenance.notes)
        and table.provenance.source == "jena"
    )
    assert server.asked[0][0] == "/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip"


def test_air_quality_by_its_canonical_address(serve, monkeypatch):
    from elman.data.sources import air_quality

    lines = ["No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir"]
    lines += [
        f"{k + 1},2010,1,{1 + k // 24},{k % 24},{'NA' if k < 24 else k},-2,-1,1021,NW,1.79,0,0"
        for k in range(240)
    ]
    content = "\r\n".join(lines).encode()
    server = serve(content, "cut", "parts")
    monkeypatch.setenv("ELMAN_MIRROR", f"https://archive.ics.uci.edu/={server.url}")
    monkeypatch.setattr(air_quality, "SHA256", hashlib.sha256(content).hexdigest())
    _, table = load(DataOptions(source="air_quality"))
    assert table.frame.height == 240 and table.frame["pm2.5"].null_count() == 24


def test_a_terminal_sees_how_far_it_is(serve, monkeypatch):
    from rich.console import Console

    serve(CONTENT, "whole")
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda **rest: Console(file=screen, force_terminal=True, width=100)
    )
    assert get().read_bytes() == CONTENT
    assert "The file" in screen.getvalue() and "MB" in screen.getvalue()


PREPARE = """
import sys, time, polars as pl
from pathlib import Path
from elman.data import cache

def build(path):
    with open(path.parent / "built", "a") as log:
        log.write("x")
    time.sleep(0.5)
    return pl.DataFrame({"n": range(100_000), "text": [str(n % 10) for n in range(100_000)]})

frame, texts = cache.prepared(Path(sys.argv[1]), "numbers", build)
print(frame["n"].sum() + sum(map(int, texts)))
"""


def test_two_processes_that_prepare_the_same_do_it_once(tmp_path):
    (tmp_path / "data").write_text("x")
    (tmp_path / "run.py").write_text(PREPARE)
    command = [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "data")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["5000400000"] * 2
    assert (tmp_path / "built").read_text() == "x"


def test_prepared_data_is_never_stale(tmp_path):
    origin = tmp_path / "data"
    calls = []

    def build(path):
        calls.append(path)
        return pl.DataFrame({"text": [path.read_text()]})

    def prepare(**settings):
        return cache.prepared(origin, "it", build, **settings)[1][0]

    origin.write_text("one")
    assert prepare() == prepare() == "one" and len(calls) == 1
    stat = origin.stat()
    origin.write_text("two")
    os.utime(origin, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # same size, same date
    assert prepare() == "two" and prepare(lowercase=True) == "two" and len(calls) == 3
    whole = next((tmp_path / "cache" / "prepared").glob("*.texts")).read_bytes()
    for calls_so_far, rot in enumerate(
        (b"rotten", b"", whole[:-1], whole + b"x", whole[:40], b"\xff" * 8), 3
    ):
        for path in (tmp_path / "cache" / "prepared").glob("*.texts"):
            path.unlink()  # what is mapped is not written over
            path.write_bytes(rot)
        assert prepare() == "two" and len(calls) == calls_so_far + 1
