"""The views of a report: the page's own modules over answers that were kept, in a file, offline, with nothing that answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from elman.core.errors import RunError
from elman.examples import dataset_of
from elman.report.assemble import with_stored
from elman.run import Run
from elman.web import still as stilled
from elman.web.still import still
from elman.web.still_section import FILE, write_run_report

from .conftest import Server
from .test_quality import FAINT

MOST = 3_000_000  # bytes of a report
LEAST = """() => { document.querySelectorAll("details").forEach((one) => { one.open = true; });
  return Math.min(...[...document.querySelectorAll("svg text")].filter((one) => one.textContent.trim() && one.checkVisibility())
    .map((one) => { const { a, b } = one.getScreenCTM(); return parseFloat(getComputedStyle(one).fontSize) * Math.hypot(a, b); })); }"""


@contextmanager
def report(browser: Any, folder: Path, width: int = 1100, scheme: str = "light") -> Iterator[Any]:
    """A tab on a run's report. Fails for an error on its console, or a request beyond the file."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, color_scheme=scheme)
    tab, wrong = context.new_page(), []
    tab.set_default_timeout(40_000)
    tab.on("console", lambda one: wrong.append(one.text) if one.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    context.on(
        "request", lambda one: None if one.url.startswith(("file:", "data:")) else wrong.append(one.url)
    )
    tab.goto((folder / "report.html").as_uri())
    yield tab
    context.close()
    assert not wrong, wrong


def kept(folder: Path, question: str, **asked: Any) -> Any:
    answers = json.loads((folder / FILE).read_text(encoding="utf-8"))["answers"][question]
    return next(answer for body, answer in answers if body == asked)


def test_it_keeps_what_the_page_answers(server: Server) -> None:
    folder = server.folder / "films-gru"
    data = json.loads((folder / FILE).read_text(encoding="utf-8"))
    body = {"text": data["start"]["first"]}
    for question in ("strip/read", "strip/credit", "trust/why"):
        told = server.json(f"/runs/films-gru/{question}", body)
        for name, value in told.items():
            if isinstance(value, float):
                assert kept(folder, question)[name] == pytest.approx(value, rel=1e-3, abs=1e-6), (
                    question,
                    name,
                )
    read = server.json("/runs/films-gru/strip/read", body)
    assert kept(folder, "strip/read")["steps"] == read["steps"]
    assert kept(folder, "strip/read")["line"]["values"] == pytest.approx(read["line"]["values"], rel=1e-3)
    layer = data["start"]["layers"][0]["name"]
    look = server.json("/runs/films-gru/see/look", body | {"layer": layer, "unit": 3})
    mine = kept(folder, "see/look", layer=layer, unit=3)
    for one, other in zip(look["readings"], mine["readings"], strict=True):
        assert one["name"] == other["name"] and other["values"] == pytest.approx(
            one["values"], rel=1e-3, abs=1e-6
        )
    paint = server.json("/runs/films-gru/strip/unit", body | {"reading": f"{layer}.h", "unit": 3})
    assert kept(folder, "strip/unit", reading=f"{layer}.h", unit=3)["values"] == pytest.approx(
        paint["values"], rel=1e-3, abs=1e-6
    )
    change = data["start"]["change"]
    asked = {
        "part": f"{layer}.h",
        "units": [change["unit"]],
        "first": 0,
        "last": len(read["steps"]) - 1,
        "how": "mean",
    }
    assert change["found"]["moved"] == pytest.approx(
        server.json("/runs/films-gru/see/change", body | asked)["moved"], rel=1e-2, abs=1e-4
    )


def test_a_text_is_played_seen_trusted_and_placed(browser: Any, server: Server) -> None:
    folder = server.folder / "films-gru"
    count = len(kept(folder, "strip/read")["steps"])
    with report(browser, folder) as tab:
        tab.wait_for_selector("#tokens li")
        assert (
            tab.locator("#tokens li").count() == count
            and tab.locator("#text").get_attribute("readonly") is not None
        )
        assert {one.inner_text() for one in tab.locator("#sequence h2.page").all()} == {
            "Play",
            "See",
            "Trust",
            "Space",
        }
        assert "%" in tab.inner_text("#answer") and tab.locator("#line path.stair").count() == 1
        tab.wait_for_selector(".own-step")
        tab.hover("#tokens li:nth-child(2)")
        assert tab.locator(".plane").get_attribute("data-step") == "1"  # Space
        assert tab.input_value("#at") == "1" and "(step 2)" in tab.inner_text("#cell-said")  # See
        tab.click("#on")
        assert (
            tab.input_value("#at") == "2" and tab.locator("#tokens li.here").get_attribute("data-step") == "2"
        )
        for colour in ("loss", "attribution", "a unit"):
            tab.locator("#colour label", has_text=colour).click()
            tab.wait_for_function(
                "() => [...document.querySelectorAll('#tokens li')].some(one => one.style.background)"
            )
        tab.fill("#one", "5")
        tab.click("#paint")
        tab.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 5')")
        assert tab.locator("#why-badges li").count() == 2 and tab.locator("#curve path.named").count() == 1
        tab.wait_for_function("() => /moved|stays/.test(document.getElementById('moved').textContent)")
        assert tab.locator("#views form").count() == 0 and tab.is_hidden("#problem")


@pytest.mark.parametrize(
    "name", ["films-gru", "book-lstm", "sales-gru", "walks-gru", "tags-lstm", "films-both-ways"]
)
def test_every_kind_of_run_has_its_views(browser: Any, server: Server, more: Server, name: str) -> None:
    folder = (server if (server.folder / name).exists() else more).folder / name
    assert (folder / "report.html").stat().st_size < MOST
    both_ways = Run.open(folder).recipe.model.bidirectional  # the state has no one way then
    assert ('id="view-space"' in (folder / "report.html").read_text(encoding="utf-8")) != both_ways
    for width, scheme in ((360, "light"), (1100, "dark")):
        with report(browser, folder, width, scheme) as tab:
            tab.wait_for_selector("#tokens li, #track svg")
            tab.wait_for_selector("#cell .gauge")
            if tab.locator("#view-space").count():
                tab.wait_for_selector(".own-way", state="attached")
            tab.wait_for_timeout(300)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.is_hidden("#problem"), tab.inner_text("#problem")
            assert tab.evaluate(FAINT)["faint"] == []
            assert tab.evaluate(LEAST) > 9.9  # pixels of a chart's smallest letters, also on a phone
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            only = tab.inner_text("#only")
            assert "elman open" in only and "further questions" in only
            assert ("where else" in only) == (name != "sales-gru") and ("other networks" in only) != both_ways


def test_a_language_model_wrote_and_a_forecast_stands(browser: Any, server: Server) -> None:
    with report(browser, server.folder / "book-lstm") as tab:
        tab.click("#write")
        tab.wait_for_selector("#written button")
        written = kept(server.folder / "book-lstm", "play/write", after=[])
        assert tab.locator("#written button").count() == len(written["tokens"]) and tab.is_disabled(
            "#temperature"
        )
        tab.locator("#written button").nth(3).click()
        tab.locator("#others button").first.click()  # to go on from there needs the network
        tab.wait_for_selector("#problem:not([hidden])")
        assert "elman open" in tab.inner_text("#problem")
    with report(browser, server.folder / "sales-gru") as tab:
        tab.wait_for_selector("#fan path.ahead")
        before = tab.inner_text("#answer")
        box = tab.locator("#fan svg").bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
        tab.mouse.down()
        tab.mouse.move(box["x"] + box["width"] / 3, box["y"] + 20, steps=4)
        tab.mouse.up()
        assert tab.inner_text("#answer") == before and tab.locator("#known").count() == 0


def test_units_that_are_not_kept_are_told(
    browser: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "films-gru"
    shutil.copytree(server.folder / "films-gru", folder)
    run = Run.open(folder)
    monkeypatch.setattr(stilled, "ROOM", 1)
    seen = still(run, dataset_of(run), with_stored(folder, ()))
    assert seen is not None and {len(one["units"]) for one in seen["start"]["kept"].values()} == {4}
    (folder / FILE).write_text(json.dumps(seen), encoding="utf-8")
    write_run_report(run)
    layer, units = next((name, one["units"]) for name, one in seen["start"]["kept"].items())
    with report(browser, folder) as tab:
        tab.wait_for_selector("#cell .gauge")
        assert "8 units, of which 4" in tab.inner_text("#sequence")
        tab.fill("input#one", str(next(k for k in range(8) if k not in units)))
        tab.wait_for_selector("#problem:not([hidden])")
        assert layer == "layers.0.forward"
        assert f"units of layer 1 {', '.join(map(str, units))}" in tab.inner_text("#problem")
        tab.fill("input#one", str(units[-1]))
        tab.wait_for_selector("#problem", state="hidden")


def test_words_from_the_data_stay_words(browser: Any, server: Server, tmp_path: Path) -> None:
    attack = (
        "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
    )
    folder = tmp_path / "films-gru"
    shutil.copytree(server.folder / "films-gru", folder)
    seen = json.loads((folder / FILE).read_text(encoding="utf-8"))
    seen["name"] = seen["title"] = seen["start"]["first"] = attack
    seen["start"]["change"]["words"] = attack
    seen["answers"]["strip/read"][0][1]["steps"][0] = attack
    seen["answers"]["space/look"][0][1]["sentence"] = attack
    (folder / FILE).write_text(json.dumps(seen), encoding="utf-8")
    write_run_report(Run.open(folder))
    with report(browser, folder) as tab:
        tab.wait_for_selector(".own-step")
        assert tab.title() != "broken" and "onerror" in tab.inner_text("#tokens li")
        assert tab.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("text", ["[]", '{"start": {}}', '{"start": 5, "answers": {}}', "{"])
def test_views_that_are_damaged_are_told(server: Server, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "films-gru"
    shutil.copytree(server.folder / "films-gru", folder)
    (folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        write_run_report(Run.open(folder))
    (folder / FILE).unlink()
    assert 'id="sequence"' not in write_run_report(Run.open(folder)).read_text(encoding="utf-8")
