"""Small runs, a server over them, and a browser that tells what went wrong in it."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from elman import workbench
from elman.core.errors import ElmanError
from elman.web.server import application, listen
from elman.web.shelf import Shelf

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KEY = "a-key-for-tests"


@dataclass(frozen=True)
class Server:
    """Where a server listens, and what it serves."""

    port: int
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, body: Any = None, method: str | None = None, **headers: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request as our own page sends it, but for the headers given; None leaves one out."""
        method = method or ("GET" if body is None else "POST")
        sent: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}", "Cookie": f'elman-{self.port}="{KEY}"', "Sec-Fetch-Site": "same-origin"
        }  # fmt: skip
        if method != "GET":
            sent |= {"Origin": self.address, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if content is not None and "Content-Length" not in sent and "Transfer-Encoding" not in sent:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        reply = connection.getresponse()
        found = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        connection.close()
        return found

    def json(self, path: str, body: Any = None) -> Any:
        """The JSON of an answer that went well."""
        status, _, content = self.ask(path, body)
        assert status == 200, content[:500]
        return json.loads(content)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small run of each kind that the page knows."""
    place = tmp_path_factory.mktemp("place")
    folder = place / "runs"
    quick: dict[str, Any] = {"hidden_size": 8, "seed": 0, "listener": None}
    texts = place / "films.csv"
    good, bad = (
        ("a fine film", "good and warm", "fine good fun"),
        ("a bad film", "dull and long", "bad dull mess"),
    )
    rows = [f"{words} {n % 7},{label}" for n in range(60) for label in ("good", "bad") for words in (good if label == "good" else bad)[n % 3 : n % 3 + 1]]  # fmt: skip
    texts.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    workbench.fit(str(texts), out=folder / "films-gru", cell="gru", steps=150, **quick)
    book = place / "book.txt"
    book.write_text("the cat sat on the mat. a dog sat on the cat. " * 150, encoding="utf-8")
    workbench.fit(str(book), out=folder / "book-lstm", cell="lstm", steps=120, batch_size=8, **quick)
    sales = place / "sales.csv"
    days = [date(2020, 1, 1) + timedelta(n) for n in range(400)]
    rows = [f"{day},{20 + 5 * (n % 7) + 10 * (n % 5 == 0)},{int(n % 5 == 0)}" for n, day in enumerate(days)]
    sales.write_text("day,units,promo\n" + "\n".join(rows) + "\n", encoding="utf-8")
    workbench.fit(
        str(sales), out=folder / "sales-gru", cell="gru", steps=150, time="day", target="units", known="promo", horizon=7,
        context_length=14, gaps="forward", **quick,
    )  # fmt: skip
    (place / "secret").mkdir()
    (place / "secret" / "run.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def more_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of the other kinds: a series with a class, tagged words, and a text with a class read from both ends."""
    place = tmp_path_factory.mktemp("more")
    folder, draw = place / "runs", np.random.default_rng(0)
    quick: dict[str, Any] = {"hidden_size": 6, "seed": 0, "listener": None}
    walks = place / "walks.ts"
    walked = [(0.2 * way + draw.normal(size=20)).cumsum().round(2) for _ in range(40) for way in (1, -1)]
    rows = [f"{','.join(map(str, one))}:{'up' if k % 2 == 0 else 'down'}" for k, one in enumerate(walked)]
    walks.write_text(
        "@problemName walks\n@univariate true\n@classLabel true up down\n@data\n" + "\n".join(rows) + "\n"
    )
    workbench.fit(str(walks), out=folder / "walks-gru", cell="gru", bidirectional=False, steps=40, **quick)
    tagged = place / "tagged.conllu"
    kinds = {"the": "DET", "a": "DET", "cat": "NOUN", "dog": "NOUN", "sees": "VERB", "hears": "VERB"}
    sentences = [
        [str(draw.choice(list(kinds)[two : two + 2])) for two in (0, 2, 4, 0, 2)] for _ in range(200)
    ]
    lines = [
        "\n".join(f"{k}\t{word}\t_\t{kinds[word]}" + "\t_" * 6 for k, word in enumerate(one, 1))
        for one in sentences
    ]
    tagged.write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    workbench.fit(str(tagged), out=folder / "tags-lstm", cell="lstm", steps=60, **quick)
    films = place / "films.csv"
    rows = [
        f"a {word} film {n % 7},{label}"
        for n in range(60)
        for word, label in (("good", "good"), ("bad", "bad"))
    ]
    films.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    workbench.fit(str(films), out=folder / "films-both-ways", cell="gru", bidirectional=True, pooling="last", steps=60, **quick)  # fmt: skip
    return folder


@contextmanager
def serving(shelf: Shelf) -> Iterator[Server]:
    """A server over a shelf, in a thread of this process."""
    held = listen("127.0.0.1", 0)
    port = held.getsockname()[1]
    app = application(shelf, port=port, key=KEY)
    made = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=made.run, kwargs={"sockets": [held]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not made.started:
        if time.monotonic() > deadline:
            raise ElmanError("the server did not start")
        time.sleep(0.02)
    yield Server(port, shelf.place)
    made.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def server(runs: Path) -> Iterator[Server]:
    """A server over the small runs."""
    with serving(Shelf(runs, "films-gru", explain=workbench.explain)) as made:
        yield made


@pytest.fixture(scope="session")
def more(more_runs: Path) -> Iterator[Server]:
    """A server over the runs of the other kinds."""
    with serving(Shelf(more_runs, "walks-gru", explain=workbench.explain)) as made:
        yield made


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium; tests are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@contextmanager
def tab_of(browser: Any, server: Server) -> Iterator[Any]:
    """A tab at the server's first page, with its key. Fails the test for an error on its console, or a request that leaves the machine."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    tab, wrong = context.new_page(), []
    tab.set_default_timeout(40_000)  # a machine with other work on it
    tab.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
    )
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    context.on(
        "request",
        lambda request: (
            None if request.url.startswith((server.address, "data:")) else wrong.append(request.url)
        ),
    )
    tab.goto(f"{server.address}/?key={KEY}")
    tab.wrong = wrong  # a test that provokes an error looks at it here, and clears it
    yield tab
    context.close()
    assert not wrong, wrong


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A tab on the small runs."""
    with tab_of(browser, server) as tab:
        yield tab


@pytest.fixture
def other(browser: Any, more: Server) -> Iterator[Any]:
    """A tab on the runs of the other kinds."""
    with tab_of(browser, more) as tab:
        yield tab
