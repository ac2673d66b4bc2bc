"""The documentation lists what there is, and its pages ask nothing of the network."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from elman.core.catalogue import catalogue
from elman.core.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ROOMS = {
    "cells": "cells", "sources": "data.sources", "tasks": "tasks", "executors": "engine.executors",
    "rivals": "evaluation.baselines", "questions": "interpretation", "verbs": "cli",
}  # fmt: skip


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(generate: ModuleType) -> dict[str, str]:
    made: dict[str, str] = generate.pages()
    return made


@pytest.mark.parametrize(("page", "room"), ROOMS.items())
def test_every_member_is_listed_with_its_summary(pages: dict[str, str], page: str, room: str) -> None:
    text = pages[f"reference/{page}.md"]
    for entry in catalogue(room).values():
        assert f"## {entry.name}\n\n{entry.summary}" in text


def test_every_option_is_listed_with_its_default_and_comment(pages: dict[str, str]) -> None:
    text = pages["reference/options.md"]
    for kind in Recipe.sections().values():
        for field in dataclasses.fields(kind):
            assert f"| `{field.name}` |" in text
    row = next(line for line in text.splitlines() if line.startswith("| `batch_size` |"))
    assert "whole number" in row and "| – |" in row
    row = next(line for line in text.splitlines() if line.startswith("| `weight_decay` |"))
    assert "`0.01`" in row
    assert "share of the steps in which the rate rises" in text


def test_comments_beside_options_are_found(generate: ModuleType) -> None:
    comments = generate.option_comments()
    assert comments["DataOptions"]["limit"] == "at most so many training examples"
    assert sum(map(bool, comments["TrainingOptions"].values())) > 5


def test_every_page_is_in_the_navigation(pages: dict[str, str]) -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in [*(entry.name for entry in DOCS.glob("*.md")), *pages]:
        assert f": {path}\n" in nav, f"{path} is in no menu"


def test_settings_named_in_prose_exist() -> None:
    flags = {
        field.name.replace("_", "-")
        for kind in Recipe.sections().values()
        for field in dataclasses.fields(kind)
    }
    flags |= {"help", "out", "resume", "dry-run", "find-rate", "quiet", "name", "task", "rival"}
    for path in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            if "elman train" in line or line.lstrip().startswith("Every setting is a flag"):
                unknown = set(re.findall(r"(?<![\w-])--(?:no-)?([a-z][a-z-]+)", line)) - flags
                assert not unknown, f"{path.name}: {unknown} in {line!r}"


def test_sources_and_verbs_named_in_prose_exist() -> None:
    for path in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for verb, word in re.findall(r"^elman (\w+)(?: ([\w./-]+))?", path.read_text(encoding="utf-8"), re.M):
            assert verb in catalogue("cli"), f"{path.name}: elman {verb}"
            if (
                verb == "train"
                and word
                and "." not in word
                and not word.startswith("-")
                and word != "huggingface"
            ):
                assert word.replace("-", "_") in catalogue("data.sources"), f"{path.name}: elman train {word}"


def test_the_site_builds_strictly_and_works_offline(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]*\ssrc=[\"']?(https?:)?//|<link[^>]*rel=[\"']?(?:stylesheet|preconnect)[^>]*//"
    )
    for path in tmp_path.rglob("*.html"):
        assert not loaded.search(path.read_text(encoding="utf-8")), path.name
    assert "fonts.googleapis" not in (tmp_path / "index.html").read_text(encoding="utf-8")
