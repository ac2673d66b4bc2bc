"""The default choice and the native executor against torch.nn: writes bench/ENGINE.md and the rows `engine ...` of RESULTS.md.

    python bench/engine.py [--threads 2] [--isa avx2] [--cells gru] [--repetitions 9]

Every number is a median of interleaved repetitions in one run. A ratio is torch's time over ours, and the median of the
ratios of neighbours in time, with the least and the greatest in brackets: on a machine that does other work, neighbours
suffer alike. With --isa both sides are forced to it, and no rows are kept.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import rows as store
import torch

from elman import RNN
from elman.engine import kernels
from elman.engine.timing import interleaved, peak, product, ratio
from elman.models.speed import CELLS, SIZES, Speed, against_torch, by_class, inference_run, training_run

RAGGED = (64, 100, 128, 128)
# (cell, class): the least geometric means of the ratios in training and in inference that are promised, with AVX-512
PROMISED = {
    ("gru", "hidden 64"): (6.0, 5.0), ("rnn", "hidden 64"): (6.0, 6.0), ("lstm", "hidden 64"): (1.5, 1.8),
    ("gru", "hidden 128"): (2.1, 2.0), ("rnn", "hidden 128"): (2.0, 2.4), ("lstm", "hidden 128"): (1.4, 1.1),
    ("gru", "hidden 256-650"): (1.8, 1.8), ("rnn", "hidden 256-650"): (1.9, 2.0), ("lstm", "hidden 256-650"): (1.1, 1.0),
    ("gru", "batch 1"): (15.0, 6.0), ("rnn", "batch 1"): (11.0, 4.8), ("lstm", "batch 1"): (1.35, 1.3),
}  # fmt: skip
NEVER_BELOW = 0.97


def line(one: Speed, limit: float) -> str:
    """A row of the table of sizes."""
    return (
        f"| {one.cell} | {', '.join(map(str, one.size))} | {one.training_ms:.2f} | {one.training} | {one.training_flops / limit:.0%} "
        f"| {one.forward_ms:.2f} | {one.forward} | {one.forward_flops / limit:.0%} | {one.training.repetitions} | {', '.join(dict.fromkeys(one.executors))} |"
    )


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
        "padded": training_run(network, x, grad),
        "ragged": training_run(network, x, grad, lengths=lengths),
        "untraced": lambda: torch.autograd.grad(network(x)[0], inputs, grad),
        "traced": traced,
        "forward": inference_run(lambda: network(x)),
        "traced forward": inference_run(lambda: network.trace(x)),
    }
    seconds = interleaved(runs, repetitions, budget)
    fill = float(lengths.sum()) / (batch * steps)
    pairs = [("ragged", "padded"), ("traced", "untraced"), ("traced forward", "forward")]
    text = (
        f"| {cell} | {fill:.0%} | " + " | ".join(str(ratio(seconds[a], seconds[b])) for a, b in pairs) + " |"
    )
    print(text, flush=True)
    return text


def keep(speeds: list[Speed], load: list[float], seconds: float) -> None:
    """The promised classes as rows of RESULTS.md."""
    common = {
        "command": "python bench/engine.py", "metric": "ratio", "rival": "torch.nn", "seconds": seconds, "load": load,
        "threads": torch.get_num_threads(), "engine": "default choice",
    }  # fmt: skip
    means = by_class(speeds)
    for key, wanted in PROMISED.items():
        if key not in means:
            continue
        group = [one for one in speeds if (one.cell, one.kind) == key]
        for place, kind in enumerate(("training", "forward")):
            values = [getattr(one, kind) for one in group]
            store.keep(
                f"engine {key[0]} {key[1]} {kind}",
                {
                    **common,
                    "claim": f"{key[0].upper()}, {key[1]}, {kind}: at least {wanted[place]} times torch.nn",
                    "value": means[key][place],
                    "seeds": [value.value for value in values],
                    "interval": [min(value.low for value in values), max(value.high for value in values)],
                    "passed": means[key][place] >= wanted[place],
                },
            )
    every = [ratio.value for one in speeds for ratio in (one.training, one.forward)]
    store.keep(
        "engine least",
        {
            **common, "claim": f"no size's median below {NEVER_BELOW}", "value": min(every), "seeds": sorted(every)[:3],
            "interval": [min(every), max(every)], "passed": min(every) >= NEVER_BELOW,
        },
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--isa", choices=kernels.INSTRUCTION_SETS, help="force one; torch's kernels too, where they can"
    )
    parser.add_argument("--executor", default="auto", help="force one")
    parser.add_argument("--cells", nargs="+", default=list(CELLS))
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for a size, after 3 repetitions")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ENGINE.md"))
    chosen = parser.parse_args()
    if chosen.isa and "ELMAN_NATIVE_ISA" not in os.environ:  # torch reads its settings when it is imported
        theirs = {"avx512": "avx512", "avx2": "avx2", "portable": "default"}[chosen.isa]
        onednn = {"avx512": "AVX512_CORE", "avx2": "AVX2", "portable": "SSE41"}[chosen.isa]
        forced = {"ELMAN_NATIVE_ISA": chosen.isa, "ATEN_CPU_CAPABILITY": theirs, "ONEDNN_MAX_CPU_ISA": onednn}
        forced["MKL_ENABLE_INSTRUCTIONS"] = {"portable": "SSE4_2"}.get(chosen.isa, chosen.isa.upper())
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | forced)
    torch.set_num_threads(chosen.threads)
    before, isa, began = os.getloadavg()[0], kernels.instruction_set(), time.perf_counter()
    limit, large = peak(), product()
    speeds, extras = [], []
    for cell in chosen.cells:
        for size in SIZES:
            speeds.append(
                against_torch(
                    cell,
                    size,
                    executor=chosen.executor,
                    repetitions=chosen.repetitions,
                    budget=chosen.budget,
                )
            )
            print(line(speeds[-1], limit), flush=True)
        extras.append(options(cell, chosen.repetitions, chosen.budget))
    after, seconds = os.getloadavg()[0], time.perf_counter() - began
    means = [
        f"| {cell} | {kind} | {train:.2f} | {forward:.2f} |"
        for (cell, kind), (train, forward) in by_class(speeds).items()
    ]
    if not chosen.isa and chosen.executor == "auto":
        keep(speeds, [round(before, 1), round(after, 1)], seconds)
    forced = f" --isa {chosen.isa}" if chosen.isa else ""
    text = f"""# Recurrent layers against torch.nn

`python bench/engine.py --threads {chosen.threads}{forced}`, torch {torch.__version__}, {platform.machine()}, {kernels.INSTRUCTION_SETS[isa]}, {chosen.threads} threads,
float32. Load of the machine {before:.1f} before and {after:.1f} after, {os.cpu_count()} cores. Peak of multiply-adds in registers {limit / 1e9:.0f} GFLOP/s,
torch's product of 1536 x 1536 {large / 1e9:.0f}. Training is forward and backward. Ratios: torch's time over ours, median [least, greatest] of neighbours in time.
Executor: what the default chose ({chosen.executor}), in training and, where it differs, in inference.

| cell | batch, time, input, hidden | training ms | ratio | of peak | forward ms | ratio | of peak | repetitions | executor |
|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(line(one, limit) for one in speeds)}

Geometric means of the ratios by class:

| cell | class | training | forward |
|---|---|---|---|
{chr(10).join(means)}

What options cost at {RAGGED} with the native executor, as a multiple of the plain run's time: a ragged batch against the padded one
(training), the trace in training and in inference.

| cell | fill | ragged | traced, training | traced, inference |
|---|---|---|---|---|
{chr(10).join(extras)}
"""
    chosen.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
