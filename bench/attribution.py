"""Integrated gradients with 64 points against the 64 forward and backward passes they are made of: python bench/attribution.py"""

from __future__ import annotations

import os
import time
from statistics import median

import rows
import torch
from torch import nn

from elman import RNN
from elman.interpretation.credit import asked_of
from elman.interpretation.gradients import integrated_gradients
from elman.interpretation.view import View, untouched

POINTS, BATCH, TIME, SIZE, HIDDEN, LAYERS, PAIRS = 64, 32, 100, 128, 256, 2, 5


class Model(nn.Module):
    """A classifier of two classes: the last state and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = RNN("lstm", SIZE, HIDDEN, LAYERS), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors (batch, time, size) to logits (batch, 2)."""
        logits: torch.Tensor = self.head(self.rnn(x)[0][:, -1])
        return logits


def main() -> None:
    """Print the ratio of each pair of timings and keep the row."""
    torch.manual_seed(0)
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    began, load = time.perf_counter(), os.getloadavg()[0]
    model, x = Model().eval(), torch.randn(BATCH, TIME, SIZE)
    view = View(model, lambda x: x, lambda x, n: model(x), None, lambda x, n: {}, lambda o, t: o.sum(1), None)
    chosen = torch.zeros(BATCH, dtype=torch.long)

    def passes() -> None:
        for _ in range(POINTS):
            vectors = x.clone().requires_grad_(True)
            torch.autograd.grad(model(vectors)[:, 0].sum(), vectors)

    def ours() -> None:
        integrated_gradients(asked_of(view, x, None, chosen), POINTS)

    with untouched(view):
        engine = model.rnn.plan(x.requires_grad_(True)).chosen
        x = x.detach()
        ratios = []
        for pair in range(PAIRS + 1):
            seconds = []
            for run in (passes, ours):
                start = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - start)
            if pair:  # the first warms up
                ratios.append(seconds[1] / seconds[0])
    ratios.sort()
    print(
        f"{engine}: {median(ratios):.3f} of the time of {POINTS} passes ({ratios[0]:.3f} to {ratios[-1]:.3f})"
    )
    rows.keep(
        "attribution",
        {
            "claim": f"integrated gradients with {POINTS} points: at most 1.2 times the cost of as many forward and backward passes "
            f"(LSTM {LAYERS} x {HIDDEN}, batch {BATCH}, {TIME} steps, gradients of the inputs alone)",
            "command": "python bench/attribution.py", "metric": "ratio", "value": median(ratios), "seeds": ratios,
            "interval": [ratios[0], ratios[-1]], "rival": f"{POINTS} forward and backward passes",
            "seconds": time.perf_counter() - began, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
            "threads": torch.get_num_threads(), "engine": engine, "passed": median(ratios) <= 1.2,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
