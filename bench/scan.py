"""The scan of linear cells against the loop over steps, by length: python bench/scan.py

Training (forward and backward) of one layer of 64 units on one sequence; the loop is the reference executor. Its rounds are few at the
longest lengths, where one takes seconds; all ratios are of neighbours in time.
"""

from __future__ import annotations

import os
import time

import rows
import torch

from elman import RNN
from elman.cells.contract import LinearCell
from elman.engine.timing import interleaved, ratio
from elman.models.speed import training_run

LENGTHS = (1_024, 4_096, 16_384, 65_536)
CELLS = ("mingru", "minlstm", "lru")
SIZE, HIDDEN, BATCH = 32, 64, 1


def main() -> None:
    """Print a line for each cell and length, and keep the rows."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    for cell in CELLS:
        if not isinstance(RNN(cell, SIZE, HIDDEN).layers[0][0], LinearCell):
            print(f"FAIL {cell}: the scan does not serve it")
            continue
        began, load = time.perf_counter(), os.getloadavg()[0]
        found = []
        fast = {}
        for length in LENGTHS:
            torch.manual_seed(0)
            network = RNN(cell, SIZE, HIDDEN, executor="scan")
            loop = RNN(cell, SIZE, HIDDEN, executor="reference")
            loop.load_state_dict(network.state_dict())
            x, grad = torch.randn(BATCH, length, SIZE), torch.randn(BATCH, length, HIDDEN)
            fast[length] = training_run(network, x, grad)
            seconds = interleaved({"loop": training_run(loop, x, grad), "scan": fast[length]}, 9, 20.0)
            found.append(ratio(seconds["loop"], seconds["scan"]))
            print(f"{cell}, {length} steps: scan {found[-1]} times as fast as the loop", flush=True)
        seconds = interleaved({"long": fast[LENGTHS[-1]], "short": fast[LENGTHS[0]]}, 15, 30.0)
        per_token = ratio([value / LENGTHS[-1] * LENGTHS[0] for value in seconds["long"]], seconds["short"])
        print(f"{cell}: a token at {LENGTHS[-1]} steps costs {per_token} of one at {LENGTHS[0]}", flush=True)
        common = {
            "command": "python bench/scan.py", "metric": "ratio", "seconds": time.perf_counter() - began,
            "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": torch.get_num_threads(), "engine": "scan",
        }  # fmt: skip
        rows.keep(
            f"scan {cell}",
            {
                **common, "claim": f"{cell} by scan: at least 10 times the loop at {LENGTHS[0]:,} to {LENGTHS[-1]:,} steps",
                "value": min(one.value for one in found), "seeds": [one.value for one in found],
                "interval": [min(one.low for one in found), max(one.high for one in found)],
                "rival": "loop over steps (reference)", "passed": min(one.value for one in found) >= 10,
            },
        )  # fmt: skip
        rows.keep(
            f"scan {cell} token",
            {
                **common, "claim": f"{cell} by scan: a token at {LENGTHS[-1]:,} steps at most 1.2 times one at {LENGTHS[0]:,}",
                "value": per_token.value, "seeds": [per_token.value], "interval": [per_token.low, per_token.high],
                "rival": f"{LENGTHS[0]:,} steps", "passed": per_token.value <= 1.2,
            },
        )  # fmt: skip


if __name__ == "__main__":
    main()
