"""Peak memory of a training step at (32, 1024, 256, 512), each in a process of its own: python bench/memory.py"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import rows

SIZE = (32, 1024, 256, 512)
CELLS = ("gru", "lstm", "rnn")


def child(cell: str, whose: str) -> None:
    """Print the bytes that a training step added to the peak of the process."""
    import resource

    import torch

    from elman import RNN

    batch, steps, size, hidden = SIZE
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(0)
    network = RNN(cell, size, hidden)
    module = network if whose == "ours" else network.to_torch()
    x = torch.randn(batch, steps, size, requires_grad=True)
    module(x[:, :2])[0].sum().backward()  # what is made once is not counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        module(x)[0].sum().backward()
    print(json.dumps((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024))


def main() -> None:
    """Print a line for each cell and keep the rows."""
    for cell in CELLS:
        began, load = time.perf_counter(), os.getloadavg()[0]
        peaks: dict[str, list[int]] = {"ours": [], "torch": []}
        for _ in range(3):
            for whose, found in peaks.items():
                done = subprocess.run(
                    [sys.executable, __file__, cell, whose], capture_output=True, text=True, check=True
                )
                found.append(json.loads(done.stdout))
        ratios = sorted(ours / theirs for ours, theirs in zip(peaks["ours"], peaks["torch"]))
        print(
            f"{cell} at {SIZE}: {ratios[1]:.2f} of torch.nn's peak ({peaks['ours'][0] / 2**20:.0f} MiB, "
            f"torch {peaks['torch'][0] / 2**20:.0f} MiB)",
            flush=True,
        )
        rows.keep(
            f"memory {cell}",
            {
                "claim": f"{cell.upper()}, peak memory of a training step at {SIZE}: at most torch.nn's",
                "command": "python bench/memory.py", "metric": "ratio", "value": ratios[1], "seeds": ratios,
                "interval": [ratios[0], ratios[-1]], "rival": "torch.nn", "seconds": time.perf_counter() - began,
                "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": min(2, os.cpu_count() or 1),
                "engine": "default choice", "passed": ratios[1] <= 1.0,
            },
        )  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(*sys.argv[1:])
    else:
        main()
