"""A torch model of the user's own on the page: a classifier of tokens, trials batch first and time first, an RNN inside a larger module."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elman.inspection import inspect
from elman.interpretation.dynamics import dynamics
from elman.interpretation.editing import clamp, edited
from elman.own import Own, _looked
from elman.web.model import ModelSubject
from elman.web.shelf import Shelf

from .conftest import Server, serving, tab_of
from .test_quality import FAINT

WORDS = ["<pad>", "the", "a", "film", "good", "bad", "fine", "dull"]


class Reviews(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(8, 6), nn.LSTM(6, 10, batch_first=True)
        self.head = nn.Linear(10, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(x))[0][:, -1])


class Trials(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(3, 7, batch_first=batch_first), nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.gru(x)[0])


class Larger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
        self.core = nn.ModuleDict({"memory": nn.RNN(4, 6, num_layers=2, batch_first=True)})
        self.after = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.core["memory"](self.before(x))[0])[:, -1]


class Next(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.gru, self.out = (
            nn.Embedding(8, 5),
            nn.GRU(5, 6, batch_first=True),
            nn.Linear(6, 8),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.gru(self.embedding(x))[0])


class Ragged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 5, batch_first=True, bidirectional=True), nn.Linear(10, 2)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.out(states[torch.arange(len(x)), lengths - 1])


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(3, 6), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = (x.new_zeros(len(x), 6), x.new_zeros(len(x), 6))
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.out(state[0])


def made(which: str) -> Own:
    torch.manual_seed(0)
    if which == "next":
        options: dict[str, Any] = {
            "labels": WORDS,
            "step_names": lambda row: [WORDS[k] for k in row],
            "names_next_step": True,
        }
        return _looked("shop:next", Next(), torch.randint(1, 8, (8, 9)), options)
    if which == "ragged":
        options = {"lengths": torch.tensor([9, 7, 5, 3, 9, 7, 5, 3]), "targets": torch.tensor([0, 1] * 4)}
        return _looked("shop:ragged", Ragged(), torch.randn(8, 9, 3), options)
    if which == "loop":
        return _looked("shop:loop", Loop(), torch.randn(8, 9, 3), {})
    if which == "step":
        return _looked(
            "shop:step",
            lambda state, x: torch.tanh(0.5 * state + x),
            torch.randn(8, 9, 2),
            {"start": torch.zeros(2)},
        )
    if which == "reviews":
        x = torch.randint(1, 8, (12, 6))
        y = (x == 4).any(1).long()
        options = {"targets": y, "labels": ("bad", "good"), "step_names": lambda row: [WORDS[k] for k in row]}
        return _looked("shop:reviews", Reviews(), x, options)
    if which == "larger":
        return _looked("shop:larger", Larger(), torch.randn(9, 15, 2), {})
    first = which == "trials"
    x = torch.randn(10, 12, 3)
    lengths = {} if first else {"time_first": True}
    return _looked(f"shop:{which}", Trials(first), x if first else x.transpose(0, 1), lengths)


KINDS = ("reviews", "trials", "time_first", "larger")
MORE = ("next", "ragged", "loop", "step")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, runs: Path) -> Iterator[dict[str, Server]]:
    """A server for each model: without a folder of runs beside it, but for the first."""
    empty = tmp_path_factory.mktemp("nothing") / "runs"
    with ExitStack() as stack:
        yield {
            which: stack.enter_context(serving(Shelf(runs if which == "reviews" else empty, model=ModelSubject(made(which)))))
            for which in (*KINDS, *MORE)
        }  # fmt: skip


@pytest.fixture
def reviews(browser: Any, servers: dict[str, Server]) -> Iterator[Any]:
    with tab_of(browser, servers["reviews"]) as tab:
        yield tab


def first(server: Server, which: str, k: int = 0) -> dict[str, Any]:
    choice: dict[str, Any] = server.json(f"/models/shop%3A{which}/strip/errors", {})["choices"][k]
    return choice


def job(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    number = server.json(path, body)["job"]
    deadline = time.monotonic() + 60
    while (told := server.json(f"/jobs/{number}.json"))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(told)


def test_it_answers_as_the_model_does(servers: dict[str, Server]) -> None:
    own, server = made("reviews"), servers["reviews"]
    pick = first(server, "reviews", 2)
    assert pick["words"] == f"sequence 3 ({('bad', 'good')[int(own.sample.targets[2])]}), 6 steps"
    told = server.json("/models/shop%3Areviews/strip/read", {"series": pick["series"]})
    assert told["steps"] == [WORDS[k] for k in own.inputs[2]] and told["at"] == list(range(6))
    with torch.no_grad():
        for step in range(6):
            share = own.model(own.inputs[2:3, : step + 1]).softmax(-1)[0, 1].item()
            assert told["line"]["values"][step] == pytest.approx(share, abs=1e-6)
    credit = server.json("/models/shop%3Areviews/strip/credit", {"series": pick["series"]})
    assert len(credit["credit"]) == 6 and credit["residual"] < 0.02


@pytest.mark.parametrize("which", ["trials", "time_first"])
def test_both_layouts_of_trials_read_the_same(servers: dict[str, Server], which: str) -> None:
    own, server, at = made(which), servers[which], f"/models/shop%3A{which}"
    told = server.json(f"{at}/strip/read", {"series": first(server, which)["series"]})
    x = own.sample.inputs[:1]
    with torch.no_grad():
        wanted = own.model(x if which == "trials" else x.transpose(0, 1))
        wanted = wanted[0] if which == "trials" else wanted[:, 0]
    assert torch.allclose(torch.tensor(told["outputs"]), wanted, atol=1e-6)
    assert told["line"]["name"] == "output 1 of 2" and len(told["channels"]) == 3
    assert told["channels"][1]["low"] == pytest.approx(x[0, :, 1].tolist(), abs=1e-6)
    layer = server.json(f"{at}/see.json")["layers"][0]
    found = server.json(
        f"{at}/see/look", {"series": first(server, which)["series"], "layer": layer["name"], "unit": 4}
    )
    trace = own.view.trace(x, None)
    for each in found["readings"]:
        assert each["values"] == pytest.approx(
            trace[f"gru.layers.0.forward.{each['name']}"][0, :, 4].tolist(), abs=1e-6
        )


def test_an_rnn_inside_a_larger_module_can_be_changed(servers: dict[str, Server]) -> None:
    own, server, at = made("larger"), servers["larger"], "/models/shop%3Alarger"
    shown = server.json(f"{at}/see.json")
    assert [one["name"] for one in shown["layers"]] == [f"core.memory.layers.{k}.forward" for k in (0, 1)]
    assert shown["layers"][1]["words"] == "core.memory layer 2" and shown["layers"][0]["equations"]
    pick, other = first(server, "larger")["series"], first(server, "larger", 3)["series"]
    part = "layers.1.forward.h"
    ask = {
        "series": pick,
        "part": part,
        "units": [1, 2],
        "first": 3,
        "last": 14,
        "how": "clamp",
        "value": 0.7,
    }
    found = server.json(f"{at}/see/change", ask)
    x = own.inputs[:1]
    with torch.no_grad(), edited(own.model, clamp(part, [1, 2], 0.7, range(3, 15))):
        after = own.model(x).item()
    assert found["after"]["answer"][0][1] == pytest.approx(after, abs=1e-5)
    assert found["moved"] == pytest.approx(abs(after - own.model(x).item()), abs=1e-5)
    assert server.json(f"{at}/see/change", ask | {"how": "mean"})["moved"] > 0
    patched = server.json(
        f"{at}/see/change", ask | {"how": "patch", "other": other, "units": list(range(6)), "first": 14}
    )
    with torch.no_grad():  # the whole state of the top layer of another sequence: its answer
        assert patched["after"]["answer"][0][1] == pytest.approx(own.model(own.inputs[3:4]).item(), abs=1e-5)
    like = server.json(
        f"{at}/see/like", {"series": pick, "reading": "core.memory.layers.0.forward.h", "first": 2, "last": 4}
    )
    assert like["found"][0]["likeness"] == pytest.approx(1.0, abs=1e-5) and like["sequences"] == 9


@pytest.mark.parametrize("which", MORE)
def test_networks_of_other_makes_are_read_and_seen(
    browser: Any, servers: dict[str, Server], which: str
) -> None:
    own, server, at = made(which), servers[which], f"/models/shop%3A{which}"
    pick = {"series": first(server, which, 1)["series"]}
    count = own.sample.length(1)
    told = server.json(f"{at}/strip/read", pick)
    assert len(told["steps"]) == count
    x, lengths = own.sample.inputs[1:2, :count], torch.tensor([count]) if which == "ragged" else None
    with torch.no_grad():
        wanted = own.view.read(own.view.embed(x), lengths)[0]
    if which == "next":
        assert told["top"][-1][0][1] == pytest.approx(wanted.softmax(-1).max().item(), abs=1e-4)
        assert told["loss"][0] is None and "its own code alone" in server.ask(f"{at}/play")[2].decode()
    elif which == "ragged":
        assert max(told["classes"]["shares"]) == pytest.approx(wanted.softmax(-1).max().item(), abs=1e-6)
    else:
        assert told["outputs"][-1] == pytest.approx(wanted.tolist(), abs=1e-6)
    assert len(server.json(f"{at}/strip/credit", pick)["credit"]) == count
    assert server.json(f"{at}/trust/why", pick)["gone"][-1] == count
    for each in server.json(f"{at}/strip/units", pick)["readings"]:
        assert (
            len(server.json(f"{at}/strip/unit", pick | {"reading": each["name"], "unit": 0})["values"])
            == count
        )
    shown = server.json(f"{at}/see.json")
    layers = shown["layers"]
    assert bool(shown["fixed"]) == (shown["parts"] == []) == (which in ("loop", "step"))
    assert which != "loop" or "A loop over *Cell modules" in server.ask(f"{at}/see")[2].decode()
    assert len(layers) == {"next": 1, "ragged": 2, "loop": 1, "step": 0}[which]
    for layer in layers:
        assert (
            server.json(f"{at}/see/look", pick | {"layer": layer["name"], "unit": 1})["steps"]
            == told["steps"]
        )
    with tab_of(browser, server) as tab:
        for name in ("play", "see", "trust"):
            tab.goto(f"{server.address}{at}/{name}")
            tab.wait_for_selector("#tokens li, #track svg")
            tab.wait_for_timeout(300)
            assert tab.is_hidden("#problem"), tab.inner_text("#problem")


@pytest.mark.parametrize("which", KINDS)
def test_its_space_is_that_of_dynamics(servers: dict[str, Server], which: str) -> None:
    own, server, at = made(which), servers[which], f"/models/shop%3A{which}"
    told = job(server, f"{at}/space/look", {})
    assert told["state"] == "done", told
    finding = dynamics(own.view, own.sample)
    assert finding is not None and told["answer"]["sentence"] == finding.sentence
    path = server.json(f"{at}/space/path", {"series": first(server, which)["series"]})["path"]
    assert np.array(path) == pytest.approx(np.array(told["answer"]["paths"][0]), abs=1e-6)


def test_findings_are_those_of_inspect(servers: dict[str, Server]) -> None:
    own, server, at = made("reviews"), servers["reviews"], "/models/shop%3Areviews"
    asked = server.json(f"{at}/trust.json")["questions"]
    assert asked[:3] == ["memory", "attribution", "dynamics"]
    before = [weight.clone() for weight in own.model.parameters()]
    for question in ("memory", "attribution", "dynamics"):
        told = job(server, f"{at}/trust/ask", {"question": question})
        assert told["state"] == "done", told
    html = server.json(f"{at}/trust/section", {"part": "findings"})["html"]
    for finding in inspect(
        own.model, own.inputs, own.sample.targets, labels=own.view.labels, questions=["memory", "dynamics"]
    ):
        assert finding.title in html and finding.sentence.split("'")[0] in html.replace("&#39;", "'")
    assert all(torch.equal(a, b) for a, b in zip(before, own.model.parameters()))
    told = job(server, f"{at}/trust/ask", {"question": "memry"})
    assert told["state"] == "failed" and "Did you mean 'memory'?" in told["error"]
    status, _, content = server.ask("/runs/films-gru/trust/ask", {"question": "memory"})
    assert status == 200 and b"job" in content


def test_what_needs_a_run_says_why_it_is_absent(servers: dict[str, Server]) -> None:
    server, at = servers["reviews"], "/models/shop%3Areviews"
    told = server.json(f"{at}/runs.json")
    assert "not a run of `elman train`" in told["absent"] and told["works"] == [
        "play",
        "see",
        "trust",
        "space",
    ]
    assert (
        "films-gru" in told["runs"]
        and servers["trials"].json("/models/shop%3Atrials/runs.json")["runs"] == []
    )
    assert "no rivals" in server.json(f"{at}/trust.json")["verdict"]
    for path, body in (("runs/curves", {"runs": ["films-gru"]}), ("play/write", {"text": "a"}), ("runs/delete", {"run": "films-gru", "sure": "x"})):  # fmt: skip
        status, _, content = server.ask(f"{at}/{path}", body)
        assert status in (200, 400), content
        assert path == "runs/curves" or b"error" in content
    status, _, content = server.ask(f"{at}/strip/read", {"series": "none"})
    assert status == 400 and b"pick a series first" in content
    assert server.ask("/models/shop%3Anone/play")[0] == 404 and server.ask("/models/films-gru/play")[0] == 404


def test_on_the_page(reviews: Any) -> None:
    page = reviews
    page.wait_for_selector("#tokens li")
    assert page.url.endswith("/models/shop%3Areviews/play") and page.locator("#text").count() == 0
    before = page.inner_text("#tokens")
    page.select_option("#choices", index=3)
    page.wait_for_function("(before) => document.getElementById('tokens').innerText !== before", arg=before)
    assert re.match(
        r"(good|bad) \d", page.inner_text("#answer")
    ) and "pick one of the sequences" in page.inner_text("#typing")
    page.get_by_role("link", name="See").click()
    page.wait_for_function("() => document.getElementById('at').max == '5'")
    assert page.locator("#choices").evaluate("one => one.selectedIndex") == 3  # the sequence goes along
    assert page.locator(".gauge").count() == 6 and "sigmoid" in page.inner_text("#cell")
    page.fill("#one", "4")
    page.get_by_role("button", name="Paint the sequence").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#tokens li')].every(one => one.style.background)"
    )
    page.select_option("#part", label="layer 1 forget gate")
    page.fill("#value", "1")
    page.get_by_role("button", name="Change", exact=True).click()
    page.wait_for_function("() => document.getElementById('moved').textContent.includes('moved') || document.getElementById('moved').textContent.includes('stays')")  # fmt: skip
    page.select_option("#how", "patch")
    page.select_option("#other", index=1)
    page.get_by_role("button", name="Change", exact=True).click()
    page.wait_for_selector("#both .meters")
    page.get_by_role("link", name="Trust").click()
    page.wait_for_selector("#curve svg")
    page.select_option("#question", "memory")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_selector("#part-findings article", timeout=60_000)
    page.get_by_role("link", name="Space").click()
    page.wait_for_selector(".own-step", timeout=60_000)
    page.get_by_role("link", name="Runs").click()
    assert "not for shop:reviews" in page.inner_text("h2")
    page.get_by_role("link", name="films-gru").click()
    page.wait_for_selector("tr[data-run=films-gru]")
    page.select_option("#run", label="shop:reviews")
    page.wait_for_selector("#absent-title")


def test_the_tour_leads_through_a_model(reviews: Any) -> None:
    reviews.click("#tour")
    reviews.wait_for_selector("#tour-card")
    assert "step 1 of" in reviews.inner_text("#tour-card")
    steps = reviews.evaluate("fetch('/models/shop%3Areviews/tour.json').then(one => one.json())")["steps"]
    assert {step["page"] for step in steps} == {"play", "see"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_and_can_be_read(browser: Any, servers: dict[str, Server], width: int, scheme: str) -> None:
    for which in ("reviews", "trials"):
        with tab_of(browser, servers[which]) as tab:
            tab.set_viewport_size({"width": width, "height": 800})
            tab.emulate_media(color_scheme=scheme)
            for name in ("play", "see", "trust", "runs"):
                tab.goto(f"{servers[which].address}/models/shop%3A{which}/{name}")
                if name != "runs":
                    tab.wait_for_selector("#tokens li, #track svg")
                tab.wait_for_timeout(200)
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, (which, name)
                assert tab.evaluate(FAINT)["faint"] == [], (which, name)
