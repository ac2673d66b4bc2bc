"""An nn.GRU trained on trials without Elman, opened from its state_dict: the example of Looking inside, run as it stands there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import Entry
from trained import FOLDER

from elman.core.results import Finding
from elman.core.showing import svg

TEXT = Path(__file__).resolve().parents[1] / "interpretation.md"
SEED = 0


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """What dynamics says of its trials."""
    folder = FOLDER / "decision"
    folder.mkdir(parents=True, exist_ok=True)
    finding, x = trials(folder)
    (images / "decision.svg").write_text(svg(by_condition(finding)), encoding="utf-8")
    share, chance, steps = (finding.arrays[f"{what} coherence"] for what in ("share", "share_dealt", "steps"))
    best = int((share - chance).argmax())
    ways = finding.arrays["ways coherence"][
        :, best, 0
    ]  # by coherence, lowest first, along the first component
    return {
        "share": float(share[best]), "share_dealt": float(chance[best]), "step": int(steps[best]), "ordered": bool((np.diff(ways) > 0).all() or (np.diff(ways) < 0).all()), "before": float(share[steps < 0].max()),
        "trials": len(x), "code": hashlib.sha256(code().encode()).hexdigest()[:12], "data": hashlib.sha256(x.numpy().tobytes()).hexdigest()[:12],
    }  # fmt: skip


def entry(facts: dict[str, Any]) -> Entry:
    """How much of the state is the coherence of the trial."""
    return Entry(
        "A GRU trained on trials, opened from its state_dict",
        f"An `nn.GRU` that decides between left and right, trained on {facts['trials']} noisy trials in plain PyTorch, is opened from its `state_dict` with the table of its trials "
        f"([the code](interpretation.md#a-model-that-was-trained-elsewhere)). The ways of its state part after the stimulus, {'in the order of coherence' if facts['ordered'] else 'not in the order of coherence'}: {facts['step']} steps "
        f"later, coherence explains {facts['share']:.0%} of the state's variance, on the trials that it learnt.",
        f"With the coherences dealt out to other trials it explains {facts['share_dealt']:.0%} there; before the stimulus, the true ones explain at most {facts['before']:.0%}.",
        [], SEED, f"trials drawn, SHA-256 `{facts['data']}`",
        [("decision.svg", "The mean way of the state by coherence, and the share of variance between coherences by step")],
    )  # fmt: skip


def trials(folder: Path) -> tuple[Finding, torch.Tensor]:
    """The example of trials in the text, run in a folder: its finding and the trials."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    torch.manual_seed(SEED)
    try:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code(), names)
    finally:
        os.chdir(before)
    return names["dynamics"], names["x"]


def code() -> str:
    """The example as it stands in the text."""
    blocks = re.findall(r"```python\n(.*?)```", TEXT.read_text(encoding="utf-8"), re.S)
    (found,) = (block for block in blocks if "class Decision" in block)
    return found


def by_condition(finding: Finding) -> dict[str, Any]:
    """Of the pictures of dynamics, those that tell trials apart."""
    chart = finding.chart or {}
    kept = [each for each in chart["vconcat"] if "coherence" in str(each.get("title", "")).lower()]
    return {**chart, "vconcat": kept}
