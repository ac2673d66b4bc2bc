"""The native executor against torch.nn: writes bench/ENGINE.md.

    python bench/engine.py [--threads 2] [--isa avx2] [--cells gru] [--repetitions 9]

Every number is a median of interleaved repetitions in one run. A ratio is torch's time over ours, and the median of the
ratios of neighbours in time, with the least and the greatest in brackets: on a machine that does other work, neighbours
suffer alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean, median

import torch
from torch import Tensor

from elman import RNN
from elman.engine import kernels

SIZES = [
    (32, 96, 8, 64), (64, 100, 128, 128), (256, 64, 64, 128), (64, 128, 128, 256), (32, 256, 512, 512),
    (16, 35, 650, 650), (1, 512, 128, 256),
]  # fmt: skip
GATES = {"gru": 3, "lstm": 4, "rnn": 1}
RAGGED = (64, 100, 128, 128)
Run = Callable[[], object]


def clock(run: Run) -> float:
    """Seconds of one run, or the mean of some where one is short."""
    began = time.perf_counter()
    run()
    took = time.perf_counter() - began
    more = min(20, int(0.005 / took))
    if not more:
        return took
    began = time.perf_counter()
    for _ in range(more):
        run()
    return (time.perf_counter() - began) / more


def interleaved(runs: dict[str, Run], repetitions: int, budget: float) -> dict[str, list[float]]:
    """Seconds by name; at least 3 repetitions, and no new one after `budget` seconds."""
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


def ratio(over: list[float], under: list[float]) -> tuple[float, str]:
    """The median ratio of neighbours, and it with its spread as text."""
    ratios = [a / b for a, b in zip(over, under)]
    middle = median(ratios)
    return middle, f"**{middle:.2f}** [{min(ratios):.2f}, {max(ratios):.2f}]"


def training(module: torch.nn.Module, x: Tensor, grad: Tensor, **options: object) -> Run:
    inputs = [x.detach().requires_grad_(True), *module.parameters()]
    return lambda: torch.autograd.grad(module(inputs[0], **options)[0], inputs, grad)


def inference(run: Run) -> Run:
    def quiet() -> None:
        with torch.no_grad():
            run()

    return quiet


def peak(isa: int) -> float:
    """Operations a second of multiply-adds in registers, all threads, float32."""
    threads, best = torch.get_num_threads(), 0.0
    for _ in range(5):
        began = time.perf_counter()
        done = kernels.library().elman_native_peak(0, isa, threads, 2_000_000)
        best = max(best, done / (time.perf_counter() - began))
    return best


def product() -> float:
    """Operations a second of torch's large product."""
    a, best = torch.randn(1536, 1536), 0.0
    for _ in range(4):
        began = time.perf_counter()
        a @ a
        best = max(best, 2 * 1536**3 / (time.perf_counter() - began))
    return best


def dense(
    cell: str, repetitions: int, budget: float, limit: float
) -> tuple[list[str], dict[str, list[tuple[float, float]]]]:
    rows, classes = [], {}
    for batch, steps, size, hidden in SIZES:
        torch.manual_seed(0)
        ours = RNN(cell, size, hidden, executor="native")
        theirs = ours.to_torch()
        x, grad = torch.randn(batch, steps, size), torch.randn(batch, steps, hidden)
        runs = {
            "torch": training(theirs, x, grad),
            "ours": training(ours, x, grad),
            "torch forward": inference(lambda m=theirs, v=x: m(v)),
            "ours forward": inference(lambda m=ours, v=x: m(v)),
        }
        seconds = interleaved(runs, repetitions, budget)
        train, train_text = ratio(seconds["torch"], seconds["ours"])
        forward, forward_text = ratio(seconds["torch forward"], seconds["ours forward"])
        work = 2 * batch * steps * GATES[cell] * hidden * (size + hidden)
        ms, forward_ms = median(seconds["ours"]), median(seconds["ours forward"])
        rows.append(
            f"| {cell} | {batch}, {steps}, {size}, {hidden} | {ms * 1e3:.2f} | {train_text} | {3 * work / ms / limit:.0%} "
            f"| {forward_ms * 1e3:.2f} | {forward_text} | {work / forward_ms / limit:.0%} | {len(seconds['ours'])} |"
        )
        print(rows[-1], flush=True)
        kind = "batch 1" if batch == 1 else "hidden 64" if hidden == 64 else "hidden 128" if hidden == 128 else "hidden 256-650"  # fmt: skip
        classes.setdefault(kind, []).append((train, forward))
    return rows, classes


def options(cell: str, repetitions: int, budget: float) -> str:
    """What the trace and a ragged batch cost beside the plain, padded run."""
    batch, steps, size, hidden = RAGGED
    torch.manual_seed(0)
    network = RNN(cell, size, hidden, executor="native")
    x, grad = torch.randn(batch, steps, size), torch.randn(batch, steps, hidden)
    lengths = torch.randint(steps // 5, steps + 1, (batch,))
    lengths[0] = steps
    inputs = list(network.parameters())

    def traced() -> None:
        trace = network.trace(x)
        torch.autograd.grad(trace["layers.0.forward.h"], inputs, grad)

    runs = {
        "padded": training(network, x, grad),
        "ragged": training(network, x, grad, lengths=lengths),
        "untraced": lambda: torch.autograd.grad(network(x)[0], inputs, grad),
        "traced": traced,
        "forward": inference(lambda: network(x)),
        "traced forward": inference(lambda: network.trace(x)),
    }
    seconds = interleaved(runs, repetitions, budget)
    fill = float(lengths.sum()) / (batch * steps)
    pairs = [("ragged", "padded"), ("traced", "untraced"), ("traced forward", "forward")]
    line = f"| {cell} | {fill:.0%} | " + " | ".join(ratio(seconds[a], seconds[b])[1] for a, b in pairs) + " |"
    print(line, flush=True)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--isa", choices=kernels.INSTRUCTION_SETS, help="force one; torch's kernels too, where they can"
    )
    parser.add_argument("--cells", nargs="+", default=list(GATES))
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--budget", type=float, default=8.0, help="seconds for a size, after 3 repetitions")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ENGINE.md"))
    chosen = parser.parse_args()
    if chosen.isa and "ELMAN_NATIVE_ISA" not in os.environ:  # torch reads its settings when it is imported
        theirs = {"avx512": "avx512", "avx2": "avx2", "portable": "default"}[chosen.isa]
        onednn = {"avx512": "AVX512_CORE", "avx2": "AVX2", "portable": "SSE41"}[chosen.isa]
        forced = {"ELMAN_NATIVE_ISA": chosen.isa, "ATEN_CPU_CAPABILITY": theirs, "ONEDNN_MAX_CPU_ISA": onednn}
        forced["MKL_ENABLE_INSTRUCTIONS"] = {"portable": "SSE4_2"}.get(chosen.isa, chosen.isa.upper())
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | forced)
    torch.set_num_threads(chosen.threads)
    before, isa = os.getloadavg()[0], kernels.instruction_set()
    limit, large = peak(isa), product()
    rows, means, extras = [], [], []
    for cell in chosen.cells:
        lines, classes = dense(cell, chosen.repetitions, chosen.budget, limit)
        rows += lines
        means += [
            f"| {cell} | {kind} | {geometric_mean(t for t, _ in values):.2f} | {geometric_mean(f for _, f in values):.2f} |"
            for kind, values in classes.items()
        ]
        extras.append(options(cell, chosen.repetitions, chosen.budget))
    forced = f" --isa {chosen.isa}" if chosen.isa else ""
    text = f"""# The native executor against torch.nn

`python bench/engine.py --threads {chosen.threads}{forced}`, torch {torch.__version__}, {platform.machine()}, {kernels.INSTRUCTION_SETS[isa]}, {chosen.threads} threads,
float32. Load of the machine {before:.1f} before and {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores. Peak of multiply-adds in registers {limit / 1e9:.0f} GFLOP/s,
torch's product of 1536 x 1536 {large / 1e9:.0f}. Training is forward and backward. Ratios: torch's time over ours, median [least, greatest] of neighbours in time.

| cell | batch, time, input, hidden | training ms | ratio | of peak | forward ms | ratio | of peak | repetitions |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Geometric means of the ratios by class:

| cell | class | training | forward |
|---|---|---|---|
{chr(10).join(means)}

What options cost at {RAGGED}, as a multiple of the plain run's time: a ragged batch against the padded one (training), the trace in training
and in inference.

| cell | fill | ragged | traced, training | traced, inference |
|---|---|---|---|---|
{chr(10).join(extras)}
"""
    chosen.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
