"""An nn.LSTM of the user's own, trained without Elman, opened by a script of ten lines."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from page import Entry
from trained import FOLDER

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUESTIONS = ("memory", "connectivity")
SEED = 0


def measure(data: Path | None, images: Path) -> dict[str, Any]:
    """What the script prints and draws, for a network that examples/my_lstm.py trained."""
    folder = (FOLDER / "my-lstm").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "my_lstm.pt").exists():
        said_by("my_lstm.py", folder)
    said = dict(zip(QUESTIONS, said_by("open_my_lstm.py", folder).splitlines(), strict=True))
    for question in QUESTIONS:
        (images / f"opened_{question}.svg").write_bytes((folder / f"{question}.svg").read_bytes())
    weights = hashlib.sha256((folder / "my_lstm.pt").read_bytes()).hexdigest()[:12]
    return {**said, "weights": weights, "script": hashlib.sha256(script().encode()).hexdigest()[:12]}


def entry(facts: dict[str, Any]) -> Entry:
    """What the script said, and the script."""
    return Entry(
        "An LSTM of one's own, opened by ten lines",
        "An `nn.LSTM` that learnt, in plain PyTorch (`examples/my_lstm.py`), to say what it read five steps before the last is opened from its class and its weights by "
        f"`examples/open_my_lstm.py`. The script prints:\n\n> {facts['memory']}\n>\n> {facts['connectivity']}\n\n```python\n{script()}```",
        "In the first picture the older steps shuffled instead of dropped, in the second the same network with its weights shuffled. That it must look back six steps, the last among them, "
        "and that the strongest lag is 5, is known from what it was taught.",
        [f"cd {FOLDER}/my-lstm", "python ../../../examples/my_lstm.py", "python ../../../examples/open_my_lstm.py"],
        SEED, f"sequences drawn by the scripts; weights as trained here `{facts['weights']}`",
        [("opened_memory.svg", "Loss of the user's LSTM by steps of context"), ("opened_connectivity.svg", "Slope of its answer by lag, trained and with weights shuffled")],
    )  # fmt: skip


def script() -> str:
    """The ten lines."""
    return (EXAMPLES / "open_my_lstm.py").read_text(encoding="utf-8")


def said_by(name: str, folder: Path) -> str:
    """What a script of examples/ prints, run in a folder. SystemExit where it fails."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return done.stdout.strip()
