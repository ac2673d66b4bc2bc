"""Space: the same numbers as Python gives, panels side by side and linked, cancelled on the way."""

from __future__ import annotations

import shutil
import time
from typing import Any

import numpy as np
import pytest
import torch

from elman import workbench
from elman.interpretation.dynamics import _principal, dynamics
from elman.interpretation.plane import placed, way
from elman.interpretation.view import Sample
from elman.run import Run
from elman.web import long
from elman.web.pages import space

from .conftest import Server

HERE = "/runs/films-gru/space"
TEXT = "a fine good film"


def looked(server: Server, run: str = "films-gru", **body: Any) -> dict[str, Any]:
    number = server.json(f"/runs/{run}/space/look", body)["job"]
    deadline = time.monotonic() + 60
    while (told := server.json(f"/jobs/{number}.json"))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return told


def test_it_says_what_the_analysis_says(server: Server) -> None:
    told = looked(server)
    assert told["state"] == "done", told
    run = Run.open(server.folder / "films-gru")
    prepared = workbench.prepare(run.recipe, run.encoder)
    view = run.task.view(run.network, run.encoder, run.recipe)
    sample = run.task.sample(prepared.encoded, "validation", 40, run.recipe.training.seed)
    finding = dynamics(view, sample)
    assert finding is not None
    answer = told["answer"]
    assert answer["sentence"] == finding.sentence
    spectrum = finding.arrays["exponents"]
    finite = np.isfinite(spectrum).all(0)
    found = np.array([np.nan if one is None else one for one in answer["exponents"]], dtype=float)
    assert found[finite] == pytest.approx(spectrum.mean(0)[finite])
    assert sum(answer["variance"]) == pytest.approx(1.0, abs=1e-6)
    assert len(answer["points"]) == len(finding.table)

    # A sequence of the sample goes the way that the analysis drew of it.
    length = sample.length(0)
    mine = way(view, finding, sample.inputs[:1, :length])
    assert mine == pytest.approx(finding.arrays["trajectories"][0, :length], abs=1e-9)
    assert answer["paths"][0] == pytest.approx(mine, abs=1e-9)
    assert placed(finding, finding.arrays["mean"]) == pytest.approx([0.0, 0.0])

    own = server.json(f"{HERE}/path", {"text": TEXT})
    inputs = torch.from_numpy(run.encoder.text.encode(TEXT)).long()[None]
    assert own["steps"] == TEXT.split() and own["path"] == pytest.approx(way(view, finding, inputs), abs=1e-6)


def test_a_language_model_and_a_forecast_have_a_space_too(server: Server) -> None:
    for run in ("book-lstm", "sales-gru"):
        told = looked(server, run)
        assert told["state"] == "done", told
        assert told["answer"]["paths"] and "dimension" in told["answer"]["sentence"]
    own = server.json("/runs/book-lstm/space/path", {"text": "the cat"})
    assert len(own["path"]) == len(own["steps"]) == 7


def test_a_large_sample_is_followed_as_far_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = torch.tensor([30, 20, 10])
    sample = Sample(torch.randn(3, 30, 2), lengths, torch.zeros(3), np.arange(3))
    assert space.bounded(sample, 10) == (sample, "")
    monkeypatch.setattr(space, "ROOM", 40 * 2 * 10)
    monkeypatch.setattr(space, "STEPS", 25)
    monkeypatch.setattr(space, "SEQUENCES", 2)
    part, said = space.bounded(sample, 10)
    assert len(part) == 3 and part.inputs.shape[1] == 26 and "the first 26 steps of 3 sequences" in said
    part, said = space.bounded(sample, 16)
    assert len(part) == 2 and part.inputs.shape[1] == 25 and "first 25 steps of 2 sequences" in said
    assert part.lengths is not None and part.lengths.max() == 25
    whole = Sample(torch.randn(3, 30, 2), None, torch.zeros(3), np.arange(3))
    assert space.bounded(whole, 10**6)[0].inputs.shape == (2, 25, 2)


def test_the_way_of_a_long_sequence_goes_on_as_a_job(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    looked(server, "book-lstm")
    at, body = "/runs/book-lstm/space/path", {"text": "the cat sat on " * 60}
    direct = server.json(at, body)["path"]
    assert len(direct) == 900
    monkeypatch.setattr(long, "PATIENCE", -1.0)
    monkeypatch.setattr(long, "cost", lambda *_: None)
    number = server.json(at, body)["job"]
    deadline = time.monotonic() + 60
    while (told := server.json(f"/jobs/{number}.json"))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert told["answer"]["path"] == direct and "5 of 5 pieces of 900 steps" in told["words"]


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_principal_components_of_fewer_states_than_numbers(count: int) -> None:
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(count, 12, generator=draw, dtype=torch.float64)
    centred = states - states.mean(0)
    variance, components = _principal(centred)
    wanted = (
        np.linalg.eigvalsh(np.cov(states.numpy().T, bias=count == 1))[::-1] if count > 1 else np.zeros(12)
    )
    assert variance == pytest.approx(wanted, abs=1e-12) and components.shape == (2, 12)
    flat = centred.numpy() @ components.T
    assert (flat**2).sum(0) / max(1, count - 1) == pytest.approx(wanted[:2], abs=1e-12)
    if count > 2:
        assert components @ components.T == pytest.approx(np.eye(2), abs=1e-9)


def test_checkpoints_of_one_run_differ(server: Server) -> None:
    best, last = looked(server), looked(server, "films-gru@last")
    assert last["state"] == "done" and last["answer"]["exponents"] and best["answer"]["exponents"]
    assert server.ask("/runs/films-gru@last/space/path", {"text": TEXT})[0] == 200
    for wrong in ("..%2fbest", "none", "run"):
        status, _, content = server.ask(f"/runs/films-gru@{wrong}/space/look", {})
        assert status == 404, content


def test_one_that_reads_from_both_ends_says_why_it_has_none(server: Server, page: Any) -> None:
    folder = server.folder / "both"
    texts = str(server.folder.parent / "films.csv")
    workbench.fit(
        texts, out=folder, cell="gru", steps=2, hidden_size=4, seed=0, bidirectional=True, explained=False
    )
    try:
        told = looked(server, "both")
        assert told["state"] == "failed" and "both ends" in told["error"]
        page.goto(f"{server.address}/runs/both/space")
        page.wait_for_selector("[data-address='/runs/both'] p")
        panel = page.inner_text("[data-address='/runs/both']")
        assert "both has no one state that goes from step to step" in panel and "Try again" not in panel
        assert page.is_hidden("#problem")
    finally:
        shutil.rmtree(folder)


def test_a_cancelled_look_ends_soon_and_leaves_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = space.Watching.answering

    def slow(self: Any, share: float) -> None:
        time.sleep(0.01)
        real(self, share)

    monkeypatch.setattr(space.Watching, "answering", slow)
    space._seen.clear()
    number = server.json(f"{HERE}/look", {})["job"]
    while server.json(f"/jobs/{number}.json")["share"] < 0.12:
        time.sleep(0.01)
    server.json(f"/jobs/{number}/cancel", {})
    deadline = time.monotonic() + 5
    while server.json(f"/jobs/{number}.json")["state"] != "cancelled":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.ask(f"{HERE}/path", {"text": TEXT})[0] == 400  # nothing was found


def test_panels_are_linked(page: Any, server: Server) -> None:
    page.goto(server.address + HERE)
    page.wait_for_selector("[data-address='/runs/films-gru'] .plane svg", timeout=60_000)
    page.fill("#text", TEXT)
    page.wait_for_function(
        "() => document.querySelectorAll(\"[data-address='/runs/films-gru'] .own-step\").length == 4"
    )
    page.select_option("#beside", label="films-gru, last weights")
    page.wait_for_function("() => document.querySelectorAll('.own-step').length == 8", timeout=60_000)
    drawn = page.evaluate("[...document.querySelectorAll('.plane')].map((one) => Math.abs(one.clientWidth - one.firstChild.getAttribute('width')) < 2)")  # fmt: skip
    assert drawn == [True, True]  # each for the room that it has
    page.hover("#tokens li:nth-child(3)")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plane')].every(one => one.dataset.step === '2')"
    )
    box = page.locator("[data-address='/runs/films-gru%40last'] .own-step").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.plane')].map(one => one.dataset.step)).size == 1 && document.querySelector('.plane').dataset.step !== '2'"
    )
    assert page.locator("#tokens li.here").count() == 1
    page.get_by_role("button", name="Remove films-gru, last weights").click()
    assert page.locator(".plane").count() == 1
    page.locator("summary").click()
    assert page.locator("details .unit-circle").count() == 1
    page.wait_for_selector("details rect.fades, details rect.grows")


def test_a_look_can_be_cancelled_on_the_page(
    page: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = space.Watching.answering

    def slow(self: Any, share: float) -> None:
        time.sleep(0.05)
        real(self, share)

    monkeypatch.setattr(space.Watching, "answering", slow)
    space._seen.clear()
    page.goto(server.address + HERE)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Try again").wait_for()
    monkeypatch.setattr(space.Watching, "answering", real)
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".plane svg", timeout=60_000)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window(page: Any, server: Server, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(server.address + HERE)
    page.wait_for_selector(".plane svg", timeout=60_000)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
