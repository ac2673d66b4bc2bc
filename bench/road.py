"""How much faster the recipes train on the default engine: python bench/road.py [CLAIM ...] --data FOLDER [--repetitions 9]

The recipes of bench/results.py, the first steps of each, through the same call a user makes: once with the engine that is chosen by
default, once with torch's own (`executor=vendor`; the loop where torch has no such cell), interleaved. The ratio is of training
steps in a second, data, loop and optimizer included; validation is not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import results
import rows
import torch

STEPS = 60


def measure(name: str, data: Path | None, repetitions: int) -> dict[str, object] | None:
    """One row, or None where the data are missing."""
    from elman import workbench
    from elman.core.errors import ElmanError
    from elman.recipes import as_recipe

    _, title, source, path, settings, *_ = results.CLAIMS[name]
    if path is not None:
        if data is None or not (data / path).exists():
            print(f"skipped {name}: no {path} below the data folder")
            return None
        settings = {**settings, "path": str(data / path)}
    began, load = time.perf_counter(), os.getloadavg()[0]
    settings = {**settings, "steps": STEPS, "validations": 1, "rivals": ()}
    prepared = workbench.prepare(as_recipe(source, **settings))

    def speed(executor: str) -> tuple[float, str]:
        with tempfile.TemporaryDirectory() as folder:
            recipe = prepared.recipe.override({"executor": executor})
            run = workbench.fit(
                recipe, out=Path(folder) / "run", prepared=replace(prepared, recipe=recipe), explained=False
            )
            return run.facts["history"]["steps_per_second"], run.facts["plan"].partition(":")[0]

    other = "vendor"
    try:
        speed(other)
    except ElmanError:
        other = "reference"
    ratios, chosen = [], ""
    for _ in range(repetitions):
        ours, chosen = speed("auto")
        theirs, _ = speed(other)
        ratios.append(ours / theirs)
    value = statistics.median(ratios)
    print(f"{name}: {value:.2f} [{min(ratios):.2f}, {max(ratios):.2f}], {chosen} against {other}", flush=True)
    return {
        "claim": f"{title}: training on the default engine is faster than on torch's own",
        "command": f"python bench/road.py {name} --data FOLDER", "metric": "ratio", "value": value, "seeds": ratios,
        "interval": [min(ratios), max(ratios)],
        "rival": "torch.nn (executor=vendor)" if other == "vendor" else "the loop over steps (torch has no such cell)",
        "seconds": time.perf_counter() - began, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "threads": torch.get_num_threads(), "engine": chosen, "passed": value > 1,
    }  # fmt: skip


def main() -> int:
    """The claims named (all when none is)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="*", help=", ".join(results.CLAIMS))
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    for name in options.claims or results.CLAIMS:
        row = measure(name, options.data, options.repetitions)
        if row is not None:
            rows.keep(f"road {name}", row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
