"""The page in the system's Chromium: from a keystroke to the repaint of Play (a 2-layer LSTM-256 that reads 200 tokens), and how smoothly a series
of 100,000 steps follows the pointer: python bench/page.py"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rows
from playwright.sync_api import sync_playwright

from elman import workbench

PROMISED = 100.0  # milliseconds from a keystroke to the repaint
SMOOTH = 50.0  # milliseconds from a move of the pointer to the repaint, two frames of 1/60 s among them
KEYS = MOVES = 40
STEPS = 100_000
# From the input event to the frame after the one that draws what the server answered.
TYPED = """(text) => new Promise((done) => {
  const box = document.getElementById("text"), began = performance.now();
  document.addEventListener("sequence", () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))), { once: true });
  box.value = text; box.dispatchEvent(new Event("input"));
})"""
# From a move of the pointer to the frame after the one that draws it.
MOVED = """async (share) => {
  const place = document.getElementById("track"), box = place.getBoundingClientRect(), frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  const began = performance.now();
  place.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: box.left + 60 + (box.width - 80) * share, clientY: box.top + 40 }));
  await frame(); await frame();
  return performance.now() - began;
}"""


def main() -> None:
    """Both rows."""
    _row(
        "page keystroke",
        f"The page, from keystroke to repaint, 2-layer LSTM-256 and 200 tokens: under {PROMISED:.0f} ms",
        PROMISED,
        _keystrokes,
    )
    _row(
        "page long series",
        f"The page, from a move of the pointer to repaint (two frames), series of {STEPS:,} steps, coloured by a unit: under {SMOOTH:.0f} ms",
        SMOOTH,
        _moves,
    )


def _row(name: str, claim: str, promised: float, measured: Any) -> None:
    began, load = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        waits = measured(Path(place))
    median = float(np.median(waits))
    low, high = np.percentile(waits, [5, 95])
    print(f"{name}: {median:.0f} ms at the median ({low:.0f} to {high:.0f} in 9 of 10), {len(waits)} times")
    rows.keep(
        name,
        {
            "claim": claim, "command": "python bench/page.py", "metric": "milliseconds", "value": median, "seeds": waits[:5],
            "interval": [low, high], "rival": "none", "seconds": time.perf_counter() - began, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
            "threads": os.cpu_count(), "engine": "native", "passed": median < promised,
        },
    )  # fmt: skip


@contextmanager
def _tab(run: Path) -> Iterator[Any]:
    """A tab on a run that is served."""
    server = subprocess.Popen(
        [sys.executable, "-m", "elman", "open", str(run), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        with sync_playwright() as started:
            browser = started.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            tab = browser.new_page(viewport={"width": 1200, "height": 900})
            tab.goto(address)
            tab.wait_for_load_state("networkidle")
            yield tab
    finally:
        server.terminate()
        server.wait()


def _keystrokes(place: Path) -> list[float]:
    """Milliseconds of each keystroke: one letter at the end changes."""
    table, run = place / "texts.csv", place / "runs" / "lstm"
    texts = [("abcdefghij klmnop " * 12)[k : k + 200] for k in range(60)]
    table.write_text("text,label\n" + "\n".join(f"{text},{k % 2}" for k, text in enumerate(texts)) + "\n")
    workbench.fit(
        str(table), out=run, cell="lstm", hidden_size=256, num_layers=2, tokenizer="characters", steps=1,
        explained=False, listener=None,
    )  # fmt: skip
    with _tab(run) as tab:
        for k in range(5):
            tab.evaluate(TYPED, texts[0][:-1] + "abcde"[k])
        return [float(tab.evaluate(TYPED, texts[0][:-1] + "klmnop"[k % 6])) for k in range(KEYS)]


def _moves(place: Path) -> list[float]:
    """Milliseconds of each move over a series that was dropped."""
    table, run, draw = place / "walks.ts", place / "runs" / "walks", np.random.default_rng(0)
    lines = [
        f"{','.join(f'{value:.2f}' for value in (draw.normal(size=20) + way).cumsum())}:{name}"
        for _ in range(40)
        for way, name in ((0.2, "up"), (-0.2, "down"))
    ]
    table.write_text("@problemName walks\n@univariate true\n@classLabel true up down\n@data\n" + "\n".join(lines) + "\n")  # fmt: skip
    workbench.fit(str(table), out=run, cell="lstm", hidden_size=64, bidirectional=False, steps=1, explained=False, listener=None)  # fmt: skip
    walk = "value\n" + "\n".join(f"{value:.3f}" for value in draw.normal(size=STEPS).cumsum() / 10) + "\n"
    with _tab(run) as tab:
        tab.set_input_files("#file", {"name": "walk.csv", "mimeType": "text/csv", "buffer": walk.encode()})
        tab.wait_for_function("() => document.querySelector('#track svg')?.getAttribute('aria-label').includes('600')")  # fmt: skip
        tab.click("#colour input[value=unit] + span")
        tab.wait_for_function("() => document.getElementById('legend').textContent.includes('unit')")
        for k in range(5):
            tab.evaluate(MOVED, k / 5)
        return [float(tab.evaluate(MOVED, (k * 37) % MOVES / MOVES)) for k in range(MOVES)]


if __name__ == "__main__":
    main()
