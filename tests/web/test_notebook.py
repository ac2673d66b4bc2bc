"""`elman.view`: the widget's own module and messages in a real browser with Python behind it; what stays where no kernel answers."""

from __future__ import annotations

import json
import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.core.errors import UnknownName, UserError
from elman.core.results import Finding
from elman.report.assemble import write_findings
from elman.web.assets import HERE, modules
from elman.web.frame import Frame
from elman.web.frozen import document, frozen
from elman.web.notebook import answer
from elman.web.shelf import Shelf

from .conftest import Server

# A page that holds the widget as a notebook does: a model that knows its values, and sends to Python and hears from it.
HOST = """<!doctype html><html lang="en"><title>notebook</title><body><h1>A notebook</h1><div data-elman="BESIDE" id="beside">as it was</div><div id="cell"></div><script type="module">
const heard = [], values = VALUES;
window.hear = (message) => heard.forEach((one) => one(message));
const model = {
  get: (name) => values[name], send: (message) => SEND,
  on: (name, one) => { if (name === "msg:custom") heard.push(one); }, off: (name, one) => heard.splice(heard.indexOf(one), 1),
};
const widget = (await import(`data:text/javascript;base64,${btoa(unescape(encodeURIComponent(CODE)))}`)).default;
window.leave = widget.render({ model, el: document.getElementById("cell") });
</script></body></html>"""


@pytest.fixture(scope="module")
def widget(runs: Path) -> Any:
    pytest.importorskip("anywidget", reason="anywidget is not installed (extra `notebook`)")
    return elman.view(runs / "films-gru", "play")


class Notebook:
    """A tab with the widget in it, and the kernel's side of its messages, answered while the tab is waited for."""

    def __init__(self, browser: Any, widget: Any, place: Path, *, kernel: bool, width: int = 1000) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
        self.tab, self.wrong, self.asked = self.context.new_page(), [], queue.Queue[Any]()
        self.tab.set_default_timeout(40_000)
        self.tab.on(
            "console", lambda one: self.wrong.append(one.text) if one.type in ("error", "warning") else None
        )
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.context.on(
            "request",
            lambda one: (
                None if one.url.startswith(("file:", "data:", "about:")) else self.wrong.append(one.url)
            ),
        )
        self.widget = widget
        self.tab.expose_function("tell", self.asked.put)
        values = {name: getattr(widget, name) for name in ("title", "path", "frozen", "height", "beside")}
        text = HOST.replace("VALUES", json.dumps(values).replace("<", "\\u003c"))
        text = text.replace("BESIDE", widget.beside).replace(
            "SEND", "window.tell(message)" if kernel else '{ throw new Error("no comm"); }'
        )
        code = json.dumps((HERE / "static" / "widget.js").read_text("utf-8")).replace("<", "\\u003c")
        (place / "notebook.html").write_text(text.replace("CODE", code), encoding="utf-8")
        self.tab.goto((place / "notebook.html").as_uri())
        self.frame = self.tab.frame_locator("iframe")

    def until(self, held: Any, seconds: float = 15.0) -> None:
        """Answer what is asked until it holds."""
        for _ in range(int(seconds * 50)):
            try:
                self.tab.evaluate(
                    "one => window.hear(one)", answer(self.widget._frame, self.asked.get_nowait())
                )
            except queue.Empty:
                self.tab.wait_for_timeout(20)
            if held():
                return
        raise AssertionError(
            f"did not come true; the frame says {self.frame.locator('body').inner_text()[:400]}"
        )

    def says(self, selector: str, text: str) -> None:
        place = self.frame.locator(selector)
        self.until(lambda: place.count() and text in (place.first.inner_text() or ""))


@pytest.fixture
def notebook(browser: Any, widget: Any, tmp_path: Path) -> Iterator[Notebook]:
    made = Notebook(browser, widget, tmp_path, kernel=True)
    yield made
    made.context.close()
    assert not made.wrong, made.wrong


def test_typing_asks_the_kernel_and_repaints(notebook: Notebook) -> None:
    notebook.until(lambda: notebook.frame.locator("#text").count())
    notebook.frame.locator("#text").fill("a fine good film")
    notebook.says("#answer", "good")
    assert notebook.frame.locator("#tokens li").count() == 4
    notebook.frame.locator("#text").fill("a bad film")
    notebook.says("#answer", "bad")
    assert notebook.tab.is_hidden("#beside")
    notebook.frame.locator("#text").fill("x" * 30_000)  # longer than is read: cut by the field itself
    notebook.tab.evaluate("window.leave()")
    assert notebook.tab.is_visible("#beside")


def test_pages_follow_their_links_and_keep_the_sequence(notebook: Notebook) -> None:
    notebook.until(lambda: notebook.frame.locator("#text").count())
    notebook.frame.locator("#text").fill("a fine good film")
    notebook.says("#answer", "good")
    notebook.frame.locator("nav a", has_text="See").click()
    notebook.says("#cell-said", "step 4")
    assert notebook.frame.locator("#text").input_value() == "a fine good film"
    notebook.frame.locator("#units").fill("0, 1, 2, 3, 4, 5, 6, 7")
    notebook.frame.locator("#value").fill("-1")
    notebook.frame.locator("#change button").click()
    notebook.says("#moved", "moved by")
    notebook.frame.locator("#run").select_option("book-lstm")
    notebook.until(lambda: notebook.frame.locator("body[data-run=book-lstm]").count())
    notebook.frame.locator("#tour").click()
    notebook.says("#tour-card", "step 1 of")
    notebook.until(lambda: notebook.frame.locator("#text.pointed").count())


def test_a_job_runs_and_a_problem_is_told(notebook: Notebook) -> None:
    notebook.until(lambda: notebook.frame.locator("#text").count())
    status, text = notebook.widget._frame.ask(
        "POST", "/runs/films-gru/space/look", json.dumps({"text": "a fine film"})
    )
    number = json.loads(text)["job"]
    assert status == 200
    notebook.until(
        lambda: json.loads(notebook.widget._frame.ask("GET", f"/jobs/{number}.json")[1])["state"] == "done",
        60,
    )
    status, text = notebook.widget._frame.ask("POST", "/runs/films-gru/strip/read", json.dumps({"text": 5}))
    assert status == 400 and "a text is expected" in text


def test_the_frame_reaches_nothing_around_it(notebook: Notebook) -> None:
    notebook.until(lambda: notebook.frame.locator("#text").count())
    inner = next(one for one in notebook.tab.frames if one.parent_frame)
    assert (
        inner.evaluate("() => { try { return parent.document.title; } catch (error) { return error.name; } }")
        == "SecurityError"
    )
    assert inner.evaluate("() => self.origin") == "null"
    tried = inner.evaluate(
        "() => new Promise((done) => { const one = new Image(); one.onload = () => done('loaded'); one.onerror = () => done('refused'); one.src = 'http://127.0.0.1:9/x.png'; })"
    )
    ran = inner.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1'; document.body.append(one); return window.ran ?? 0; }"
    )
    assert (tried, ran) == ("refused", 0)
    assert any("Content Security Policy" in one for one in notebook.wrong)
    notebook.wrong.clear()


def test_messages_of_others_are_not_forwarded(notebook: Notebook) -> None:
    notebook.until(lambda: notebook.frame.locator("#text").count())
    notebook.says("#answer", "")
    notebook.tab.evaluate(
        "window.postMessage({ elman: true, kind: 'ask', id: 1, method: 'POST', path: '/runs/films-gru/runs/delete', body: '{}' }, '*')"
    )
    notebook.tab.wait_for_timeout(100)
    while not notebook.asked.empty():
        assert notebook.asked.get()["path"] != "/runs/films-gru/runs/delete"
    notebook.tab.evaluate("window.leave()")


def test_without_a_kernel_the_run_is_read(browser: Any, widget: Any, tmp_path: Path) -> None:
    for width in (360, 1000):
        made = Notebook(browser, widget, tmp_path, kernel=False, width=width)
        made.frame.locator("table").first.wait_for()
        body = made.frame.locator("body").inner_text()
        assert "films-gru" in body and "this network" in body and "majority" in body
        inner = next(one for one in made.tab.frames if one.parent_frame)
        assert inner.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not made.wrong
        made.context.close()


def test_the_output_that_is_stored_is_whole_and_plain(widget: Any, runs: Path) -> None:
    bundle = widget._repr_mimebundle_()[0]
    assert (
        "application/vnd.jupyter.widget-view+json" in bundle
        and bundle["text/plain"] == "elman.view('films-gru')"
    )
    text = bundle["text/html"]
    assert not re.search(r"<(script|link|iframe|style)|\son\w+=|https?:|javascript:", text)
    assert "this network" in text and text in widget.frozen
    first = json.loads((runs / "films-gru" / "views.json").read_text(encoding="utf-8"))["start"]["first"]
    assert first and all(f">{word}</span>" in text for word in first.split()) and "Coloured by" in text


def test_words_from_the_data_stay_words(runs: Path, browser: Any, tmp_path: Path) -> None:
    attack = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    subject = Shelf(runs, "films-gru").subject("films-gru")
    kept = {name: (subject.run.folder / name).read_bytes() for name in ("findings.json", "advice.json")}
    chart = {
        "mark": "bar",
        "data": {"values": [{"a": attack, "b": 1}]},
        "encoding": {"y": {"field": "a"}, "x": {"field": "b", "type": "quantitative"}},
    }
    try:
        write_findings(
            subject.run.folder,
            [Finding("errors", attack, attack, html=f"<b>kept</b>{attack}", chart=chart)],
            [],
        )
        fragment = frozen(subject)
    finally:
        for name, content in kept.items():
            (subject.run.folder / name).write_bytes(content)
    assert "<script" not in fragment and "<img src" not in fragment and "<b>kept</b>" in fragment
    tab, wrong = browser.new_page(), []
    tab.on("console", lambda one: wrong.append(one.text))
    (tmp_path / "frozen.html").write_text(
        document(fragment).replace("<details>", "<details open>"), encoding="utf-8"
    )
    tab.goto((tmp_path / "frozen.html").as_uri())
    assert tab.title() != "broken" and "onerror" in tab.inner_text("body") and not wrong
    assert tab.evaluate("document.querySelector('img').naturalWidth") > 100
    tab.close()


@pytest.mark.parametrize(
    "message",
    [None, [], {}, {"path": 5}, {"path": "x", "kind": "page"}, {"path": "/a", "kind": "ask", "body": 4}],
)
def test_a_message_that_makes_no_sense_is_answered_with_a_reason(runs: Path, message: Any) -> None:
    told = answer(Frame(Shelf(runs)), message)
    assert told["status"] >= 400


@pytest.mark.parametrize(
    "path",
    [
        "/runs/../secret/see",
        "/runs/%2e%2e%2fsecret/see",
        "/runs/secret/see",
        "//evil/see",
        "/static/../server.py",
    ],
)
def test_no_path_leaves_the_folder(runs: Path, path: str) -> None:
    made = Frame(Shelf(runs))
    assert made.ask("GET", path)[0] >= 400
    with pytest.raises(UserError):
        made.document(path)


def test_what_cannot_be_shown_is_refused(runs: Path) -> None:
    with pytest.raises(UnknownName):
        elman.view(runs / "films-gru", "nowhere")
    with pytest.raises(UserError, match="height"):
        elman.view(runs / "films-gru", height=5)


def test_the_modules_are_those_of_the_page(server: Server) -> None:
    import base64

    found = json.loads(modules())["imports"]
    assert set(found) == {f"elman/{path.name}" for path in (HERE / "static").glob("*.js")}
    for name, address in found.items():
        text = base64.b64decode(address.partition(",")[2]).decode()
        assert text.replace('"elman/', '"./').encode() == server.ask(f"/static/{name.partition('/')[2]}")[2]
        assert '"./' not in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_kernel_runs_it_and_the_notebook_keeps_what_is_read_without_one(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed (extra `notebook`)")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra `notebook`)")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `notebook`)")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra `notebook`)")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cell = nbformat.v4.new_code_cell(f"import elman\nelman.view({str(runs / 'films-gru')!r})")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    kept, shown = (one["data"] for one in notebook.cells[0].outputs if "data" in one)
    assert "this network" in kept["text/html"] and "<script" not in kept["text/html"]
    # An output with both would be shown as the widget alone by who turns a notebook into HTML: empty, offline.
    assert "text/html" not in shown and not any("widget" in kind for kind in kept)
    model = shown["application/vnd.jupyter.widget-view+json"]["model_id"]
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"][model]["state"]
    fragment = kept["text/html"].partition(">")[2].removesuffix("</div>")
    assert fragment in state["frozen"] and "sandbox" in state["_esm"]
    assert kept["text/html"].startswith(f'<div data-elman="{state["beside"]}">')
