"""Every page, for who has no mouse and for who sees nothing: names, the Tab key, focus that can be seen, headings, what is told when it changes."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Server

PAGES = ("play", "see", "trust", "space", "runs")
PLACES = [("films-gru", page) for page in PAGES] + [
    ("book-lstm", "play"),
    ("sales-gru", "play"),
    ("sales-gru", "see"),
]
OTHERS = [("tags-lstm", "play"), ("tags-lstm", "see"), ("walks-gru", "play"), ("walks-gru", "trust")]
CONTROLS = "button, input, select, textarea, a[href], summary, [tabindex], [role=slider], [role=button]"

# The name that a screen reader says, as far as these pages use the rules (accname 1.2): label of others, own label, labels, content, title.
NAMELESS = """(controls) => {
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[hidden]");
  const text = (one) => (one.getAttribute("aria-label") || one.textContent || "").trim();
  const name = (one) => (one.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean).map((id) => text(document.getElementById(id))).join(" ")
    || one.getAttribute("aria-label") || [...(one.labels || [])].map((label) => [...label.childNodes].filter((node) => node !== one && !node.contains?.(one) || node.nodeType === 3 || node.querySelector?.("legend")).map((node) => node.nodeType === 3 ? node.textContent : text(node)).join("")).join(" ").trim()
    || (["SELECT", "TEXTAREA", "INPUT"].includes(one.tagName) ? one.title : text(one));
  return [...document.querySelectorAll(controls)].filter((one) => shown(one) && one.getAttribute("tabindex") !== "-1" && !name(one).trim()).map((one) => one.outerHTML.slice(0, 120));
}"""
# What can be come to by Tab: of a group of radio buttons one, of steps one.
WANTED = """(controls) => [...document.querySelectorAll(controls)].filter((one) => {
  if (!one.checkVisibility({ visibilityProperty: true }) || one.closest("[hidden]") || one.disabled || one.tabIndex < 0) return false;
  if (one.type === "radio") return one.checked;
  return true;
}).map((one, k) => { one.dataset.reach = k; return one.outerHTML.slice(0, 100); })"""
# How the focused element looks; asked again without focus, so that a focus that nobody sees is told.
LOOK = """() => { const one = document.activeElement; const of = (each) => { const s = getComputedStyle(each); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join("|"); };
  const beside = one.nextElementSibling, look = (each) => of(each) + (beside ? of(beside) : "") + (each.closest("label, .choice, .button") ? of(each.closest("label, .choice, .button")) : "");
  return { at: one.dataset.reach ?? null, html: one.outerHTML.slice(0, 100), look: look(one) }; }"""
BARE = """(reach) => { const one = document.querySelector(`[data-reach="${reach}"]`); one.blur(); const of = (each) => { const s = getComputedStyle(each); return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join("|"); };
  const beside = one.nextElementSibling; const look = of(one) + (beside ? of(beside) : "") + (one.closest("label, .choice, .button") ? of(one.closest("label, .choice, .button")) : ""); one.focus({ preventScroll: true }); return look; }"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].filter((one) => !one.closest('[hidden]')).map((one) => [Number(one.tagName[1]), one.textContent.trim()])"


def ready(tab: Any, server: Server, run: str, which: str) -> None:
    tab.goto(f"{server.address}/runs/{run}/{which}")
    if which != "runs":
        if tab.locator("#text").count():
            tab.fill("#text", "a fine film" if run == "films-gru" else "the cat sees a dog")
        tab.wait_for_selector("#tokens li, #track svg")
    tab.wait_for_selector("#tour:not([disabled])")
    tab.wait_for_timeout(500)
    tab.wait_for_function(
        "() => !document.querySelector('.job')", timeout=60_000
    )  # whose Cancel comes and goes


def everything(tab: Any) -> None:
    """What a page shows only when asked for: a colour by unit, details."""
    if tab.locator("#colour").count():
        tab.click("#colour input[value=unit] + span")
        tab.wait_for_function("() => document.getElementById('reading').options.length")
    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    tab.wait_for_timeout(200)


def check(tab: Any, server: Server, run: str, which: str) -> None:
    ready(tab, server, run, which)
    everything(tab)
    assert tab.evaluate(NAMELESS, CONTROLS) == []
    wanted = tab.evaluate(WANTED, CONTROLS)
    assert len(wanted) >= 10
    tab.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    reached: set[int] = set()
    for _ in range(len(wanted) + 40):
        tab.keyboard.press("Tab")
        seen = tab.evaluate(LOOK)
        if seen["at"] is None or int(seen["at"]) in reached:
            if len(reached) == len(wanted):
                break
            continue
        reached.add(int(seen["at"]))
        assert tab.evaluate(BARE, seen["at"]) != seen["look"], f"focus cannot be seen: {seen['html']}"
    missed = [one for k, one in enumerate(wanted) if k not in reached]
    assert not missed, missed
    headings = tab.evaluate(HEADINGS)
    levels = [level for level, _ in headings]
    assert levels[0] == 1 and levels.count(1) == 1 and all(text for _, text in headings), headings
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:])), headings
    assert tab.locator("[aria-live], [role=alert], [role=status]").count() >= (2 if which != "runs" else 1)
    assert (
        tab.locator("main").count() == 1 and tab.locator("nav[aria-label] [aria-current=page]").count() == 1
    )


@pytest.mark.parametrize(("run", "which"), PLACES)
def test_everything_has_a_name_and_is_reached(page: Any, server: Server, run: str, which: str) -> None:
    check(page, server, run, which)


@pytest.mark.parametrize(("run", "which"), OTHERS)
def test_the_same_for_the_other_kinds(other: Any, more: Server, run: str, which: str) -> None:
    check(other, more, run, which)


def test_what_has_no_name_no_focus_or_no_way_to_it_would_be_found(page: Any, server: Server) -> None:
    ready(page, server, "films-gru", "play")
    page.evaluate("document.getElementById('tour').textContent = ''")
    assert len(page.evaluate(NAMELESS, CONTROLS)) == 1
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin', '<label>x<select id=\"y\"></select></label><input id=\"z\">')"
    )
    assert any('id="z"' in one for one in page.evaluate(NAMELESS, CONTROLS)) and not any(
        'id="y"' in one for one in page.evaluate(NAMELESS, CONTROLS)
    )
    page.evaluate("document.querySelector('#tour').style.outline = 'none'")
    page.evaluate(WANTED, CONTROLS)
    page.focus("#tour")
    seen = page.evaluate(LOOK)
    assert page.evaluate(BARE, seen["at"]) == seen["look"]


@pytest.mark.parametrize("place", ["/", "/nowhere"])
def test_pages_without_a_run_have_headings_and_names(page: Any, server: Server, place: str) -> None:
    page.goto(f"{server.address}{place}")
    assert page.evaluate(NAMELESS, CONTROLS) == []
    assert page.evaluate(HEADINGS)[0][0] == 1
    page.wrong.clear()


def test_the_strip_tells_what_changes(page: Any, server: Server) -> None:
    """A live region must be there before what it tells: a new one is not read out."""
    page.goto(f"{server.address}/runs/films-gru/play")
    live = page.evaluate(
        "[...document.querySelectorAll('[aria-live], [role=alert], [role=status]')].map((one) => one.id)"
    )
    assert {"answer", "legend", "offered", "inspector", "problem"} <= set(live)
    page.fill("#text", "a fine good film")
    page.wait_for_function("() => document.getElementById('answer').textContent.includes('good')")
