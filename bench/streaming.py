"""One step at batch 1 from Python against torch's Cell modules, without gradients: python bench/streaming.py"""

from __future__ import annotations

import functools
import os
import time

import rows
import torch
from torch import nn

from elman import RNN
from elman.engine.timing import interleaved, ratio

RIVALS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell, "rnn": nn.RNNCell}
PROMISED = {("gru", 128): 4.0, ("lstm", 128): 4.0, ("gru", 512): 2.2, ("lstm", 512): 2.2}


def main() -> None:
    """Print a line for each cell and size; keep the rows of what is promised."""
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    for cell, kind in RIVALS.items():
        for hidden in (64, 128, 256, 512):
            torch.manual_seed(0)
            began, load = time.perf_counter(), os.getloadavg()[0]
            network, theirs = RNN(cell, hidden, hidden), kind(hidden, hidden)
            x, h = torch.randn(1, hidden), torch.zeros(1, hidden)
            their_state = (h, h) if cell == "lstm" else h
            with torch.no_grad():
                state = network.initial_state(1)
                runs = {
                    "theirs": functools.partial(theirs, x, their_state),
                    "ours": functools.partial(network.step, x, state),
                }
                seconds = interleaved(runs, 15, 30.0)
            found = ratio(seconds["theirs"], seconds["ours"])
            print(
                f"{cell} {hidden}: {sorted(seconds['ours'])[7] * 1e6:.1f} us a step, {found} times as fast as {kind.__name__}"
            )
            promised = PROMISED.get((cell, hidden))
            if promised is None:
                continue
            rows.keep(
                f"step {cell} {hidden}",
                {
                    "claim": f"{cell.upper()}, one step at batch 1, hidden {hidden}: at least {promised:g} times torch's Cell module",
                    "command": "python bench/streaming.py", "metric": "ratio", "value": found.value,
                    "seeds": [a / b for a, b in zip(seconds["theirs"], seconds["ours"])], "interval": [found.low, found.high],
                    "rival": f"torch.nn.{kind.__name__}", "seconds": time.perf_counter() - began,
                    "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": torch.get_num_threads(),
                    "engine": "native", "passed": found.value >= promised,
                },
            )  # fmt: skip


if __name__ == "__main__":
    main()
