"""Models of torch's own, trained without Elman: an nn.LSTM opened by a script of ten lines, and an nn.GRU trained on trials."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from page import Entry
from trained import FOLDER

from elman.core.results import Finding
from elman.core.showing import svg

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SEED = 0


def said_by(script: Path, folder: Path) -> str:
    """What a script prints, run in a folder."""
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{done.stderr}")
    return done.stdout.strip()


def trials(page: str, folder: Path) -> tuple[Finding, torch.Tensor]:
    """The example of trials in the text of Looking inside, run as it stands in a folder: its finding and the trials."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "class Decision" in block)
    names: dict[str, Any] = {}
    before = Path.cwd()
    torch.manual_seed(SEED)
    try:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, names)
    finally:
        os.chdir(before)
    return names["dynamics"], names["x"]


def by_condition(finding: Finding) -> dict[str, Any]:
    """Of the pictures of dynamics, those that tell trials apart."""
    chart = finding.chart or {}
    return {
        **chart,
        "vconcat": [each for each in chart["vconcat"] if "coherence" in str(each.get("title", "")).lower()],
    }


def show(data: Path | None, images: Path) -> Entry:
    """Both models."""
    folder = (FOLDER / "my-lstm").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "my_lstm.pt").exists():
        said_by(EXAMPLES / "my_lstm.py", folder)
    memory, connectivity = said_by(EXAMPLES / "open_my_lstm.py", folder).splitlines()
    for name in ("memory", "connectivity"):
        (images / f"opened_{name}.svg").write_bytes((folder / f"{name}.svg").read_bytes())
    decision, x = trials((ROOT / "docs" / "interpretation.md").read_text(encoding="utf-8"), folder)
    (images / "opened_trials.svg").write_text(svg(by_condition(decision)), encoding="utf-8")
    code = (EXAMPLES / "open_my_lstm.py").read_text(encoding="utf-8")
    state = hashlib.sha256((folder / "my_lstm.pt").read_bytes()).hexdigest()[:12]
    told = re.search(r"Coherence explains.*", decision.sentence)
    drawn = hashlib.sha256(x.numpy().tobytes()).hexdigest()[:12]
    return Entry(
        "Models of one's own, opened",
        f"An `nn.LSTM` that learnt to say what it read five steps before the last, in plain PyTorch (`examples/my_lstm.py`), opened from its class and its weights by ten "
        f"lines. {memory} {connectivity}\n\n```python\n{code}```\n\nAnd an `nn.GRU` that decides between left and right, trained on noisy trials and opened from its `state_dict` with "
        f"the table of its trials ([the code](interpretation.md#a-model-that-was-trained-elsewhere)). {told[0] if told else decision.sentence}",
        "Older steps shuffled instead of dropped, weights shuffled, and conditions dealt out at random: each stands in its picture or its sentence.",
        [f"cd {FOLDER}/my-lstm", "python ../../../examples/my_lstm.py", "python ../../../examples/open_my_lstm.py", "cd ../../.."],
        SEED, f"sequences drawn; weights of the LSTM `{state}`, trials `{drawn}`",
        [("opened_memory.svg", "Loss of the user's LSTM by steps of context"), ("opened_connectivity.svg", "Slope of its answer by lag, trained and with weights shuffled"),
         ("opened_trials.svg", "The mean way of the state by coherence, and the share of variance between conditions")],
    )  # fmt: skip
