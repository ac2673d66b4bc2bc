"""Play, in a real browser: type, hover, click, colour; the same numbers as Python gives."""

from __future__ import annotations

from typing import Any

import pytest

import elman

from .conftest import Server


def test_the_strip_says_what_predict_says(server: Server) -> None:
    text = "a fine good film"
    found = server.json("/runs/films-gru/strip/read", {"text": text})
    table = elman.predict(server.folder / "films-gru", [text])
    label, share = found["top"][-1][0]
    assert label == table["prediction"][0]
    assert share == pytest.approx(table[f"p({label})"][0], abs=1e-4)
    for step in range(len(found["steps"])):
        beginning = " ".join(found["steps"][: step + 1])
        there = elman.predict(server.folder / "films-gru", [beginning])
        assert found["line"]["values"][step] == pytest.approx(there[found["line"]["name"]][0], abs=1e-5)


def test_the_json_twin_says_what_the_page_shows(server: Server) -> None:
    twin = server.json("/runs/films-gru/play.json")
    assert twin["labels"] == ["bad", "good"] and twin["kind"] == "text"
    assert twin["verdict"][:20].encode() in server.ask("/runs/films-gru/play")[2]


def test_typing_repaints_the_answer(page: Any) -> None:
    page.wait_for_url("**/runs/films-gru/play")
    page.fill("#text", "")
    page.type("#text", "a fine good film")
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length == 4")
    page.wait_for_function("() => document.getElementById('answer').textContent.startsWith('good')")
    before = page.inner_text("#answer")
    page.fill("#text", "a bad film")
    page.wait_for_function("() => document.getElementById('answer').textContent.startsWith('bad')")
    assert page.inner_text("#answer") != before
    assert page.locator("#line svg path.stair").count() == 1


def test_pointing_at_a_step_tells_the_answer_there(page: Any) -> None:
    page.fill("#text", "a fine good film")
    page.hover("#tokens li:nth-child(2)")
    page.wait_for_selector("#inspector:not([hidden])")
    assert "fine" in page.inner_text("#inspector") and "%" in page.inner_text("#inspector")
    page.locator("#tokens li[tabindex='0']").focus()
    page.keyboard.press("Home")
    assert "step 1" in page.inner_text("#inspector")
    page.keyboard.press("ArrowRight")
    assert "step 2" in page.inner_text("#inspector")


def test_steps_are_coloured_by_attribution_and_units(page: Any) -> None:
    page.fill("#text", "a fine good film")
    page.get_by_text("attribution", exact=True).click()
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('Adds up')")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#tokens li')].some(one => one.style.background.includes('rgb'))"
    )
    page.get_by_text("a unit", exact=True).click()
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 0')")
    first = page.evaluate("[...document.querySelectorAll('#tokens li')].map(one => one.dataset.value).join()")
    page.fill("#unit", "3")
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 3')")
    assert (
        page.evaluate("[...document.querySelectorAll('#tokens li')].map(one => one.dataset.value).join()")
        != first
    )


def test_markup_that_is_typed_stays_text(page: Any) -> None:
    page.fill("#text", "<img src=x onerror=document.title='owned'> fine")
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length > 5")
    page.hover("#tokens li:nth-child(2)")
    assert page.locator("#strip img").count() == 0 and page.title() != "owned"


def test_an_error_is_told_on_the_page(page: Any, server: Server) -> None:
    answer = page.evaluate(
        "import('/static/api.js').then(api => api.ask('strip/unit', {text: 'a', reading: 'none', unit: 0}))"
    )
    assert answer is None
    assert "unknown reading" in page.inner_text("#problem")
    assert page.wrong and all("404" in one for one in page.wrong)
    page.wrong.clear()


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window(page: Any, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.fill("#text", "a fine good film " * 12)
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length == 48")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_has_a_name_for_those_who_cannot_see(page: Any) -> None:
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, textarea, a[href]')].filter(one =>
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).map(one => one.outerHTML)"""
    )
    assert nameless == []


def test_the_page_is_light(page: Any) -> None:
    sizes: list[int] = []
    page.on("response", lambda reply: sizes.append(len(reply.body())))
    page.reload()
    page.wait_for_function(
        "() => document.querySelectorAll('#tokens li').length > 0 || document.getElementById('text').value === ''"
    )
    assert 10_000 < sum(sizes) < 1.5e6
