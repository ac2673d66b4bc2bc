"""Timings on a machine that does other work: interleaved repetitions, and medians of the ratios of neighbours in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch

from elman.engine import kernels

Run = Callable[[], object]
SHORT = 0.005  # seconds below which one timing is the mean of several runs


@dataclass(frozen=True)
class Ratio:
    """The median of ratios of neighbours in time, the least and the greatest of them, and how many there were."""

    value: float
    low: float
    high: float
    repetitions: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def clock(run: Run) -> float:
    """Seconds of one run, or the mean of some where one is short."""
    began = time.perf_counter()
    run()
    took = time.perf_counter() - began
    more = min(1000, int(SHORT / max(took, 1e-9)))
    if not more:
        return took
    began = time.perf_counter()
    for _ in range(more):
        run()
    return (time.perf_counter() - began) / more


def interleaved(
    runs: Mapping[str, Run], repetitions: int = 9, budget: float = 60.0
) -> dict[str, list[float]]:
    """Seconds by name; one run of each to warm up, then at least 3 rounds, and no new one after `budget` seconds."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    began = time.perf_counter()
    for done in range(repetitions):
        if done >= 3 and time.perf_counter() - began > budget:
            break
        for name, run in runs.items():
            seconds[name].append(clock(run))
    return seconds


def ratio(over: list[float], under: list[float]) -> Ratio:
    """How many times as long `over` took: neighbours suffer alike from what else the machine does."""
    ratios = [a / b for a, b in zip(over, under)]
    return Ratio(median(ratios), min(ratios), max(ratios), len(ratios))


def peak(isa: int | None = None) -> float:
    """Multiplications and additions a second of fused multiply-adds in registers, float32, all threads; 0 without kernels."""
    library = kernels.library()
    if library is None:
        return 0.0
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        done = library.elman_native_peak(
            0, kernels.instruction_set() if isa is None else isa, torch.get_num_threads(), 2_000_000
        )
        best = max(best, done / (time.perf_counter() - began))
    return best


def product(size: int = 1536) -> float:
    """Multiplications and additions a second of torch's product of two large float32 matrices."""
    a, best = torch.randn(size, size), 0.0
    for _ in range(4):
        began = time.perf_counter()
        a @ a
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best
