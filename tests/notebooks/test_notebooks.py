"""Each notebook, executed from top to bottom: what it teaches still runs, and it writes nothing beside itself."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NEEDS = {"4-weather-and-stocks": "vega_datasets"}
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_four() -> None:
    assert [path.stem[0] for path in NOTEBOOKS] == ["1", "2", "3", "4"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra `notebook`)")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `notebook`)")
    if find_spec("ipykernel") is None:
        pytest.skip("ipykernel is not installed (extra `notebook`)")
    sample = NEEDS.get(path.stem)
    if sample and find_spec(sample) is None:
        pytest.skip(f"{sample} is not installed (extra `samples`)")
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    work = tmp_path / "work"
    work.mkdir()
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "store no outputs"
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    )
    client.execute()
    assert not list(work.iterdir()), "a notebook writes under a temporary folder only"
