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


def made(which: str) -> Own:
    torch.manual_seed(0)
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


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, runs: Path) -> Iterator[dict[str, Server]]:
    """A server for each model: without a folder of runs beside it, but for the first."""
    empty = tmp_path_factory.mktemp("nothing") / "runs"
    with ExitStack() as stack:
        yield {
            which: stack.enter_context(serving(Shelf(runs if which == "reviews" else empty, model=ModelSubject(made(which)))))
            for which in KINDS
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
    assert "not a run of elman train" in told["absent"] and told["works"] == ["play", "see", "trust", "space"]
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
