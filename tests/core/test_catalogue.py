from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from elman.core import catalogue as module
from elman.core.catalogue import catalogue, find
from elman.core.errors import UnknownName


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with one room of two members, one private file and a contract."""
    folder = tmp_path / "pets"
    folder.mkdir()
    for name, text in {
        "__init__": '"""Pets."""', "contract": '"""What a pet is."""', "_food": '"""Private."""',
        "cat": '"""A cat.\n\nIt purrs.\n"""\nraise RuntimeError("imported")\n', "dog": "",
    }.items():  # fmt: skip
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    catalogue.cache_clear()
    yield "pets"  # type: ignore[misc]
    catalogue.cache_clear()


def test_the_folder_is_the_list_and_nothing_is_imported(room: str) -> None:
    entries = catalogue(room)
    assert list(entries) == ["cat", "dog"]
    assert entries["cat"].summary == "A cat." and "purrs" in entries["cat"].docstring
    assert entries["cat"].module == "elman.pets.cat"
    assert entries["dog"].summary == ""


def test_a_wrong_name_gets_the_nearest(room: str) -> None:
    with pytest.raises(UnknownName, match="unknown pet 'cta'"):
        find(room, "cta")


def test_dashes_and_capitals_do_not_matter() -> None:
    assert find("cells", " LSTM ").__name__ == "elman.cells.lstm"


def test_a_list_of_cells_needs_no_torch() -> None:
    code = (
        "import sys; from elman.core.catalogue import catalogue; "
        "print(len(catalogue('cells'))); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 4


@pytest.mark.parametrize("of", ["cells", "cli", "data.sources", "evaluation.baselines", "tasks"])
def test_docstrings_are_those_that_python_sees(of: str) -> None:
    folder = module.PACKAGE / of.replace(".", "/")
    for name, entry in catalogue(of).items():
        assert entry.docstring == ast.get_docstring(ast.parse((folder / f"{name}.py").read_text())), name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n'no docstring'", ""),
        ("# why\n\n'One.'\n", "One."),
        ("'''One.\n\n    Two.\n'''", "One.\n\nTwo."),
    ],
)
def test_where_a_docstring_may_stand(room: str, text: str, found: str) -> None:
    (module.PACKAGE / room / "dog.py").write_text(text, encoding="utf-8")
    assert catalogue(room)["dog"].docstring == found
