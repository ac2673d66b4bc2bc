"""A language model that writes token by token: the same draw as `generate`, and alternatives that are its own probabilities."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import elman
from elman.core.errors import RecipeError
from elman.generation import Written, write
from elman.web import long
from elman.web.pages import play

from .conftest import Server


def test_written_tokens_are_those_of_generate(server: Server) -> None:
    run = server.folder / "book-lstm"
    whole = elman.generate(run, "the ", length=30, seed=3, temperature=0.7, top_k=4)
    found = list(write(run, "the ", length=30, seed=3, temperature=0.7, top_k=4))
    assert "the " + "".join(one.token for one in found) == whole


def test_alternatives_are_the_probabilities_after_what_was_written(server: Server) -> None:
    run = elman.Run.open(server.folder / "book-lstm")
    before = list(write(run, "the c", length=3, seed=0))
    numbers = [one.number for one in before]
    one = next(write(run, "the c", numbers, length=1, temperature=0, shown=3))
    read = torch.tensor([[*run.encoder.text.encode("the c").tolist(), *numbers]])
    with torch.no_grad():
        logits = run.network(read).values[0, -1]
    logits[:2] = float("-inf")
    shares = logits.softmax(-1)
    assert one.share == pytest.approx(float(shares.max()), abs=1e-5) and one.number == int(shares.argmax())
    assert [share for _, _, share in one.others] == pytest.approx(shares.topk(3).values.tolist(), abs=1e-5)


def test_what_cannot_be_written_is_refused(server: Server) -> None:
    with pytest.raises(RecipeError, match="cannot be written"):
        next(write(server.folder / "book-lstm", "a", [1]))
    with pytest.raises(RecipeError, match="language model"):
        next(write(server.folder / "films-gru", "a"))
    for wrong in (
        {"length": 0},
        {"length": 10**6},
        {"temperature": -1},
        {"top_k": 0},
        {"after": ["x"]},
        {"text": 3},
    ):
        status, _, _ = server.ask("/runs/book-lstm/play/write", {"text": "the "} | wrong)
        assert status == 400, wrong


def test_a_token_is_exchanged_for_another(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/runs/book-lstm/play")
    page.fill("#text", "the ")
    page.fill("#length", "20")
    page.click("#write")
    page.wait_for_function("() => document.querySelectorAll('.token').length == 20")
    page.locator(".token").nth(2).click()
    page.wait_for_selector("#others button")
    kept = page.evaluate("[...document.querySelectorAll('.token')].slice(0, 2).map(one => one.textContent)")
    wanted = page.locator("#others button").first.inner_text().split()[0]
    page.locator("#others button").first.click()
    page.wait_for_function("() => document.querySelectorAll('.token').length == 23")
    now = page.evaluate("[...document.querySelectorAll('.token')].slice(0, 3).map(one => one.textContent)")
    assert now[:2] == kept and now[2].replace(" ", "␣") == wanted
    page.locator(".token[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "Instead of" in page.inner_text("#others")


class Slow:
    """`write` that waits before each token until it is let go, and says when it has ended."""

    def __init__(self) -> None:
        self.go, self.ended = threading.Semaphore(0), threading.Event()

    def __call__(self, *given: Any, **options: Any) -> Iterator[Written]:
        try:
            for each in write(*given, **options):
                assert self.go.acquire(timeout=20)
                yield each
        finally:
            self.ended.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr(play, "written", made)
    # Reading the text is no job; writing is one after the first token.
    monkeypatch.setattr(long, "cost", lambda *_: None)
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    yield made
    made.go.release(1_000)


def ended(server: Server, number: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (told := server.json(f"/jobs/{number}.json"))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, told
        time.sleep(0.01)
    return dict(told)


def test_what_takes_long_goes_on_as_a_job_and_draws_the_same(server: Server, slow: Slow) -> None:
    at, body = "/runs/book-lstm", {"text": "the ", "length": 12, "seed": 3}
    slow.go.release(4)
    number = server.json(f"{at}/play/write", body)["job"]
    while "written 4 of 12" not in (told := server.json(f"/jobs/{number}.json"))["words"]:
        time.sleep(0.01)
    assert told["state"] == "running" and told["share"] == pytest.approx(4 / 12)
    slow.go.release(8)
    told = ended(server, number)
    wanted = elman.generate(server.folder / "book-lstm", "the ", length=12, seed=3)
    assert "the " + "".join(one["token"] for one in told["answer"]["tokens"]) == wanted


def test_others_get_at_the_network_between_two_tokens(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, inside = "/runs/book-lstm", threading.Event()

    def steady(*given: Any, **options: Any) -> Iterator[Written]:
        for each in write(*given, **options):
            time.sleep(0.02)  # as long as a step of a large network takes
            inside.set()
            yield each

    monkeypatch.setattr(play, "written", steady)
    monkeypatch.setattr(long, "cost", lambda *_: None)
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    number = server.json(f"{at}/play/write", {"text": "the ", "length": 400})["job"]
    assert inside.wait(10)
    for _ in range(5):
        assert server.json(f"{at}/strip/read", {"text": "the cat"})["count"] == 7
    assert server.json(f"/jobs/{number}.json")["state"] == "running"  # they did not wait for its end
    server.json(f"/jobs/{number}/cancel", {})
    assert ended(server, number)["state"] == "cancelled"


def test_a_long_text_is_read_by_the_job(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    at, body = "/runs/book-lstm", {"text": "the cat sat " * 300, "length": 9, "seed": 1}
    direct = server.json(f"{at}/play/write", body)["tokens"]
    monkeypatch.setattr(long, "PATIENCE", 0.0)
    told = ended(server, server.json(f"{at}/play/write", body)["job"])
    assert [one["number"] for one in told["answer"]["tokens"]] == [one["number"] for one in direct]


def test_writing_is_cancelled_on_the_page(page: Any, server: Server, slow: Slow) -> None:
    page.goto(f"{server.address}/runs/book-lstm/play")
    page.fill("#text", "the ")
    slow.go.release(3)
    page.click("#write")
    page.wait_for_function(
        "() => document.getElementById('working')?.textContent.includes('written 3 of 120')"
    )
    assert page.is_disabled("#write")
    slow.go.release(1)
    page.wait_for_function(
        "() => document.getElementById('working')?.textContent.includes('written 4 of 120')"
    )
    page.click("#working button")
    slow.go.release(1)
    page.wait_for_selector("#problem:not([hidden])")
    assert "Stopped" in page.inner_text("#problem") and page.is_enabled("#write")
    assert slow.ended.wait(10)
