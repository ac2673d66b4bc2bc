"""See, in a real browser: steps, units, the map, an edit that moves the number, spans; the same numbers as Python gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import elman
from elman.interpretation.editing import clamp, edited

from .conftest import Server

TEXT = "a fine good film"
RUN = "/runs/films-gru"
PART = "layers.0.forward.h"


@pytest.fixture
def see(page: Any, server: Server) -> Any:
    page.goto(f"{server.address}{RUN}/see")
    page.fill("#text", TEXT)
    page.wait_for_function("() => document.getElementById('at').max == '3'")
    return page


def test_readings_are_those_of_the_trace(server: Server) -> None:
    run = elman.Run.open(server.folder / "films-gru")
    layer = server.json(f"{RUN}/see.json")["layers"][0]
    found = server.json(f"{RUN}/see/look", {"text": TEXT, "layer": layer["name"], "unit": 5})
    inputs = torch.from_numpy(run.encoder.text.encode(TEXT)).long()[None]
    with torch.no_grad():
        trace = run.network.rnn.trace(run.network.embed(inputs))
    for each in found["readings"]:
        values = trace[f"{layer['name']}.{each['name']}"][0]
        assert each["values"] == pytest.approx(values[:, 5].tolist(), abs=1e-5)
        assert each["mean"] == pytest.approx(values.mean(1).tolist(), abs=1e-5)
    whole = server.json(f"{RUN}/see/map", {"text": TEXT, "reading": f"{layer['name']}.h"})
    wanted = trace[f"{layer['name']}.h"][0].T
    assert torch.allclose(
        torch.tensor(whole["cells"]) / 100 * whole["most"], wanted, atol=0.006 * whole["most"]
    )


def test_an_edit_says_what_the_edited_network_says(server: Server) -> None:
    run = elman.Run.open(server.folder / "films-gru")
    ask = {"text": TEXT, "part": PART, "units": [0, 3], "first": 1, "last": 3, "how": "clamp", "value": 0.9}
    found = server.json(f"{RUN}/see/change", ask)
    inputs = torch.from_numpy(run.encoder.text.encode(TEXT)).long()[None]
    with torch.no_grad(), edited(run.network, clamp(PART, [0, 3], 0.9, [1, 2, 3])):
        shares = run.network(inputs).values.softmax(-1)[0]
    told = dict(found["after"]["answer"])
    assert told["good"] == pytest.approx(float(shares[1]), abs=1e-4)
    before = dict(found["before"]["answer"])
    assert found["moved"] == pytest.approx(abs(told["good"] - before["good"]), abs=2e-4)
    patched = server.json(
        f"{RUN}/see/change",
        ask | {"how": "patch", "other": "a bad dull film", "units": list(range(8)), "first": 3},
    )
    there = dict(server.json(f"{RUN}/strip/read", {"text": "a bad dull film"})["top"][-1])
    pooled = run.recipe.model.pooling
    if pooled == "last":
        assert dict(patched["after"]["answer"])["bad"] == pytest.approx(there["bad"], abs=1e-3)
    assert patched["moved"] > 0


def test_a_gate_at_one_step_is_held_taken_out_and_patched(server: Server) -> None:
    run = elman.Run.open(server.folder / "films-gru")
    gate = "layers.0.forward.update_gate"
    assert gate in {
        each["name"] for each in server.json(f"{RUN}/see.json")["parts"] if each["kind"] == "gate"
    }

    def encoded(text: str) -> torch.Tensor:
        return torch.from_numpy(run.encoder.text.encode(text)).long()[None]

    def trace(text: str) -> torch.Tensor:
        return run.network.rnn.trace(run.network.embed(encoded(text)))[gate][0]

    other = "a bad dull film"
    with torch.no_grad():
        values = {"clamp": 0.0, "mean": trace(TEXT).mean(0)[[1, 4]], "patch": trace(other)[-1][[1, 4]]}
    for how, value in values.items():
        ask = {
            "text": TEXT,
            "part": gate,
            "units": [1, 4],
            "first": 2,
            "last": 2,
            "how": how,
            "value": 0,
            "other": other,
        }
        told = dict(server.json(f"{RUN}/see/change", ask)["after"]["answer"])
        with torch.no_grad(), edited(run.network, clamp(gate, [1, 4], value, [2])):
            shares = run.network(encoded(TEXT)).values.softmax(-1)[0]
        assert told["good"] == pytest.approx(float(shares[1]), abs=1e-4), how
    assert server.ask(f"{RUN}/see/change", ask | {"part": "layers.0.forward.output_gate"})[0] == 404
    assert server.ask(f"{RUN}/see/change", ask | {"units": [8]})[0] == 400


def test_a_gate_that_is_opened_changes_the_number(see: Any) -> None:
    see.select_option("#part", "layers.0.forward.update_gate")
    see.fill("#units", "0, 1, 2, 3, 4, 5, 6, 7")
    see.fill("#first", "4")
    see.fill("#value", "1")
    see.click("#change button")
    see.wait_for_selector("#after")
    assert see.inner_text("#before").split()[1:] != see.inner_text("#after").split()[1:]
    assert "moved by" in see.inner_text("#moved")
    see.fill("#value", "0")
    before = see.inner_text("#after")
    see.click("#change button")
    see.wait_for_function("(was) => document.getElementById('after').innerText != was", arg=before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"units": [99]}, {"units": []}, {"units": "0"}, {"part": "nothing"}, {"how": "magic"}, {"value": "x"}, {"first": 3, "last": 1},
        {"last": 99}, {"how": "patch"}, {"first": None},
    ],
)  # fmt: skip
def test_an_edit_that_makes_no_sense_is_refused(server: Server, wrong: dict[str, Any]) -> None:
    ask = {"text": TEXT, "part": PART, "units": [0], "first": 0, "last": 3, "how": "clamp", "value": 0.9}
    assert server.ask(f"{RUN}/see/change", ask | wrong)[0] in (400, 404)


def test_stepping_moves_the_gates(see: Any) -> None:
    see.wait_for_selector("#cell .gauge")
    assert "update gate" in see.inner_text("#cell") and "sigmoid" in see.inner_text("#cell")
    last = see.inner_text("#cell")
    see.click("#back")
    see.wait_for_function("(was) => document.getElementById('cell').innerText != was", arg=last)
    assert "step 3" in see.inner_text("#cell-said")
    see.focus("#at")
    see.keyboard.press("Home")
    see.wait_for_function("() => document.getElementById('cell-said').textContent.includes('step 1')")
    other = see.inner_text("#cell")
    see.fill("#one", "4")
    see.wait_for_function("(was) => document.getElementById('cell').innerText != was", arg=other)


def test_a_place_of_the_map_is_picked_and_paints_the_input(see: Any) -> None:
    see.wait_for_function("() => document.getElementById('map-said').textContent.includes('units')")
    box = see.locator("#map").bounding_box()
    see.locator("#map").click(position={"x": box["width"] * 0.6, "y": box["height"] * 0.7})
    see.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 5')")
    assert see.input_value("#one") == "5" and "step 3" in see.inner_text("#cell-said")
    see.focus("#map")
    see.keyboard.press("ArrowDown")
    see.keyboard.press("Enter")
    see.wait_for_function("() => document.getElementById('legend').textContent.includes('unit 6')")


def test_an_edited_unit_changes_the_number(see: Any) -> None:
    see.fill("#units", "0, 1, 2, 3, 4, 5, 6, 7")
    see.fill("#value", "-1")
    see.click("#change button")
    see.wait_for_selector("#after")
    before, after = see.inner_text("#before"), see.inner_text("#after")
    assert before.split()[2:] != after.split()[2:] and "moved by" in see.inner_text("#moved")
    see.select_option("#how", "patch")
    see.fill("#other", "a bad dull film")
    see.fill("#units", "2")
    see.keyboard.press("Enter")
    see.wait_for_function("() => document.getElementById('moved-badges').textContent.includes('random')")


def test_a_span_is_found_elsewhere(see: Any) -> None:
    see.hover("#tokens li:nth-child(2)")
    see.mouse.down()
    see.hover("#tokens li:nth-child(3)")
    see.mouse.up()
    assert (see.input_value("#from"), see.input_value("#to")) == ("2", "3")
    see.click("#like button")
    see.wait_for_selector("#found li mark")
    assert "1 in 100" in see.inner_text("#like-badges")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("run", ["films-gru", "book-lstm", "sales-gru"])
def test_it_fits_its_window_and_everything_has_a_name(
    page: Any, server: Server, width: int, run: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{server.address}/runs/{run}/see")
    if run != "sales-gru":
        page.fill("#text", "the cat")
    page.wait_for_selector("#cell .gauge")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, textarea, a[href], canvas')].filter(one =>
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).map(one => one.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("how", ["clamp", "patch"])
@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_step_of_a_backward_layer_is_the_sequences_own(more: Server, how: str, step: int) -> None:
    """By hand: the backward half of a GRU walks from the end; the unit is changed where it stands at the step that was picked."""
    run, other = elman.Run.open(more.folder / "films-both-ways"), "a bad film 3 a bad film"
    network, units = run.network, [0, 2, 5]
    theirs = network.rnn.to_torch()

    def walk(text: str, way: str, value: Any = None) -> torch.Tensor:
        """The state after the last step that one direction reads, with a change at one step of the sequence on its way."""
        x = network.embed(torch.from_numpy(run.encoder.text.encode(text)).long()[None])[0]
        cell = torch.nn.GRUCell(x.shape[1], 6)
        cell.load_state_dict({name: getattr(theirs, f"{name}_l0{'_reverse' * (way == 'backward')}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})  # fmt: skip
        h = torch.zeros(1, 6)
        for at in range(len(x)) if way == "forward" else reversed(range(len(x))):
            h = cell(x[at : at + 1], h)
            if value is not None and at == step:
                h[0, units] = value
        return h

    text = "a good film 4"
    with torch.no_grad():
        value = torch.full((3,), 0.9) if how == "clamp" else walk(other, "backward")[0, units]
        plain, changed = (
            network.head(torch.cat([walk(text, "forward"), walk(text, "backward", each)], -1)).softmax(-1)[0]
            for each in (None, value)
        )
    ask = {
        "text": text, "part": "layers.0.backward.h", "units": units, "first": step, "last": step, "how": how, "value": 0.9,
        "other": other,
    }  # fmt: skip
    found = more.json("/runs/films-both-ways/see/change", ask)
    names = list(run.encoder.labels)
    for told, wanted in ((found["before"], plain), (found["after"], changed)):
        for name, share in told["answer"]:
            assert share == pytest.approx(float(wanted[names.index(name)]), abs=1e-4)
    assert found["moved"] > 1e-4
