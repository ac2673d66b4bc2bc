"""What the loop and the data pipeline cost over the bare step: python bench/overhead.py

The same LSTM classifier at (batch 64, 100 steps, hidden 128) is trained by `elman.training.loop.fit` from a SequenceFeed, and by a bare
loop of forward, backward and optimizer step on one ready batch; interleaved, median of the ratios.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import rows
import torch
from torch import nn

from elman.core.recipe import ModelOptions, TrainingOptions
from elman.encoding.sequences import SequenceFeed
from elman.models.network import TokenNetwork
from elman.training.history import Measured
from elman.training.loop import Step, fit
from elman.training.optimizer import make_optimizer

STEPS, REPEATS = 40, 21


def main() -> None:
    """Print the ratio with its spread."""
    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    draw = np.random.default_rng(0)
    feed = SequenceFeed(
        [draw.integers(2, 1000, 100).astype(np.int32) for _ in range(64 * STEPS)],
        draw.integers(0, 2, 64 * STEPS),
    )
    options = TrainingOptions(batch_size=64, learning_rate=1e-3, steps=STEPS, validations=1)
    network = TokenNetwork(
        ModelOptions(cell="lstm", hidden_size=128, embedding_size=128), 1000, 2, pooling="last"
    )
    criterion = nn.CrossEntropyLoss()

    def ours(folder: Path) -> float:
        began = time.perf_counter()
        history = fit(
            network, lambda model, batch, state: Step(criterion(model(batch.inputs, batch.lengths).values, batch.targets), 64, None),
            feed, options, validate=lambda model: Measured({"loss": 0.0}, "loss", False), folder=folder,
        )  # fmt: skip
        return (
            (history.seconds - history.validation_seconds) if history.steps else time.perf_counter() - began
        )

    batch = feed.take(np.arange(64))
    optimizer = make_optimizer(network, options, 1e-3)

    def bare() -> float:
        network.train()
        began = time.perf_counter()
        for _ in range(STEPS):
            loss = criterion(network(batch.inputs).values, batch.targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        return time.perf_counter() - began

    ratios, load = [], os.getloadavg()[0]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bare()
        for number in range(REPEATS):
            ratios.append(ours(Path(folder) / str(number)) / bare())
    row = {
        "claim": "loop and data at most 1.10 of the bare step (batch 64, 100 steps, hidden 128)",
        "command": "python bench/overhead.py", "metric": "ratio", "value": statistics.median(ratios),
        "seeds": ratios, "interval": [min(ratios), max(ratios)], "rival": "bare forward, backward and step",
        "seconds": time.perf_counter() - began, "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "threads": torch.get_num_threads(), "passed": statistics.median(ratios) <= 1.10,
    }  # fmt: skip
    rows.keep("overhead", row)
    print(f"loop and data over the bare step: {row['value']:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
