"""The house as it is built, measured: who imports whom, how large files are, what names are used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import elman
from elman.core.catalogue import catalogue

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "elman"

# Listing order is import order: a room imports only rooms above it.
ROOMS = (
    "core", "data", "encoding", "cells", "engine", "models", "training", "evaluation", "interpretation", "tasks",
    "report", "run", "web", "workbench", "eject", "cli",
)  # fmt: skip
# What lies beside the rooms is what is asked of a run, or the main path, but for the two ends: the package itself and its command.
MAIN = {"workbench", "cross_validation", "estimator", "follow", "shipped"}
ENDS = {"__init__", "__main__"}
CATALOGUES = (
    "cells", "data.sources", "engine.executors", "evaluation.baselines", "interpretation", "tasks", "web.pages", "cli",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="the source tree is not here")


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str | None:
    """The room of a dotted module below elman; None for the package and the command."""
    first = module.split(".")[1] if "." in module else "__init__"
    if first in ENDS:
        return None
    return first if first in ROOMS else "workbench" if first in MAIN else "run"


def imports_of(tree: ast.AST, module: str, is_package: bool) -> list[tuple[int, str]]:
    """(line, module) for every import of ours, at any depth and under TYPE_CHECKING, too: a type is knowledge."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            found += [
                (node.lineno, f"{base}.{alias.name}" if base == "elman" else base) for alias in node.names
            ]
    return [(line, name) for line, name in found if name.split(".")[0] == "elman"]


def upward_imports(path: Path, text: str) -> list[str]:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    module = ".".join(parts)
    room = room_of(module)
    if room is None:
        return []
    wrong = []
    for line, name in imports_of(ast.parse(text), module, path.name == "__init__.py"):
        other = room_of(name)
        if other is None:
            if room == "core" and name != "elman.__version__":
                wrong.append(f"{path.relative_to(ROOT)}:{line} {name}")
        elif ROOMS.index(other) > ROOMS.index(room):
            wrong.append(f"{path.relative_to(ROOT)}:{line} {room} imports {name}")
        elif other == "training" and room in ("evaluation", "interpretation"):
            wrong.append(f"{path.relative_to(ROOT)}:{line} {room} must know nothing of training")
    return wrong


def test_a_room_imports_only_rooms_above_it() -> None:
    wrong = [entry for path in sources() for entry in upward_imports(path, path.read_text(encoding="utf-8"))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("where", "text", "count"),
    [
        ("core/x.py", "from elman.data.contract import Source", 1),
        ("evaluation/x.py", "def f():\n    from elman.training.loop import fit", 1),
        ("cells/x.py", "from ..models import rnn", 1),
        ("cells/x.py", "from elman import workbench", 1),
        ("tasks/x.py", "import elman.report.page", 1),
        (
            "cells/x.py",
            "from elman.core.errors import ElmanError\nfrom .contract import Cell\nimport torch",
            0,
        ),
    ],
)
def test_the_measure_sees_what_it_should(where: str, text: str, count: int) -> None:
    assert len(upward_imports(PACKAGE / where, text)) == count


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(ROOMS), f"not in the order of the rooms: {folders - set(ROOMS)}"


def test_files_stay_small() -> None:
    long = {}
    for path in [*sources(), *(ROOT / "tests").rglob("*.py")]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > 400:
            long[str(path.relative_to(ROOT))] = lines
    assert not long, f"over 400 lines: {long}"


def test_there_is_no_drawer_for_the_rest() -> None:
    names = [
        path
        for path in PACKAGE.rglob("*")
        if path.stem.strip("_") in ("utils", "util", "helpers", "misc", "common")
    ]
    assert not names, names


def test_every_file_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent, f"no docstring: {silent}"


@pytest.mark.parametrize("room", CATALOGUES)
def test_every_member_has_a_summary(room: str) -> None:
    for entry in catalogue(room).values():
        assert 10 <= len(entry.summary) <= 120, (
            f"{entry.module}: the first line of its docstring is {entry.summary!r}"
        )


def test_no_machine_path_is_in_the_tree() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"(?<![\w.~)}\]])/(?:work|home|Users|root|tmp|mnt)/[\w.-]+")
    found = []
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if (
            not path.is_file()
            or path.suffix in (".png", ".parquet", ".safetensors", ".gz")
            or path == Path(__file__).resolve()
        ):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{name}:{number} {line.strip()[:100]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "statement",
    ["import elman", "import elman.core.catalogue", "import elman.core.recipe", "import elman.__main__"],
)
def test_the_command_starts_without_torch(statement: str) -> None:
    heavy = "{'torch', 'polars', 'numpy', 'sklearn'}"
    code = f"import sys; before = set(sys.modules); {statement}; print(sorted((set(sys.modules) - before) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_needs_no_torch() -> None:
    code = "import sys; from elman.__main__ import main; main(['--help']); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "elman train" in done.stdout or "train" in done.stdout


def test_the_version_is_one() -> None:
    import tomllib

    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert elman.__version__ == stated
    assert f"version: {stated}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
