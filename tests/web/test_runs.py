"""Runs, in a real browser: the table, curves that grow, runs side by side, the recipe, deletion; and attacks on deletion."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import workbench
from elman.core.busy import busy
from elman.training.checkpoint import read_weights
from elman.web.thin import thin

from .conftest import Server

HERE = "/runs/films-gru/runs"


@pytest.fixture(scope="module")
def other(server: Server) -> Iterator[str]:
    """A second run on the same texts."""
    folder = server.folder / "films-rnn"
    texts = str(server.folder.parent / "films.csv")
    workbench.fit(texts, out=folder, cell="rnn", steps=60, hidden_size=8, seed=0)
    yield folder.name
    shutil.rmtree(folder)


@pytest.fixture
def spare(server: Server) -> Iterator[Path]:
    """A run that may be lost."""
    folder = server.folder / "spare run"
    shutil.copytree(server.folder / "films-gru", folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_twin_says_what_the_scores_say(server: Server) -> None:
    row = next(row for row in server.json(f"{HERE}.json")["runs"] if row["name"] == "films-gru")
    stored = json.loads((server.folder / "films-gru" / "scores.json").read_text())["test"]
    network = next(one for one in stored["rows"] if not one["is_rival"])
    assert row["score"].endswith("%")
    assert float(row["score"].rstrip("%")) == pytest.approx(
        100 * network["metrics"]["accuracy"]["value"], abs=0.6
    )
    assert row["state"] == "trained" and row["network"] == "gru 1 × 8" and row["verdict"] == stored["verdict"]


def test_a_damaged_run_hides_no_other(server: Server, spare: Path) -> None:
    (spare / "recipe.toml").write_text("cell = [", encoding="utf-8")
    rows = {row["name"]: row for row in server.json(f"{HERE}.json")["runs"]}
    assert rows["spare run"]["state"] == "damaged" and "TOML" in rows["spare run"]["words"]
    assert rows["films-gru"]["state"] == "trained"


def test_curves_are_those_of_the_log(server: Server) -> None:
    found = server.json(f"{HERE}/curves", {"runs": ["films-gru"]})
    rows = [
        json.loads(line) for line in (server.folder / "films-gru" / "metrics.jsonl").read_text().splitlines()
    ]
    line = found["curves"]["train_loss"][0]
    assert line["x"] == [row["step"] for row in rows] and line["y"] == [row["train_loss"] for row in rows]
    assert found["training"] == [] and "seconds" not in found["curves"]


@pytest.mark.parametrize(
    "body",
    [{}, {"runs": []}, {"runs": "films-gru"}, {"runs": ["a"] * 9}, {"runs": ["films-gru"], "axis": "name"}, {"runs": ["../secret"]}, {"runs": [None]}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(server: Server, body: dict[str, Any]) -> None:
    assert server.ask(f"{HERE}/curves", body)[0] in (400, 404)


def test_a_long_line_keeps_its_spikes() -> None:
    values = np.sin(np.arange(100_000) / 900.0)
    values[54_321], values[7] = 40.0, np.nan
    kept = thin(values)
    assert len(kept) <= 600 and {0, 54_321, 99_999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all() and np.nanmin(values[kept]) == np.nanmin(values)
    assert thin(np.arange(5.0)).tolist() == [0, 1, 2, 3, 4]


def test_a_long_training_is_thinned(server: Server, spare: Path) -> None:
    rows = "".join(json.dumps({"step": k, "train_loss": 1 / (k + 1)}) + "\n" for k in range(100_000))
    (spare / "metrics.jsonl").write_text(rows, encoding="utf-8")
    began = time.monotonic()
    status, _, content = server.ask(f"{HERE}/curves", {"runs": ["spare run"]})
    assert status == 200 and len(content) < 60_000 and time.monotonic() - began < 10
    began = time.monotonic()
    server.json(f"{HERE}/curves", {"runs": ["spare run"]})
    assert time.monotonic() - began < 2  # it is not read again


def test_runs_side_by_side(page: Any, server: Server, other: str) -> None:
    page.goto(server.address + HERE)
    page.wait_for_selector("#curves svg path.curve")
    page.check(f"#runs tr[data-run={other}] input")
    page.wait_for_function("() => document.querySelectorAll('#curves path.curve').length == 2")
    page.wait_for_selector("#compared table")
    assert "cell gru → rnn" in page.inner_text("#compared")
    score = page.inner_text(f"#runs tr[data-run={other}] .score").split("\n")
    told = page.locator("#compared tbody tr", has_text=other).locator("td").all_inner_texts()
    assert score[0].endswith("%") and told[0].split("\n") == score[:2]  # one number is told in one way
    assert "points" in told[1] and any(sign in told[1] for sign in ("p =", "p ≤"))
    page.set_viewport_size({"width": 360, "height": 740})  # where all of it is seen, too
    assert page.evaluate("(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('#compared .scroll'))") <= 1  # fmt: skip
    page.set_viewport_size({"width": 1200, "height": 900})
    page.select_option("#split", "validation")
    page.wait_for_function("() => document.querySelector('#compared table')")
    page.select_option("#measure", "accuracy")
    assert "accuracy" in (page.get_attribute("#curves svg", "aria-label") or "")
    page.select_option("#axis", "epoch")
    page.wait_for_function("() => document.querySelector('#curves svg').ariaLabel.includes('epochs')")
    page.hover("#curves svg")
    page.wait_for_function(
        "() => /films-.*: .* at epoch/.test(document.getElementById('curves-note').textContent)"
    )
    page.uncheck(f"#runs tr[data-run={other}] input")
    page.wait_for_function("() => document.getElementById('compare').hidden")


def test_runs_on_other_data_are_drawn_and_why_they_are_not_compared_stands_in_place(
    page: Any, server: Server
) -> None:
    page.goto(server.address + HERE)
    page.check("#runs tr[data-run=sales-gru] input")
    page.wait_for_function("() => document.querySelectorAll('#names li').length === 2")
    page.wait_for_function("() => document.getElementById('compared').textContent.includes('different data')")
    assert page.is_hidden("#problem")
    page.uncheck("#runs tr[data-run=sales-gru] input")
    page.wait_for_function("() => document.getElementById('compare').hidden")
    page.wrong.clear()  # the browser tells of the refusal, too


def test_a_table_in_which_nothing_changed_is_left_alone(page: Any, server: Server) -> None:
    page.goto(f"{server.address}/runs/films-gru/runs")
    page.evaluate("document.querySelector('#runs tbody tr').dataset.mark = 1")
    for _ in range(2):
        with page.expect_response("**/runs.json"):
            pass
    page.wait_for_timeout(200)
    assert page.locator("tr[data-mark]").count() == 1


def test_the_recipe_repeats_the_run(page: Any, server: Server) -> None:
    page.goto(server.address + HERE)
    page.get_by_role("button", name="films-gru", exact=True).click()
    page.wait_for_selector("#details:not([hidden])")
    command = page.inner_text("#command")
    assert command == f"elman train {(server.folder / 'films-gru' / 'recipe.toml').as_posix()}"
    assert "model.hidden_size" in page.inner_text("#changed")
    page.get_by_text("The whole recipe").click()
    assert (
        page.inner_text("#recipe").strip()
        == (server.folder / "films-gru" / "recipe.toml").read_text().strip()
    )


def test_curves_grow_while_a_training_goes_on(page: Any, server: Server, spare: Path) -> None:
    rows = [{"step": k, "epoch": k / 10, "train_loss": 1 / k} for k in range(1, 4)]
    log = spare / "metrics.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with busy(spare):
        page.goto(f"{server.address}/runs/spare%20run/runs")
        page.wait_for_function("() => document.querySelectorAll('#curves circle[fill]').length == 3")
        assert page.inner_text("tr[data-run='spare run'] .state") == "training"
        page.get_by_role("button", name="spare run", exact=True).click()
        page.wait_for_selector("#details:not([hidden])")
        assert page.is_disabled("#delete")
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": 4, "epoch": 0.4, "train_loss": 0.2}) + "\n")
        page.wait_for_function("() => document.querySelectorAll('#curves circle[fill]').length == 4")
    page.wait_for_function(
        "() => document.querySelector(\"tr[data-run='spare run'] .state\").textContent == 'trained'"
    )


def test_deletion_asks_first(page: Any, server: Server, spare: Path) -> None:
    page.goto(server.address + HERE)
    page.get_by_role("button", name="spare run", exact=True).click()
    page.click("#delete")
    assert "spare run" in page.inner_text("#sure")
    page.keyboard.press("Enter")  # the safe answer has the focus
    page.wait_for_function("() => !document.getElementById('sure').open")
    assert spare.exists()
    page.click("#delete")
    page.keyboard.press("Escape")
    assert spare.exists()
    page.click("#delete")
    page.click("#really")
    page.wait_for_function("() => !document.querySelector(\"tr[data-run='spare run']\")")
    assert not spare.exists() and not list(server.folder.glob(".deleted*"))


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "../secret", "/", "..\\secret", "secret", "link", "films-gru/..", "films-gru/checkpoints", "%2e%2e", "\x00", None, ["films-gru"]],
)  # fmt: skip
def test_deletion_does_not_leave_the_folder(server: Server, name: Any) -> None:
    link = server.folder / "link"
    if not link.exists():
        link.symlink_to(server.folder.parent / "secret", target_is_directory=True)
    before = sorted(str(path) for path in server.folder.parent.rglob("*"))
    assert server.ask(f"{HERE}/delete", {"run": name, "sure": name})[0] in (400, 404)
    assert sorted(str(path) for path in server.folder.parent.rglob("*")) == before


def test_a_link_inside_a_run_is_not_followed(server: Server, spare: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept", encoding="utf-8")
    (spare / "way out").symlink_to(tmp_path, target_is_directory=True)
    assert server.ask(f"{HERE}/delete", {"run": "spare run", "sure": "spare run"})[0] == 200
    assert not spare.exists() and (tmp_path / "precious").read_text() == "kept"


def test_deletion_needs_its_answer_and_our_page(server: Server, spare: Path) -> None:
    sure = {"run": "spare run", "sure": "spare run"}
    assert server.ask(f"{HERE}/delete", {"run": "spare run"})[0] == 400
    assert server.ask(f"{HERE}/delete", {**sure, "sure": "yes"})[0] == 400
    assert server.ask(f"{HERE}/delete")[0] in (404, 405)
    assert server.ask(f"{HERE}/delete", sure, Origin="http://evil.example")[0] == 403
    assert server.ask(f"{HERE}/delete", sure, Content_Type="text/plain")[0] == 415
    assert server.ask(f"{HERE}/delete", sure, Cookie=None)[0] == 401
    with busy(spare):
        status, _, content = server.ask(f"{HERE}/delete", sure)
        assert status == 400 and b"in training" in content
    assert spare.exists()


def test_a_training_is_not_disturbed(server: Server, tmp_path: Path) -> None:
    """The same recipe gives the same weights to the bit while the page looks at it, and cannot be deleted meanwhile."""
    watched, alone = server.folder / "watched", tmp_path / "alone"
    texts = str(server.folder.parent / "films.csv")
    given = ["--cell", "gru", "--hidden-size", "8", "--steps", "400", "--validations", "40"]
    refused, states, done = [], [], threading.Event()

    def look() -> None:
        while not done.is_set():
            rows = {row["name"]: row for row in server.json(f"{HERE}.json")["runs"]}
            if rows.get("watched", {}).get("state") == "training":
                states.append(rows["watched"])
                server.json(f"{HERE}/curves", {"runs": ["watched"]})
                if (rows["watched"].get("share") or 0) < 0.5:  # one that has ended meanwhile may be deleted
                    refused.append(server.ask(f"{HERE}/delete", {"run": "watched", "sure": "watched"})[0])
            time.sleep(0.02)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for folder in (watched, alone):
            command = [sys.executable, "-m", "elman", "train", texts, *given, "--out", str(folder)]
            subprocess.run(command, check=True, capture_output=True, timeout=200)
    finally:
        done.set()
        thread.join()
    try:
        assert states and set(refused) == {400}
        first, second = (
            read_weights(folder / "checkpoints" / "best.safetensors")[0] for folder in (watched, alone)
        )
        assert first.keys() == second.keys() and all(
            bool((first[name] == second[name]).all()) for name in first
        )
        assert not (watched / ".training.lock").exists()
    finally:
        shutil.rmtree(watched)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window(page: Any, server: Server, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(server.address + HERE)
    page.get_by_role("button", name="films-gru", exact=True).click()
    page.wait_for_selector("#details:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, a[href]')].filter(one =>
            !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).map(one => one.outerHTML)"""
    )
    assert nameless == []
