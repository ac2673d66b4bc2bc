"""Forecasts on the page: the same numbers as `predict`, a past that is edited, a future that is changed, files that are dropped."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import elman
from elman.examples import dataset_of, stretch, worst

from .conftest import Server

RUN = "/runs/sales-gru"


def test_the_window_is_of_the_validation_split_and_forecast_as_predict_does(server: Server) -> None:
    window = server.json(f"{RUN}/strip/errors", {})["choices"][0]
    found = server.json(f"{RUN}/play/forecast", window)["series"]["units"]
    table = elman.predict(
        server.folder / "sales-gru", pl.DataFrame(window["past"]), pl.DataFrame(window["future"])
    )
    for name in ("prediction", "low", "high"):
        assert found[name] == pytest.approx(table[name].to_list(), rel=1e-6)
    run = elman.Run.open(server.folder / "sales-gru")
    data = dataset_of(run)
    past, future, came = stretch(run, data, 1)
    assert past["day"].max() < future["day"].min() == came["day"].min()
    assert came["day"].max() < data.borders[1]
    assert came.equals(data.frame.filter(pl.col("day").is_in(came["day"].implode())).select("day", "units"))


def test_what_was_got_worst_is_wrong_and_sorted(server: Server) -> None:
    run = elman.Run.open(server.folder / "book-lstm")
    found = worst(run, dataset_of(run), 10)
    assert [one.error for one in found] == sorted((one.error for one in found), reverse=True)
    text = dataset_of(run).splits["validation"]
    assert all(one.text in text and one.text.endswith(one.true) for one in found)


def test_an_edited_past_and_a_changed_future_move_the_forecast(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/play")
    page.wait_for_selector("#fan path.ahead")
    before = page.inner_text("#answer")
    page.locator("#track").focus()
    page.keyboard.press("End")
    page.fill("#value", "300")
    page.wait_for_function(
        "(was) => document.getElementById('answer').textContent != was && document.querySelector('#fan path.before')",
        arg=before,
    )
    assert "by your changes" in page.inner_text("#answer")
    page.click("#undo")
    page.wait_for_function("(was) => document.getElementById('answer').innerText == was", arg=before)
    page.fill("#known tbody tr td:nth-of-type(2) input", "1")
    page.fill("#known tbody tr td:nth-of-type(3) input", "1")
    page.wait_for_function("() => document.getElementById('answer').textContent.includes('by your changes')")


def test_a_point_is_dragged(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/play")
    page.wait_for_selector("#fan circle.dot")
    page.locator("#fan").scroll_into_view_if_needed()
    box = page.locator("#fan circle.dot").nth(12).bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + 3, box["y"] - 30, steps=4)
    page.mouse.up()
    page.wait_for_function("() => document.getElementById('answer').textContent.includes('by your changes')")


def test_a_file_is_opened(page: Any, server: Server) -> None:
    page.goto(f"{server.address}{RUN}/play")
    page.wait_for_selector("#fan path.ahead")
    rows = "\n".join(f"2024-01-{n + 1:02d},{n % 7},0" for n in range(20))
    future = "\n".join(f"2024-01-{n + 21:02d},,1" for n in range(7))
    page.set_input_files(
        "#file",
        {
            "name": "own.csv",
            "mimeType": "text/csv",
            "buffer": f"day,units,promo\n{rows}\n{future}\n".encode(),
        },
    )
    page.wait_for_function("() => document.getElementById('answer').textContent.includes('after 2024-01-20')")
    page.goto(f"{server.address}/runs/films-gru/play")
    page.set_input_files(
        "#file", {"name": "own.txt", "mimeType": "text/plain", "buffer": b"a bad film\na fine film\n"}
    )
    page.wait_for_function("() => document.getElementById('text').value == 'a bad film'")
    page.select_option("#choices", index=1)
    page.wait_for_function("() => document.getElementById('answer').textContent.startsWith('good')")
    page.click("#errors")
    page.wait_for_function("() => !document.getElementById('offered').textContent.includes('Reading')")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x.pkl", "content": "a"}, {"name": "../x.csv", "content": 3}, {"name": "x.csv", "content": ""},
        {"name": "x.csv", "content": "day\n1"}, {"name": ["x.csv"], "content": "a"}, {},
    ],
)  # fmt: skip
def test_what_is_no_file_of_ours_is_refused(server: Server, body: dict[str, Any]) -> None:
    status, _, content = server.ask(f"{RUN}/strip/file", body)
    assert status == 400 and b"/tmp" not in content


@pytest.mark.parametrize(
    "past",
    [
        None,
        {},
        [],
        {"day": []},
        {"day": ["2020-01-01"]},
        {"day": [{}], "units": [1]},
        {"day": ["a"] * 30, "units": ["b"] * 30},
    ],
)
def test_what_is_no_past_is_refused(server: Server, past: Any) -> None:
    assert server.ask(f"{RUN}/play/forecast", {"past": past})[0] == 400
    assert server.ask(f"{RUN}/strip/read", {"past": past})[0] == 400
