"""What a reader sees: nothing stands where nothing was read, one colour means one thing, axes and lines are named, and narrow pages hold it all."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from elman.web import strip

from .conftest import Server

TEXT = "a fine good film"
RUN = "/runs/films-gru"
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_nothing_stands_where_nothing_was_read(page: Any, server: Server) -> None:
    """An empty text is no sequence: no token that nobody typed, no answer, no map without places."""
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_selector("#map")
    page.wait_for_selector("#cell .gauge")
    page.fill("#text", "")
    page.wait_for_function("() => document.getElementById('map-frame').hidden")
    assert page.locator("#tokens li").count() == page.locator("#cell .gauge").count() == 0
    assert "Type something" in page.inner_text("#legend") and "above" in page.inner_text("#cell-said")
    page.fill("#text", TEXT)
    page.wait_for_selector("#cell .gauge")
    assert page.is_visible("#map") and page.input_value("#last") == "4"
    page.goto(f"{server.address}{RUN}/play")
    page.wait_for_function("() => document.getElementById('answer').textContent.includes('%')")
    page.fill("#text", "")
    page.wait_for_function("() => document.getElementById('answer').textContent === '–'")
    assert page.locator("#line svg").count() == page.locator("#classes li").count() == 0


def test_what_moved_goes_with_the_sequence_that_it_was_of(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_function("() => document.getElementById('last').value === '4'")
    page.click("#change button")
    page.wait_for_selector("#after")
    page.fill("#text", "a bad film")
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 3")
    assert page.locator("#after").count() == 0 and "moved" not in page.inner_text("#moved")


def test_a_first_text_is_an_error_unless_the_user_was_faster(
    page: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no first text is known, there is something to look at all the same."""
    found = {
        "choices": [
            {"words": "a dull film", "text": "a dull film", "true": "bad", "said": "good", "error": 0.9}
        ]
    }
    monkeypatch.setitem(strip.ASKS, "errors", lambda subject, body: found)
    page.wait_for_load_state("networkidle")
    page.evaluate("sessionStorage.clear()")  # as who comes for the first time
    page.goto(f"{server.address}{RUN}/play")
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 3")
    assert page.input_value("#text") == "a dull film"
    assert page.locator("#choices option").inner_text() == "bad read as good: a dull film"
    page.fill("#text", TEXT)
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 4")
    page.wait_for_load_state("networkidle")
    assert page.input_value("#text") == TEXT


def test_orange_is_above_zero_wherever_a_unit_is_drawn(page: Any, server: Server) -> None:
    """In the sequence, on the map and in the bars of a step alike, as in the report."""
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_selector("#cell .gauge")
    values = server.json(f"{RUN}/see/look", {"text": TEXT, "layer": "layers.0.forward", "unit": 0})
    last = next(one for one in values["readings"] if one["name"] == "h")["values"][-1]
    warm = "(rgb) => { const [red, , blue] = rgb.match(/[0-9.]+/g).map(Number); return red > blue; }"
    page.click("#paint")
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 0')")
    token = page.evaluate(f"({warm})(document.querySelector('#tokens li:last-child').style.background)")
    bar = "[...document.querySelectorAll('#cell .gauge')].at(-1).querySelector('i')"
    gauge = page.evaluate(f"({warm})(getComputedStyle({bar}).backgroundColor)")
    place = """() => { const map = document.getElementById("map"), high = map.height / 8;
      return `rgb(${[...map.getContext("2d").getImageData(map.width - 8, Math.round(high / 2), 1, 1).data].slice(0, 3).join(",")})`; }"""
    assert token == gauge == page.evaluate(f"({warm})(({place})())") == (last > 0)


def test_rows_columns_and_colours_of_the_map_are_named(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_function(
        "(text) => document.getElementById('map-steps').textContent === text", arg=TEXT.replace(" ", "")
    )
    assert page.inner_text("#map-units").split("\n") == ["unit 0", "7"]
    assert page.locator("#map-steps span").all_inner_texts() == TEXT.split()
    assert page.inner_text("#map-key").startswith("−")


def test_words_on_an_axis_are_whole_or_left_out(page: Any, server: Server) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.address}{RUN}/play")
    page.fill("#text", " ".join([TEXT] * 5))
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 20")
    page.wait_for_timeout(100)
    said = page.locator("#line text.step").all_text_contents()
    assert 2 < len(said) < 20 and set(said) <= set(TEXT.split())


def test_a_network_that_reads_from_both_ends_says_why_space_is_empty(other: Any, more: Server) -> None:
    other.goto(f"{more.address}/runs/films-both-ways/space")
    other.wait_for_selector(".panel p[role=status]")
    assert "reads from both ends, and knows all of a sequence" in other.inner_text(".panel")
    assert other.is_hidden("#problem")


def test_what_is_narrow_holds_every_run(page: Any, server: Server) -> None:
    """On a phone each run has its score with its unit, its verdict and its state, none of it beyond the edge."""
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.address}{RUN}/runs")
    page.wait_for_selector("tr[data-run='sales-gru']")
    inside = """(row) => [...row.querySelectorAll(".score, .versus, .at, .net")].map((one) => one.getBoundingClientRect())
      .filter((box) => box.left >= 0 && box.right <= 360 && box.height > 10).length"""
    for name in (
        "films-gru",
        "sales-gru",
        "book-lstm",
    ):  # asked at once: the table is drawn anew now and then
        assert page.eval_on_selector(f"tr[data-run='{name}']", inside) == 4
        assert page.inner_text(f"tr[data-run='{name}'] .versus").endswith("its best rival")
    assert page.evaluate(WIDE) == 0
    assert (
        page.get_by_role("row").count() >= 4 and page.get_by_role("rowheader", name="films-gru").count() == 1
    )


def test_written_lines_break_between_words(page: Any, server: Server) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.address}/runs/book-lstm/play")
    page.fill("#text", "the ")
    page.fill("#length", "80")
    page.click("#write")
    page.wait_for_function("() => document.querySelectorAll('.token').length === 80")
    tops = page.evaluate(
        "[...document.querySelectorAll('.word')].map((word) => new Set([...word.querySelectorAll('button')].map((one) => Math.round(one.getBoundingClientRect().top))).size)"
    )
    assert len(tops) > 5 and set(tops) == {1}


def test_a_run_without_scores_is_drawn_and_left_out_of_the_comparison(page: Any, server: Server) -> None:
    """Who ticks a run in training wants its curve; that it cannot be compared yet is no error."""
    shutil.copytree(server.folder / "films-gru", server.folder / "films-young")
    try:
        (server.folder / "films-young" / "scores.json").unlink()
        page.goto(f"{server.address}{RUN}/runs")
        page.click("tr[data-run='films-young'] .tick-box")
        page.wait_for_function("() => document.getElementById('names').textContent.includes('films-young')")
        page.wait_for_load_state("networkidle")
        assert page.is_hidden("#problem") and page.is_hidden("#compare")
    finally:
        shutil.rmtree(server.folder / "films-young")


def test_what_went_wrong_is_seen_from_anywhere_on_the_page(page: Any, server: Server) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_selector("#cell .gauge")
    page.fill("#units", "99")
    page.click("#change button")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.evaluate("scrollY") > 300
    head, box = page.locator("header.bar").bounding_box(), page.locator("#problem").bounding_box()
    assert head["height"] <= box["y"] + 1 and box["y"] + box["height"] < 740
    assert "unit 99 of layer 1 state h (layers.0.forward.h)" in page.inner_text("#problem")
    page.wrong.clear()  # the browser tells of the refusal, too


def test_times_are_told_without_seconds_that_are_none(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/runs/sales-gru/see")
    page.wait_for_selector("#cell .gauge")
    names = page.evaluate(
        """async () => { const { visible } = await import("/static/api.js");
        return ["2010-10-18 23:00:00.000000", "2010-10-18T23:00:00", "2010-10-18 23:00:05", "2010-10-18", " "].map(visible); }"""
    )
    assert names == ["2010-10-18 23:00", "2010-10-18 23:00", "2010-10-18 23:00:05", "2010-10-18", "␣"]
    box = page.locator("#map-steps").bounding_box()
    spans = [one.bounding_box() for one in page.locator("#map-steps span").all()]
    assert len(spans) > 2
    for left, right in zip(spans, spans[1:]):
        assert left["x"] + left["width"] < right["x"]
    assert (
        spans[0]["x"] >= box["x"] - 1 and spans[-1]["x"] + spans[-1]["width"] <= box["x"] + box["width"] + 1
    )
