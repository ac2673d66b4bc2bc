"""Against a library of cells in Python loops, torchrecurrent: python bench/loops.py   (pip install torchrecurrent)

It has no plain LSTM and GRU, so each of ours is held against its cell nearest in work, the cheaper one where in doubt: LSTM against its
OriginalLSTM (no forget gate, three products for our four), GRU against its MUT1 (a GRU of Jozefowicz et al. 2015 with one product less).
"""

from __future__ import annotations

import os
import time

import rows
import torch

from elman import RNN
from elman.engine.timing import interleaved, ratio
from elman.models.speed import training_run

# batch, time, input, hidden -> the least promised ratio in training
SIZES = {(32, 96, 8, 64): 4.0, (64, 100, 128, 128): 4.0, (32, 256, 512, 512): 2.0}
RIVALS = {"lstm": "OriginalLSTM", "gru": "MUT1"}


def main() -> None:
    """Print a line for each cell and size, and keep the rows."""
    try:
        import torchrecurrent
    except ImportError:
        print("skipped: torchrecurrent is not installed")
        return
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    for cell, rival in RIVALS.items():
        for (batch, steps, size, hidden), promised in SIZES.items():
            torch.manual_seed(0)
            began, load = time.perf_counter(), os.getloadavg()[0]
            theirs = getattr(torchrecurrent, rival)(size, hidden)
            x, grad = torch.randn(batch, steps, size), torch.randn(batch, steps, hidden)
            runs = {
                "theirs": training_run(theirs, x.transpose(0, 1), grad.transpose(0, 1)),
                "ours": training_run(RNN(cell, size, hidden), x, grad),
            }
            seconds = interleaved(runs, 9, 60.0)
            found = ratio(seconds["theirs"], seconds["ours"])
            print(f"{cell} against {rival} at {(batch, steps, size, hidden)}: {found}", flush=True)
            rows.keep(
                f"loops {cell} {hidden}",
                {
                    "claim": f"{cell.upper()} in training at hidden {hidden}: at least {promised:g} times a Python loop",
                    "command": "python bench/loops.py", "metric": "ratio", "value": found.value,
                    "seeds": [a / b for a, b in zip(seconds["theirs"], seconds["ours"])],
                    "interval": [found.low, found.high], "rival": f"torchrecurrent {rival}",
                    "seconds": time.perf_counter() - began, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
                    "threads": torch.get_num_threads(), "engine": "default choice", "passed": found.value >= promised,
                },
            )  # fmt: skip


if __name__ == "__main__":
    main()
