"""A layer of 2,000 units: what is sent of it is thinned on the server, and no points are sought in a state that large."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from elman import workbench
from elman.web.pages import space
from elman.web.shelf import Shelf

from .conftest import Server, serving, tab_of

UNITS = 2_000
RUN = "/runs/large"
TEXT = "a good film " * 66  # 198 steps
MOST = 100_000  # bytes of an answer


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("large")
    table = place / "films.csv"
    rows = [f"a {word} film {n},{word}" for n in range(30) for word in ("good", "bad")]
    table.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    workbench.fit(
        str(table), out=place / "runs" / "large", cell="indrnn", hidden_size=UNITS, steps=1, explained=False, rivals=("majority",),
        seed=0, bidirectional=False, listener=None,
    )  # fmt: skip
    with serving(Shelf(place / "runs", "large")) as made:
        yield made


@pytest.mark.parametrize(
    "ask", ["strip/read", "strip/units", "strip/unit", "strip/credit", "see/look", "see/map", "see/change"]
)
def test_what_is_sent_of_it_is_thin(large: Server, ask: str) -> None:
    body = {
        "text": TEXT, "layer": "layers.0.forward", "unit": 1_999, "reading": "layers.0.forward.h", "part": "layers.0.forward.h",
        "units": [3], "first": 0, "last": 5, "how": "clamp", "value": 0,
    }  # fmt: skip
    told = large.json(f"{RUN}/{ask}", body)
    while told.get("state") in ("waiting", "running"):
        time.sleep(0.05)
        told = large.json(f"/jobs/{told['job']}.json")
    told = told.get("answer", told)
    assert told and len(json.dumps(told)) < MOST
    if ask == "see/map":
        assert len(told["cells"]) == 96 and told["count"] == UNITS and told["units"][-1] > 1_900


def test_its_state_is_drawn_in_space_without_points(large: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space.LARGE < UNITS
    told: dict[str, Any] = large.json(f"{RUN}/space/look", {})
    deadline = time.monotonic() + 120
    while told["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        told = large.json(f"/jobs/{told['job']}.json")
    answer = told["answer"]
    assert answer["points"] == [] and not answer["sought"] and answer["size"] == UNITS and answer["paths"]
    assert len(json.dumps(answer)) < MOST
    assert len(large.json(f"{RUN}/space/path", {"text": TEXT})["path"]) == 198


def test_the_page_draws_it(browser: Any, large: Server) -> None:
    with tab_of(browser, large) as tab:
        tab.goto(f"{large.address}{RUN}/see")
        tab.fill("#text", TEXT)
        tab.wait_for_function(
            "() => document.getElementById('map-said').textContent.includes('2,000 units in 96 rows')"
        )
        tab.fill("#one", "1999")
        tab.wait_for_function("() => document.getElementById('cell-said').textContent.includes('unit 1999')")
        tab.goto(f"{large.address}{RUN}/space")
        tab.wait_for_selector("figure.plane svg", timeout=60_000)
        tab.click("summary")
        said = tab.inner_text("#panels")
        assert (
            "were not sought: the state holds 2,000 numbers. elman explain large dynamics seeks them." in said
        )
