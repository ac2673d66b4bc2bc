"""Long sequences: what would keep the page waiting runs as a job that says how far it is, can be cancelled, and answers the same."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from elman.interpretation import walk
from elman.web import long, strip
from elman.web.server import pages
from elman.web.shelf import Shelf

from .conftest import Server

RUN = "/runs/walks-gru"
STEPS = 6_000
LONG = 2_000  # steps from which a question of these tests may be endless
ASKED = {
    "strip/read": {}, "strip/credit": {}, "strip/unit": {"reading": "layers.0.forward.h", "unit": 2},
    "see/look": {"layer": "layers.0.forward", "unit": 1}, "see/map": {"reading": "layers.0.forward.update_gate"},
    "see/change": {"part": "layers.0.forward.h", "units": [0], "first": 0, "last": 599, "how": "clamp", "value": 0.5}, "trust/why": {},
}  # fmt: skip


def table(steps: int) -> str:
    values = np.random.default_rng(1).normal(size=steps).cumsum() / 10
    return "value\n" + "\n".join(f"{each:.3f}" for each in values) + "\n"


@pytest.fixture(scope="module")
def series(more: Server) -> str:
    found = more.json(f"{RUN}/strip/file", {"name": "walk.csv", "content": table(STEPS)})
    return str(found["choices"][0]["series"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "PATIENCE", 0.0)


def done(server: Server, number: str) -> dict[str, Any]:
    deadline = time.monotonic() + 300  # for a machine that others use, too
    while (told := server.json(f"/jobs/{number}.json"))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, told
        time.sleep(0.02)
    return dict(told)


@pytest.mark.parametrize("ask", ASKED)
def test_a_job_answers_what_the_page_would(
    more: Server, series: str, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    body = ASKED[ask] | {"series": series}
    monkeypatch.setattr(long, "PATIENCE", 1e9)
    direct = more.json(f"{RUN}/{ask}", body)
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    begun = more.json(f"{RUN}/{ask}", body)
    assert f"{STEPS:,} steps" in done(more, begun["job"])["words"]
    told = done(more, begun["job"])
    assert told["state"] == "done", told
    for one, two in zip(numbers(told["answer"]), numbers(direct), strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-3)


def numbers(value: Any) -> Iterator[float]:
    """All numbers of a JSON value, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, (int, float)):
        yield float(value)


def test_spans_like_a_long_one_are_sought_by_a_job(
    more: Server, series: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"series": series, "first": 0, "last": 3, "reading": "layers.0.forward.h"}
    monkeypatch.setattr(long, "PATIENCE", 1e9)
    direct = more.json(f"{RUN}/see/like", body)
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    told = done(more, more.json(f"{RUN}/see/like", body)["job"])
    assert told["state"] == "done"
    assert [one["likeness"] for one in told["answer"]["found"]] == pytest.approx(
        [one["likeness"] for one in direct["found"]], abs=1e-4
    )


def test_a_short_sequence_is_answered_at_once(more: Server) -> None:
    found = more.json(f"{RUN}/strip/file", {"name": "walk.csv", "content": table(900)})
    told = more.json(f"{RUN}/strip/read", {"series": found["choices"][0]["series"]})
    assert "job" not in told and len(told["steps"]) == 600


class Told:
    """Stands for a job: keeps what it is told."""

    def __init__(self, shares: list[float]) -> None:
        self.shares = shares

    def __call__(self, share: float, words: str) -> None:
        self.shares.append(share)


def test_the_share_is_that_of_the_steps_that_were_read(
    more: Server, series: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question counts what it reads: a bar that stands at 5% or at 99% for most of the time would tell nothing."""
    subject = Shelf(more.folder).subject("walks-gru")
    subject.keep(series, np.random.default_rng(1).normal(size=(STEPS, 1)))
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    for ask, extra in ASKED.items():
        page, name = ask.split("/")
        asks, work = (strip.ASKS, strip.WORK) if page == "strip" else (pages()[page].asks, pages()[page].work)
        shares: list[float] = []
        body = extra | {"series": series}
        cost = long.cost(subject, body, work[name])
        assert cost is not None
        long.answered(subject, body, asks[name], cost, Told(shares))  # type: ignore[arg-type]
        assert 0.6 <= shares[-1] <= 0.99 and len(shares) >= 3, (ask, shares[-5:])


def endless(monkeypatch: pytest.MonkeyPatch, asks: Any, name: str) -> None:
    """Asked about a long sequence, this question goes on reading it until its job is cancelled: no machine is too fast for that."""
    real = asks[name]

    def ask(subject: Any, body: Any) -> Any:
        while len(subject.kept(body["series"])) > LONG:
            strip.read(subject, body)
        return real(subject, body)

    monkeypatch.setitem(asks, name, ask)


def test_a_job_is_cancelled_on_its_way_and_the_page_goes_on(
    more: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    endless(monkeypatch, pages()["trust"].asks, "why")
    found = more.json(f"{RUN}/strip/file", {"name": "walk.csv", "content": table(3_000)})
    body = {"series": found["choices"][0]["series"]}
    number = more.json(f"{RUN}/trust/why", body)["job"]
    while more.json(f"/jobs/{number}.json")["share"] == 0:
        time.sleep(0.02)
    short = more.json(f"{RUN}/strip/file", {"name": "walk.csv", "content": table(50)})["choices"][0]
    monkeypatch.setattr(long, "PATIENCE", 1e9)
    assert more.json(f"{RUN}/strip/credit", {"series": short["series"]})["residual"] < 0.1
    assert more.json(f"/jobs/{number}.json")["state"] == "running"
    more.json(f"/jobs/{number}/cancel", {})
    assert done(more, number)["state"] == "cancelled"
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    again = more.json(f"{RUN}/strip/read", body)  # nothing of the cancelled one is left
    assert done(more, again["job"])["state"] == "done"


def test_a_long_sequence_that_is_wrong_is_refused(more: Server, series: str, impatient: None) -> None:
    assert more.ask(f"{RUN}/strip/read", {"series": "none"})[0] == 400
    number = more.json(f"{RUN}/see/map", {"series": series, "reading": "none"})["job"]
    assert "none" in done(more, number)["error"]


def test_few_beginnings_of_a_long_sequence_are_asked_about() -> None:
    assert walk.prefixes(20) == 20 and walk.prefixes(5_000) == 48
    assert walk.prefixes(100_000) * 50_000 <= walk.MOST_STEPS and walk.prefixes(10**7) == walk.FEWEST


def test_the_answer_to_a_hundred_thousand_steps_is_thin(more: Server) -> None:
    found = more.json(f"{RUN}/strip/file", {"name": "walk.csv", "content": table(100_000)})
    body = {"series": found["choices"][0]["series"]}
    told = more.json(f"{RUN}/strip/read", body)
    told = done(more, told["job"])["answer"] if "job" in told else told
    assert told["count"] == 100_000 and len(told["steps"]) == 600 and len(json.dumps(told)) < 120_000


def dropped(tab: Any, name: str, content: str) -> None:
    tab.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": content.encode()})


def test_the_page_shows_progress_and_cancels(
    other: Any, more: Server, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.set_default_timeout(60_000)  # every question is a job here, one after the other
    endless(monkeypatch, pages()["trust"].asks, "why")
    other.goto(f"{more.address}{RUN}/trust")
    other.wait_for_selector("#curve path.named")
    before = other.inner_text("#why-said")
    dropped(other, "walk.csv", table(3_000))
    other.wait_for_selector("#working button[aria-label*=why]")
    other.wait_for_function("() => document.getElementById('working').textContent.includes('3,000 steps')")
    other.wait_for_function("() => document.querySelector('#working progress').value > 0")
    assert "over 600 steps" in other.get_attribute("#track svg", "aria-label")
    other.click("#working button")
    other.wait_for_selector("#problem:not([hidden])")
    assert "Stopped" in other.inner_text("#problem") and not other.locator("#working").count()
    assert other.inner_text("#why-said") == before
    dropped(other, "walk.csv", table(900))
    other.wait_for_function(
        "(was) => document.getElementById('why-said').innerText.startsWith('For ') && document.getElementById('why-said').innerText !== was",
        arg=before,
    )
    assert other.is_hidden("#problem") and "random orders" not in other.inner_text("#why-badges")


def test_a_newer_question_ends_the_older_ones_job(
    other: Any, more: Server, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.set_default_timeout(60_000)  # every question is a job here, one after the other
    endless(monkeypatch, strip.ASKS, "credit")
    other.goto(f"{more.address}{RUN}/play")
    other.wait_for_selector("#track svg")
    dropped(other, "walk.csv", table(3_000))
    other.wait_for_function(
        "() => document.querySelector('#track svg')?.getAttribute('aria-label').includes('600')"
    )
    other.click("#colour input[value=credit] + span")
    other.wait_for_function("() => document.getElementById('working')?.textContent.includes('3,000 steps')")
    dropped(other, "walk.csv", table(400))
    other.wait_for_function("() => document.getElementById('legend').textContent.includes('Adds up')")
    other.wait_for_function("() => !document.getElementById('working')")
    deadline = time.monotonic() + 60
    while any(job["state"] in ("waiting", "running") for job in more.json("/jobs.json")["jobs"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert other.is_hidden("#problem")
