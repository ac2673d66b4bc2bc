"""The standard report on a large sample, each question with what was told before: python bench/analyses.py

All questions that `elman.inspect` asks by default, of an LSTM of two layers of 256 units and 1,000 sequences of 200 tokens, integrated
gradients on 50 of them.
"""

from __future__ import annotations

import os
import resource
import time

import rows
import torch
from torch import nn

import elman

SEQUENCES, STEPS, HIDDEN, LAYERS = 1000, 200, 256, 2
PROMISED = 60.0  # seconds on two cores


class Model(nn.Module):
    """Tokens in, one of five classes out, with an answer after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 64)
        self.rnn = elman.RNN("lstm", 64, HIDDEN, LAYERS)
        self.head = nn.Linear(HIDDEN, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, time) -> (batch, time, 5)."""
        logits: torch.Tensor = self.head(self.rnn(self.embedding(x))[0])
        return logits


def main() -> None:
    """Print a line for each question and keep the row."""
    threads = min(2, os.cpu_count() or 1)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    model, x = Model(), torch.randint(0, 30, (SEQUENCES, STEPS))
    targets = torch.randint(0, 5, (SEQUENCES,))
    began: dict[str, float] = {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def told(line: str) -> None:
        began[line.split(":")[0]] = time.perf_counter()
        print(line, flush=True)

    start = time.perf_counter()
    found = elman.inspect(
        model, x, targets, labels=list("12345"), told=told, step_names=lambda row: [chr(97 + int(token)) for token in row],
    )  # fmt: skip
    total = time.perf_counter() - start
    ends = [*list(began.values())[1:], start + total]
    seconds = {question: end - began[question] for question, end in zip(began, ends)}
    for finding in found:
        print(f"{finding.question}: took {seconds[finding.question]:.1f} s. {finding.sentence[:90]}")
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    print(f"all: {total:.1f} s, {peak:.0f} MiB more at the peak")
    each = ", ".join(f"{question} {spent:.1f}" for question, spent in seconds.items())
    rows.keep(
        "report",
        {
            "claim": f"standard report, {LAYERS}-layer LSTM-{HIDDEN}, {SEQUENCES:,} sequences of {STEPS} steps: under {PROMISED:.0f} s "
            f"({each}; {peak:.0f} MiB more at the peak)",
            "command": "python bench/analyses.py", "metric": "seconds", "value": total, "seeds": [total],
            "interval": [total, total], "rival": "-", "seconds": total, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
            "threads": threads, "engine": "default choice", "passed": total < PROMISED,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
