"""A language model that writes token by token: the same draw as `generate`, and alternatives that are its own probabilities."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import elman
from elman.core.errors import RecipeError
from elman.generation import write

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
    page.click(".token:nth-child(3)")
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
