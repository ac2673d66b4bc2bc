"""The table of options in the documentation says what the code does: it is made from the code, and told apart here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from elman.engine.kernels import library
from elman.models.rnn import RNN

from .choices import CELLS, FORGETTING, KEYWORDS, OPTIONS, RECURRENT

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate_options", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_option_has_a_row_and_a_sentence(generate):
    assert set(generate.LAYER_OPTIONS) == set(KEYWORDS) - {"executor"} | {"none"}
    page = (DOCS / "options.md").read_text(encoding="utf-8")
    for option in (*KEYWORDS, *generate.CALLS):
        if option not in ("executor", "bidirectional", "trace"):
            assert f"`{option}`" in page.partition("## Who takes it")[0], option
    assert generate.TABLE in page


def test_a_dash_stands_where_the_code_refuses(generate):
    for option, (settings, cells) in OPTIONS.items():
        assert settings.keys() == generate.LAYER_OPTIONS[option].keys()
        for cell in CELLS:
            assert bool(generate.serving(cell, option)) == (cell in cells), (cell, option)
    assert set(CELLS) > RECURRENT and set(CELLS) > FORGETTING


def test_the_first_letter_is_who_runs_it(generate):
    import torch

    for cell in CELLS:
        chosen = RNN(cell, 8, 8, zoneout=0.1).plan(torch.zeros(1, 2, 8)).chosen
        assert generate.serving(cell, "zoneout")[0] == chosen
    first = "native" if library() is not None else "vendor"
    assert generate.serving("lstm", "none")[0] == generate.serving("gru", "weight_drop")[0] == first
    assert (
        "vendor" in generate.serving("lstm", "projection_size")
        and generate.serving("gru", "projection_size") == []
    )
    assert generate.serving("mingru", "layer_norm")[-2:] == ["scan", "reference"]
    assert "vendor" not in generate.serving("lstm", "trace")


def test_the_page_holds_the_table(generate):
    made = generate.on_page_markdown((DOCS / "options.md").read_text(encoding="utf-8"))
    rows = [line for line in made.splitlines() if line.startswith("| `")]
    table = [line for line in rows if line.count("|") == len(CELLS) + 2]
    assert len(table) == len(generate.LAYER_OPTIONS) + len(generate.CALLS) and generate.TABLE not in made


@pytest.mark.parametrize("cell", CELLS)
def test_a_cells_page_tells_what_is_measured(generate, cell):
    text = generate.cell_facts(cell)
    assert " parameters, " in text and "`h`" in text and "- run by: " in text
    assert text in generate.pages()["reference/cells.md"]
