"""How long a newcomer waits: python bench/demo.py

Clones the repository (what is committed) into an empty folder, runs `make demo` there with an empty cache, and times installing and
the demo itself apart: the promise is 6 minutes on 2 cores, package downloads not counted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rows


def main() -> int:
    """Clone, install, run; the row and the verdicts of the demo."""
    with tempfile.TemporaryDirectory() as folder:
        clone, load = Path(folder) / "elman", os.getloadavg()[0]
        here = Path(__file__).resolve().parents[1]
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", here.as_uri(), clone], check=True)
        kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        environment = {**kept, "ELMAN_CACHE": f"{folder}/cache", "ELMAN_STATE": f"{folder}/state"}

        def run(*command: str) -> tuple[float, str]:
            began = time.perf_counter()
            done = subprocess.run(
                command, cwd=clone, env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True
            )
            if done.returncode:
                print(done.stdout[-3000:], done.stderr[-3000:], file=sys.stderr)
                raise SystemExit(f"{' '.join(command)} ended with status {done.returncode}")
            return time.perf_counter() - began, done.stdout

        installing, _ = run("make", ".venv/installed")
        seconds, said = run("make", "demo")
    print(said[-2500:])
    print(f"installing {installing:.0f} s, the demo {seconds:.0f} s")
    found = [float(number) for number in re.findall(r"Accuracy ([\d.]+)%", said)]
    row = {
        "claim": "`make demo` from a fresh clone under 6 minutes, packages apart", "command": "python bench/demo.py",
        "metric": "minutes", "value": seconds / 60, "seeds": [seconds / 60], "interval": [seconds / 60, seconds / 60],
        "rival": f"accuracies printed: {', '.join(f'{value}%' for value in found)}", "seconds": seconds,
        "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": environment.get("OMP_NUM_THREADS", "default"),
        "passed": seconds <= 360,
    }  # fmt: skip
    rows.keep("demo", row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
