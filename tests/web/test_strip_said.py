"""What the strip says of the sequences to pick from, and of its colours: neither writes over the other, in whatever order answers come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from elman.web import strip

from .conftest import Server

FILMS = "/runs/films-gru/play"


class Held:
    """A question of the strip that is answered only once it is let go."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.go, real = threading.Event(), threading.Event(), strip.ASKS[name]

        def later(*given: Any) -> Any:
            self.asked.set()
            assert self.go.wait(20)
            return real(*given)

        monkeypatch.setitem(strip.ASKS, name, later)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made: list[Held] = []

    def hold(name: str) -> Held:
        made.append(Held(name, monkeypatch))
        return made[-1]

    yield hold
    for each in made:
        each.go.set()


def test_that_there_are_no_errors_stays_when_an_earlier_reading_ends(
    page: Any, server: Server, monkeypatch: pytest.MonkeyPatch, held: Any
) -> None:
    monkeypatch.setitem(strip.ASKS, "errors", lambda subject, body: {"choices": []})
    page.goto(f"{server.address}{FILMS}")
    page.wait_for_load_state("networkidle")
    reading = held("read")
    page.fill("#text", "a fine film")
    assert reading.asked.wait(10)
    page.click("#errors")
    page.wait_for_function("() => document.getElementById('strip').innerText.includes('There are none.')")
    reading.go.set()
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 3")
    page.wait_for_timeout(100)
    assert "There are none." in page.inner_text("#strip")


@pytest.mark.parametrize("colour", ["none", "loss", "credit"])
def test_what_is_said_of_the_choices_stands_beside_any_colour(
    other: Any, more: Server, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    monkeypatch.setattr(strip, "worst", lambda run, data: [])
    other.goto(f"{more.address}/runs/walks-gru/play")
    other.wait_for_selector("#track svg")
    other.click(f"#colour input[value={colour}] + span")
    said = {"none": "", "loss": "in bits", "credit": "Adds up"}[colour]
    other.wait_for_function(
        "(said) => document.getElementById('legend').textContent.includes(said)", arg=said
    )
    with other.expect_response("**/strip/read"):
        other.click("#errors")
    other.wait_for_load_state("networkidle")
    other.wait_for_timeout(100)
    assert "these it got right" in other.inner_text("#strip")


def test_a_colour_that_is_left_says_nothing_more(page: Any, server: Server, held: Any) -> None:
    page.goto(f"{server.address}{FILMS}")
    page.fill("#text", "a fine film")
    page.wait_for_function("() => document.querySelectorAll('#tokens li').length === 3")
    credit = held("credit")
    page.click("#colour input[value=credit] + span")
    assert credit.asked.wait(10)
    page.click("#colour input[value=loss] + span")
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('in bits')")
    page.wait_for_timeout(600)  # after 400 ms it is said that attribution is being asked for
    assert "in bits" in page.inner_text("#legend")
    with page.expect_response("**/strip/credit"):
        credit.go.set()
    page.wait_for_timeout(100)
    assert "in bits" in page.inner_text("#legend")
