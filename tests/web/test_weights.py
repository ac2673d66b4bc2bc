"""A checkpoint of a run on the page: its own weights answer, its address is its own, and a wrong file is told in one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import elman
from elman.__main__ import main
from elman.cli.open import shelf_of
from elman.core.errors import RunError
from elman.run import Run
from elman.training.checkpoint import load_model, read_state
from elman.web.shelf import Shelf

from .conftest import Server

TEXT = "a fine good film"


def checkpoint(folder: Path, name: str = "last") -> Path:
    return folder / "films-gru" / "checkpoints" / f"{name}.safetensors"


def test_it_answers_with_its_own_weights(server: Server) -> None:
    run = Run.of_checkpoint(checkpoint(server.folder))
    assert (run.name, run.checkpoint) == ("films-gru", "last") and set(run.checkpoints) >= {"best", "last"}
    _, tensors = read_state(checkpoint(server.folder))
    weights = run.network.state_dict()
    assert all(torch.equal(value, tensors[f"model.{name}"]) for name, value in weights.items())
    best = Run.open(server.folder / "films-gru").network
    assert any(not torch.equal(value, weights[name]) for name, value in best.state_dict().items())
    inputs = torch.from_numpy(run.encoder.text.encode(TEXT)).long()[None]
    with torch.no_grad():
        wanted = run.network(inputs).values.softmax(-1)[0].tolist()
    for name, shares in (("films-gru@last", wanted), ("films-gru@best", None)):
        told = server.json(f"/runs/{name}/strip/read", {"text": TEXT})["classes"]
        found = dict(zip(told["labels"], told["shares"]))
        if shares is None:  # the run itself
            told = server.json("/runs/films-gru/strip/read", {"text": TEXT})["classes"]
            assert found == dict(zip(told["labels"], told["shares"]))
        else:
            assert [found[label] for label in ("bad", "good")] == pytest.approx(shares, abs=1e-6)


def test_weights_alone_and_a_whole_state_can_be_loaded(server: Server) -> None:
    for name in ("best", "last"):
        network: nn.Module = Run(server.folder / "films-gru").network
        load_model(network, checkpoint(server.folder, name))


def test_it_is_opened_with_its_run_and_says_what_is_not_of_it(server: Server, page: Any) -> None:
    shelf = shelf_of(checkpoint(server.folder))
    assert shelf.front() == "/runs/films-gru%40last"
    assert shelf_of(checkpoint(server.folder, "best")).front() == "/runs/films-gru"
    assert ("/runs/films-gru%40last", "films-gru, last weights") in shelf.beside(
        shelf.subject("films-gru@last")
    )
    told = server.json("/runs/films-gru@last/trust.json")
    assert "which were not evaluated" in told["verdict"] and told["findings"] == []
    assert server.json("/runs/films-gru@last/trust/section", {"part": "results"})["html"].strip() == ""
    page.goto(f"{server.address}/runs/films-gru@last/play")
    page.fill("#text", TEXT)
    page.wait_for_selector("#classes li")
    assert page.locator("#run option:checked").inner_text() == "films-gru, last weights"
    page.get_by_role("link", name="Trust").click()
    page.wait_for_selector("#curve svg")
    assert "were not evaluated" in page.inner_text("main > .verdict")
    page.select_option("#run", label="films-gru")
    page.wait_for_selector("#part-results section")


@pytest.mark.parametrize(
    "name", ["films-gru@none", "films-gru@..%2Fbest", "films-gru@", "@last", "none@last"]
)
def test_only_what_is_there_can_be_asked_for(server: Server, name: str) -> None:
    assert server.ask(f"/runs/{name}/play")[0] in (404, 405)


def test_a_run_whose_name_holds_an_at_is_itself(server: Server, tmp_path: Path) -> None:
    shutil.copytree(server.folder / "films-gru", tmp_path / "a@last")
    assert Shelf(tmp_path).subject("a@last").run.checkpoint == "best"
    assert Shelf(tmp_path).subject("a@last@last").run.checkpoint == "last"


def test_a_wrong_file_is_told_with_the_fix(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "films-gru"
    shutil.copytree(server.folder / "films-gru", folder)
    rotten = checkpoint(tmp_path, "rotten")
    rotten.write_bytes(checkpoint(tmp_path).read_bytes()[:-100])
    text = checkpoint(tmp_path, "text")
    text.write_text("no weights", encoding="utf-8")
    foreign = checkpoint(tmp_path, "foreign")
    save_file({"a": torch.zeros(2)}, str(foreign))
    other = checkpoint(tmp_path, "other")
    shutil.copy(server.folder / "book-lstm" / "checkpoints" / "best.safetensors", other)
    alone = tmp_path / "alone.safetensors"
    shutil.copy(checkpoint(tmp_path), alone)
    for path, part in (
        (rotten, "Restore it from a copy or train again"),
        (text, "no safetensors file"),
        (foreign, "was not written by Elman"),
        (other, "does not fit the network of recipe.toml"),
        (alone, "put the file back there"),
        (folder / "run.json", "expected RUN/checkpoints/NAME.safetensors"),
        (checkpoint(tmp_path, "lst"), "films-gru has best, foreign, last"),
    ):
        with pytest.raises(RunError, match=part):
            shelf_of(path)
        assert main(["open", str(path), "--port", "0"]) == 2
        told = capsys.readouterr().err
        assert part in told and "Traceback" not in told
    assert elman.Run.open(folder).checkpoint == "best"
