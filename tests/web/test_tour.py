"""The tour, in a real browser: on a network whose answer is known, on runs of every kind, by keyboard alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from elman.cli.open import empty, shelf_of
from elman.web.pages.contract import Page
from elman.web.server import application, listen, pages

from .conftest import KEY, Server

KINDS = ("films-gru", "book-lstm", "sales-gru")
OTHERS = ("tags-lstm", "walks-gru")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `elman open` starts it in a place without runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("ELMAN_STATE", str(tmp_path_factory.mktemp("state")))
        patch.chdir(tmp_path_factory.mktemp("empty"))
        shelf = shelf_of(Path("runs"))
    held = listen("127.0.0.1", 0)
    port = held.getsockname()[1]
    app = application(shelf, port=port, key=KEY)
    made = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=made.run, kwargs={"sockets": [held]}, daemon=True)
    thread.start()
    while not made.started:
        time.sleep(0.02)
    yield Server(port, shelf.place)
    made.should_exit = True
    thread.join(10)


@pytest.fixture
def tab(browser: Any, known: Server) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    made, wrong = context.new_page(), []
    made.set_default_timeout(40_000)
    made.on("console", lambda one: wrong.append(one.text) if one.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.goto(f"{known.address}/?key={KEY}#tour")
    yield made
    context.close()
    assert not wrong, wrong


def step(tab: Any, number: int) -> None:
    tab.wait_for_function(
        f"() => document.getElementById('tour-card')?.textContent.includes('step {number} of')"
    )


def done(tab: Any) -> None:
    tab.wait_for_selector("#tour-card.done")
    assert "Done" in tab.inner_text("#tour-card")


def test_where_there_is_no_run_the_shipped_networks_are_opened(known: Server, tmp_path: Path) -> None:
    assert (
        set(known.json("/runs/parity/runs.json")["runs"][0]) and (known.folder / "bracket-counter").is_dir()
    )
    names = [row["name"] for row in known.json("/runs/parity/runs.json")["runs"]]
    assert names == ["bracket-counter", "parity"]
    assert empty(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "run.json").write_text("{}")
    assert not empty(tmp_path) and not empty(tmp_path / "one") and not empty(tmp_path / "absent")


def test_what_is_a_gate_on_the_bracket_counter(tab: Any) -> None:
    step(tab, 1)
    assert tab.evaluate("document.activeElement.tagName") == "H2"
    tab.fill("#text", "((a)((")
    done(tab)
    tab.wait_for_function("() => document.getElementById('answer').textContent.startsWith('3 ')")
    tab.click("text=Next")
    step(tab, 2)
    assert not tab.locator("#tour-card.done").count()
    tab.hover("#tokens li:nth-child(2)")
    done(tab)
    tab.click("text=Next")
    tab.wait_for_url("**/see")
    step(tab, 3)
    forget = "#cell .gauge[aria-label^='layer 1 forget gate']"
    tab.wait_for_selector(forget)
    assert "forget gate 1," in tab.get_attribute(forget, "aria-label")
    assert "forget gate" in tab.inner_text("#tour-card") and tab.locator("#text.pointed").count()
    tab.focus("#text")
    tab.keyboard.press("End")
    tab.keyboard.type(".")
    done(tab)
    tab.wait_for_function(
        "(one) => /forget gate \\d.*e-|forget gate 0,/.test(document.querySelector(one).getAttribute('aria-label'))",
        arg=forget,
    )
    tab.click("text=Next")
    step(tab, 4)
    tab.select_option("#map-reading", "layers.0.forward.c")
    tab.wait_for_function("() => document.getElementById('map-said').textContent.includes('state c')")
    tab.click("#map")
    done(tab)
    tab.wait_for_function("() => document.getElementById('legend').textContent.includes('state c, unit 0')")
    tab.click("text=Next")
    step(tab, 5)
    tab.fill("#text", "((a)((")
    tab.wait_for_function("() => document.querySelectorAll('#tokens li').length == 6")
    tab.select_option("#part", "layers.0.forward.c")
    tab.fill("#value", "10")
    tab.click("#change button")
    done(tab)
    tab.wait_for_selector("#after")
    assert tab.inner_text("#after").split()[1] == "5+" != tab.inner_text("#before").split()[1]
    tab.click("text=Next")
    tab.wait_for_url("**/trust")
    step(tab, 6)
    assert tab.locator(".verdict.pointed").count()
    tab.click("text=End")
    assert not tab.locator("#tour-card").count() and not tab.locator(".pointed").count()
    tab.reload()
    tab.wait_for_selector("#tour")
    tab.wait_for_timeout(300)
    assert not tab.locator("#tour-card").count()


def test_by_keyboard_alone_and_away_and_back(tab: Any, known: Server) -> None:
    step(tab, 1)
    for _ in range(3):  # Close, Show me: Back cannot be pressed
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.textContent") == "Show me":
            break
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "text"
    tab.keyboard.press("End")
    tab.keyboard.type("(")
    done(tab)
    tab.focus("text=Next")
    tab.keyboard.press("Enter")
    step(tab, 2)
    tab.goto(f"{known.address}/runs/parity/see")  # away: another run's tour, which has no gates
    step(tab, 2)
    tab.click("text=Go to Play")
    tab.wait_for_url("**/parity/play")
    step(tab, 2)
    tab.click("text=Next")
    tab.wait_for_url("**/parity/see")
    step(tab, 3)
    assert "no gates" in tab.inner_text("#tour-card")
    tab.keyboard.press("Escape")
    assert not tab.locator("#tour-card").count()
    assert tab.evaluate("document.activeElement.id") == "tour"


@pytest.mark.parametrize("run", KINDS)
@pytest.mark.parametrize("width", [360, 1280])
def test_every_step_of_every_kind_points_at_something(
    page: Any, server: Server, run: str, width: int
) -> None:
    every_step(page, server, run, width)


@pytest.mark.parametrize("run", OTHERS)
@pytest.mark.parametrize("width", [360, 1280])
def test_every_step_for_tags_and_series_too(other: Any, more: Server, run: str, width: int) -> None:
    every_step(other, more, run, width)


@pytest.mark.parametrize("run", OTHERS)
def test_what_is_done_in_a_tour_of_tags_or_series_is_ticked_off(other: Any, more: Server, run: str) -> None:
    typed = run.startswith("tags")
    other.goto(f"{more.address}/runs/{run}/play")
    other.wait_for_selector("#tokens li" if typed else "#track svg", state="attached")
    other.click("#tour")
    step(other, 1)
    if typed:
        other.fill("#text", "a dog hears the cat")
        other.wait_for_function("() => document.getElementById('tags').textContent.includes('hears')")
    else:
        other.wait_for_selector("#choices")
        other.focus("#choices")  # as a person does it: what a script chooses is not ticked off
        other.keyboard.press("ArrowDown")
    done(other)
    other.click("text=Next")
    step(other, 2)
    other.hover("#tokens li:nth-child(2)" if typed else "#track")
    done(other)
    other.click("text=Next")
    other.wait_for_url("**/see")
    step(other, 3)
    assert ("forget gate" if typed else "update gate") in other.inner_text("#tour-card")
    other.wait_for_selector("#cell .gauge")
    other.click("#back")
    done(other)
    other.click("text=Next")
    step(other, 4)
    other.click("#paint")
    done(other)
    other.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 0')")
    other.click("text=Next")
    step(other, 5)
    other.click("#change button")
    done(other)
    other.wait_for_function(
        "() => /moved by|stays as it is/.test(document.getElementById('moved').textContent)"
    )
    other.click("text=Next")
    other.wait_for_url("**/trust")
    step(other, 6)
    other.click("#tour-card button.first")
    assert not other.locator("#tour-card").count()


# Whether the last button of what is pointed at, or its middle, lies free: neither below the card nor below the strip of pages.
FREE = """(point) => { const one = document.querySelector(point), last = [...one.querySelectorAll("button")].filter((each) => each.checkVisibility()).at(-1) ?? one, box = last.getBoundingClientRect();
  const places = last === one ? [(box.top + box.bottom) / 2] : [box.top + 2, box.bottom - 2];
  return places.every((y) => last.contains(document.elementFromPoint(box.left + box.width / 2, y))); }"""


def every_step(page: Any, server: Server, run: str, width: int) -> None:
    """Each step's page is come to, something is pointed at that the card does not hide, and the card stands inside the window."""
    steps = server.json(f"/runs/{run}/tour.json")["steps"]
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(f"{server.address}/runs/{run}/play")
    page.click("#tour")
    for number, each in enumerate(steps, 1):
        page.wait_for_url(f"**/{each['page']}")
        step(page, number)
        page.wait_for_selector(".pointed", state="visible")
        assert page.locator(each["point"]).first.evaluate("one => one.classList.contains('pointed')")
        for _, where in each["done"]:
            page.wait_for_selector(where.split(",")[0], state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.wait_for_function(FREE, arg=each["point"])
        if each["point"] == "#change":
            page.wait_for_selector("#cell .gauge")
            page.click("#change button")
            page.wait_for_selector("#moved-badges li")
            page.wait_for_function(FREE, arg="#moved")  # and what came of it is seen
        if each["point"] == "#paint":
            page.wait_for_selector("#cell .gauge")
            page.click("#paint")
            page.wait_for_function("() => document.getElementById('legend').textContent.includes('unit')")
            page.wait_for_function(FREE, arg=each["then"])
        box = page.locator("#tour-card").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= 740
        page.click("#tour-card button.first")
    assert not page.locator("#tour-card").count()


def test_the_steps_are_in_the_words_of_the_run(server: Server, more: Server, known: Server) -> None:
    told = {run: server.json(f"/runs/{run}/tour.json")["steps"] for run in KINDS}
    told |= {run: more.json(f"/runs/{run}/tour.json")["steps"] for run in OTHERS}
    assert (
        "one word at a time" in told["tags-lstm"][0]["words"] and "Pick another" in told["walks-gru"][0]["do"]
    )
    assert "update gate" in told["films-gru"][2]["words"] and "forget gate" in told["book-lstm"][2]["words"]
    assert "next" in told["book-lstm"][0]["words"] and "past" in told["sales-gru"][0]["words"]
    own = known.json("/runs/bracket-counter/tour.json")["steps"]
    assert own[3]["words"] == "c is how many brackets are open since the last full stop."
    for each in [*own, *(one for steps in told.values() for one in steps)]:
        assert each["page"] in pages() and isinstance(pages()[each["page"]], Page)
        assert each["words"].endswith(".") and each["words"].count(". ") == 0
