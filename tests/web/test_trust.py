"""Trust: the verdict, the report's sections, and a deletion curve that can tell a good attribution from a random one."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.busy import busy
from elman.interpretation.deletion import Deletion, deletion
from elman.interpretation.foreign import view_of_module
from elman.interpretation.view import View
from elman.report.assemble import assemble
from elman.report.page import part, render
from elman.run import Run

from .conftest import Server

RUN = "/runs/films-gru"
TEXT = "a fine good film"


class Sum(nn.Module):
    """The sum of all inputs: the credit of a step is its value, and what is left is the sum of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, 1, batch_first=True, nonlinearity="relu", bias=False)
        for weight in self.rnn.parameters():
            nn.init.ones_(weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rnn(x)[0]


def known() -> View:
    model = Sum().eval()
    return view_of_module(model, torch.zeros(1, 3, 1), None, lambda x, _: model(x), lambda a, b: a, (), None)


def test_the_curve_of_a_sum_is_what_is_left_of_it() -> None:
    x = torch.tensor([0.1, 3.0, 0.2, 2.0, 0.5])[None, :, None]
    found = deletion(known(), x)
    assert found.credit == pytest.approx(x[0, :, 0].numpy(), abs=1e-4) and found.residual < 1e-4
    assert found.named == pytest.approx([5.8, 2.8, 0.8, 0.3, 0.1, 0.0], abs=1e-5)
    assert np.all(found.random[:, 0] == found.named[0]) and np.all(
        found.random.mean(0)[1:-1] > found.named[1:-1]
    )
    assert found.area > 0.15


def test_steps_that_count_alike_are_no_better_than_random() -> None:
    found = deletion(known(), torch.ones(1, 8, 1))
    assert found.area == pytest.approx(0, abs=1e-6)


def test_a_curve_below_random_orders_is_good_also_where_it_ends_higher() -> None:
    """What spoke against the answer goes last, so that the curve falls first and ends above its beginning."""
    named, random = np.array([0.7, 0.5, 0.6, 0.9]), np.array([[0.7, 0.75, 0.85, 0.9], [0.7, 0.8, 0.8, 0.9]])
    good = Deletion(np.zeros(3), 0.0, 0, np.arange(4), named, random)
    assert good.area == pytest.approx((0.275 + 0.225) / 4 / 0.4)
    assert Deletion(np.zeros(3), 0.0, 0, np.arange(4), random[0], named[None]).area < 0


def test_sections_are_those_of_the_report(server: Server) -> None:
    content = assemble(Run.open(server.folder / "films-gru"))
    assert '<section id="results">' in render(content) and '<section id="findings">' in render(content)
    for name in ("results", "where", "findings"):
        found = server.json(f"{RUN}/trust/section", {"part": name})["html"]
        assert len(found) > 500 and "<script" not in found
        assert f'<section id="{name}">' in part(content, name)
    assert server.ask(f"{RUN}/trust/section", {"part": "../secret"})[0] == 404


def test_the_page_says_verdict_failures_and_why(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/trust")
    page.wait_for_selector("#part-results table")
    page.wait_for_selector("#part-findings article")
    verdict = server.json(f"{RUN}/trust.json")["verdict"]
    assert verdict[:30] in page.inner_text(".verdict")
    page.fill("#text", TEXT)
    page.wait_for_selector("#curve path.named")
    first = page.inner_text("#why-said")
    assert "taken out" in first and "residual" in page.inner_text("#why-badges")
    page.fill("#text", "a bad dull film")
    page.wait_for_function("(was) => document.getElementById('why-said').innerText != was", arg=first)


def test_an_answer_that_nothing_moves_is_said_to_be_one(page: Any, server: Server) -> None:
    """As a network that was not trained gives it: the order within a hundredth of it means nothing."""
    told = server.json(f"{RUN}/trust/why", {"text": TEXT})
    for name in ("named", "low", "high", "random"):
        told[name] = [0.5 + (value - 0.5) / 100 for value in told[name]]
    page.route("**/trust/why", lambda route: route.fulfill(json=told))
    page.goto(f"{server.address}{RUN}/trust")
    page.fill("#text", TEXT)
    page.wait_for_function("() => document.getElementById('why-said').textContent.includes('hardly moves')")
    assert "do matter" not in page.inner_text("#why-said")


@pytest.mark.parametrize("run", ["films-gru", "book-lstm", "sales-gru"])
def test_it_fits_a_phone(page: Any, server: Server, run: str) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{server.address}/runs/{run}/trust")
    page.wait_for_selector("#part-results table")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def answered(server: Server, begun: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while begun["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        begun = server.json(f"/jobs/{begun['job']}.json")
    return begun


def test_a_question_is_asked_from_the_page_with_its_cost_before(other: Any, more: Server) -> None:
    run = "/runs/walks-gru"
    folder = more.folder / "walks-gru"
    (folder / "findings.json").write_text("[]", encoding="utf-8")
    other.goto(f"{more.address}{run}/trust")
    other.focus("#question")
    other.select_option("#question", "gates")
    other.wait_for_function(
        "() => /^Gates: .* sequences of up to 20 steps/.test(document.getElementById('ask-cost').textContent)"
    )
    other.click("#ask button")
    other.wait_for_selector("#part-findings article")
    assert "Gates stands below" in other.inner_text("#asking")
    stored = json.loads((folder / "findings.json").read_text("utf-8"))
    assert [one["question"] for one in stored] == ["gates"]
    assert (
        "gates, answered" in other.inner_text("#question")
        and "gates" not in more.json(f"{run}/trust.json")["questions"][0]
    )


def test_questions_are_those_that_fit(server: Server, more: Server) -> None:
    told = {
        run: set(server.json(f"/runs/{run}/trust.json")["questions"])
        for run in ("films-gru", "book-lstm", "sales-gru")
    }
    assert (
        "ngrams" in told["book-lstm"]
        and "ngrams" not in told["films-gru"]
        and "training" not in told["films-gru"]
    )
    assert {"errors", "memory", "attribution", "calibration"} <= told["films-gru"]
    for question in sorted(told["films-gru"]):
        assert server.json(f"{RUN}/trust/cost", {"question": question})["cost"].startswith(question)
    assert server.ask(f"{RUN}/trust/cost", {"question": "magic"})[0] == 404
    wrong = answered(server, server.json(f"{RUN}/trust/ask", {"question": "magic"}))
    assert wrong["state"] == "failed"


def test_a_run_in_training_is_not_asked(more: Server) -> None:
    with busy(more.folder / "tags-lstm"):
        told = answered(more, more.json("/runs/tags-lstm/trust/ask", {"question": "gates"}))
    assert told["state"] == "failed" and "in training" in told["error"]


def test_an_analysis_is_cancelled(server: Server) -> None:
    before = (server.folder / "films-gru" / "findings.json").read_text("utf-8")
    begun = server.json(f"{RUN}/trust/ask", {"question": "memory"})
    server.json(f"/jobs/{begun['job']}/cancel", {})
    assert answered(server, begun)["state"] == "cancelled"
    assert (server.folder / "films-gru" / "findings.json").read_text("utf-8") == before


def test_where_it_fails_is_shown_for_each_task(server: Server, more: Server) -> None:
    """Parts of the data, kinds of errors and calibration; by position where a task has positions."""
    wanted = {
        (server, "films-gru"): ("By length", "By class", "Which classes it confuses", "Is its confidence earned?"),
        (server, "sales-gru"): ("By step ahead", "By season"),
        (server, "book-lstm"): ("By token frequency",),
        (more, "tags-lstm"): ("By position", "By word", "By sentence length", "By tag", "Which classes it confuses", "Is its confidence earned?"),
        (more, "walks-gru"): ("By length", "By class", "Which classes it confuses", "Is its confidence earned?"),
    }  # fmt: skip
    for (place, run), titles in wanted.items():
        text = place.json(f"/runs/{run}/trust/section", {"part": "where"})["html"]
        assert all(title in text for title in titles), (run, titles)
    # A language model has no positions but what it has read before: that is asked.
    assert "context" in server.json("/runs/book-lstm/trust.json")["questions"]
