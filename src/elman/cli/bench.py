"""How fast the recurrent layers run on this machine, beside torch.nn's in the same run.

elman bench
elman bench gru --hidden 128 512 --threads 1
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import tyro

from elman.cli._flags import parse


@dataclass(frozen=True)
class Bench:
    """How fast the recurrent layers run on this machine, beside torch.nn's in the same run."""

    cells: Annotated[tuple[str, ...], tyro.conf.Positional] = ()  # gru, lstm, rnn; all when none is named
    hidden: tuple[int, ...] = ()  # only sizes with so many units, and one of your own
    executor: str = "auto"  # force one; the default is what a network would get
    threads: int | None = None
    repetitions: int = 9


def main(arguments: list[str]) -> int:
    """Run the verb: one line for each cell and size as it is measured, then the means."""
    chosen = parse(Bench, arguments, "bench")
    import torch

    from elman.core.catalogue import find
    from elman.core.errors import RecipeError, UnknownName
    from elman.engine.timing import peak, product
    from elman.models.speed import CELLS, SIZES, against_torch, by_class

    for cell in chosen.cells:
        if cell not in CELLS:
            raise UnknownName("cell of torch.nn", cell, CELLS)
    if chosen.executor != "auto":
        find("engine.executors", chosen.executor, "executor")
    for name in ("threads", "repetitions"):
        if getattr(chosen, name) is not None and getattr(chosen, name) < 1:
            raise RecipeError(f"--{name} must be at least 1, got {getattr(chosen, name)}.")
    if chosen.hidden and min(chosen.hidden) < 1:
        raise RecipeError(f"--hidden must be at least 1, got {min(chosen.hidden)}.")
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    sizes = list(SIZES)
    if chosen.hidden:
        sizes = [size for size in SIZES if size[3] in chosen.hidden]
        sizes += [
            (32, 100, hidden, hidden) for hidden in chosen.hidden if hidden not in [s[3] for s in SIZES]
        ]
    limit, load = peak(), os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {load:.1f}; multiply-adds in registers "
        f"{limit / 1e9:.0f} GFLOP/s, torch's large product {product() / 1e9:.0f}"
    )
    print("times faster than torch.nn: median of neighbours in time [least, greatest]\n")
    print(
        f"{'cell':<5}{'batch, time, input, hidden':<28}{'training':<23}{'of peak':<9}{'inference':<23}{'of peak':<9}executor"
    )
    speeds = []
    for cell in chosen.cells or CELLS:
        for size in sizes:
            one = against_torch(cell, size, executor=chosen.executor, repetitions=chosen.repetitions)
            share = [
                f"{flops / limit:.0%}" if limit else "-" for flops in (one.training_flops, one.forward_flops)
            ]
            who = one.executors[0] if len(set(one.executors)) == 1 else " and ".join(one.executors)
            print(
                f"{cell:<5}{', '.join(map(str, size)):<28}{one.training!s:<23}{share[0]:<9}{one.forward!s:<23}{share[1]:<9}{who}",
                flush=True,
            )
            speeds.append(one)
    print("\nGeometric means")
    for (cell, kind), (train, forward) in by_class(speeds).items():
        print(f"{cell:<5}{kind:<28}{train:<23.2f}{'':<9}{forward:.2f}")
    return 0
