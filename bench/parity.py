"""Parity learnt on sequences of up to 40 bits, asked on 41 to 200: python bench/parity.py

Five seeds, as `elman train parity --seed N` trains them; all are shown, and at least three have to be right on every test
sequence. The row goes to bench/results.json.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import rows

SEEDS = (0, 1, 2, 3, 4)
ENOUGH = 3


def main() -> int:
    """Train, measure, print and keep the row."""
    import torch
    from scipy.stats import binomtest

    import elman
    from elman import workbench
    from elman.evaluation.rivals import hold
    from elman.recipes import as_recipe

    load, values, seconds = os.getloadavg()[0], [], []
    prepared = workbench.prepare(as_recipe("parity"))
    task, problem = prepared.task.name, prepared.encoded.problem
    rivals = hold(task, problem, prepared.recipe.evaluation)
    for seed in SEEDS:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            run = workbench.fit("parity", seed=seed, out=Path(folder) / "run", held=rivals, explained=False)
            scores = workbench.evaluate(run, splits=["test"], held=rivals)["test"]
            engine, first = run.facts["plan"].partition(":")[0], run.facts["history"]["best_step"]
        seconds.append(time.perf_counter() - began)
        values.append(scores["accuracy"])
        parts = ", ".join(f"{name} {value:.2%}" for name, _, value in scores.slices["length"])
        print(f"seed {seed}: {values[-1]:.2%} at step {first:,}, {seconds[-1]:.0f} s ({parts})", flush=True)
    count = len(prepared.dataset.splits["test"])
    # All right or nearly so: a bootstrap would give no width, the exact interval of a share does.
    interval = binomtest(round(min(values) * count), count).proportion_ci(method="exact")
    best = scores.paired[0]
    rival = next(row for row in scores.rows if row.name == best.rival).metrics["accuracy"].value
    rows.keep("parity", {
        "claim": f"parity trained to length 40, tested on lengths 41 to 200, five seeds: at least {ENOUGH} at 100% (chance: 50%)",
        "command": "python bench/parity.py", "metric": "accuracy", "value": statistics.mean(values), "seeds": values,
        "interval": [interval.low, interval.high], "rival": best.rival, "rival_value": rival,
        "gain": statistics.mean(values) - rival, "gain_interval": [best.difference.low, best.difference.high],
        "seconds": statistics.median(seconds), "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "threads": torch.get_num_threads(), "data_hash": prepared.dataset.provenance.data_hash[:12], "engine": engine,
        "version": elman.__version__, "title": "Parity, trained to 40 bits, tested on 41 to 200 (GRU)", "unit": "accuracy",
        "passed": sum(value == 1 for value in values) >= ENOUGH,
    })  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
