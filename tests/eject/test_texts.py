"""A run with class weights as a plain script: the same loss, the same choice of weights."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import elman
from elman.eject.write import eject


@pytest.fixture
def rare(tmp_path):
    """One text in ten is `bad`; half of those, and a fifth of the others, have the word grim."""
    draw, rows = np.random.default_rng(0), ["text,label"]
    for k in range(1500):
        grim = draw.random() < (0.2 if k % 10 else 0.5)
        rows.append(f"{'grim' if grim else 'plain'} thing {k},{'good' if k % 10 else 'bad'}")
    path = tmp_path / "rare.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_class_weights(rare, tmp_path, monkeypatch):
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    run = elman.fit(
        rare, out=tmp_path / "run", class_weights="balanced", tokenizer="words", vocabulary_size=5, hidden_size=4,
        embedding_size=4, steps=120, validations=6, learning_rate=0.02, rivals=("majority",), explained=False,
    )  # fmt: skip
    script, found = eject(run, tmp_path / "plain"), {}
    assert len(script.read_text().splitlines()) <= 200
    for more in ([], ["--train"]):
        said = subprocess.run(
            [sys.executable, str(script), *more], capture_output=True, text=True, timeout=120, check=True
        )
        found[bool(more)] = float(re.search(r"validation accuracy ([0-9.]+)", said.stdout).group(1))
    kept = max(run.history, key=lambda row: row["f1"])
    assert found[False] == pytest.approx(kept["accuracy"], abs=1e-5)
    assert kept["accuracy"] < 0.85  # nine in ten are right where every text is called good
    assert found[True] == pytest.approx(kept["accuracy"], abs=1e-5)
    chose = [float(value) for value in re.findall(r"loss .*  validation ([0-9.]+)", said.stdout)]
    assert max(chose) == pytest.approx(kept["f1"], abs=1e-4)
