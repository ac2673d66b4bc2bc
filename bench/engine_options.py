"""What options of the native executor cost, as multiples of the plain run's time: prints rows for bench/ENGINE_OPTIONS.md.

    python bench/engine_options.py [--threads 2] [--cells gru] [--repetitions 9] [--budget 5]

Medians of the ratios of neighbours in time, as in bench/engine.py. Zoneout is given as masks that are already drawn (the
executor's cost) and as the network draws them. The targets: 1.35 from hidden 128, 1.8 at hidden 64; the trace 1.1 in
training and 1.5 in inference; a ragged batch at 60% fill 0.7.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import torch

from elman import RNN
from elman.engine.contract import Call
from elman.engine.plan import run
from engine import inference, interleaved, ratio

SIZES = [
    (64, 100, 128, 128), (64, 128, 128, 256), (32, 256, 512, 512), (16, 35, 650, 650), (32, 96, 8, 64),
    (256, 64, 64, 128),
]  # fmt: skip


def measure(name: str, sizes: tuple[int, int, int, int], repetitions: int, budget: float) -> None:
    """Print one row: a cell at (batch, time, input, hidden)."""
    batch, steps, size, hidden = sizes
    torch.manual_seed(0)
    network = RNN(name, size, hidden, executor="native")
    drawing = RNN(name, size, hidden, executor="native", zoneout=0.1)
    drawing.load_state_dict(network.state_dict())
    cell = network.layers[0][0]
    x, grad = torch.randn(steps, batch, size, requires_grad=True), torch.randn(steps, batch, hidden)
    lengths = torch.linspace(0.2, 1.0, batch).mul(steps).long()  # 60% of the steps
    lengths[-1] = steps
    rate = torch.full((), 0.1).expand(steps, batch, hidden)
    drawn = tuple(torch.bernoulli(rate) for _ in cell.state_names)
    reset, state = torch.rand(steps, batch) < 0.05, cell.initial_state(batch)
    weights = [x, *cell.parameters()]

    def training(seen: str = "", **options: object) -> Callable[[], object]:
        call = Call(cell, x, state, readings=bool(seen), **options)

        def once() -> object:
            result = run(call, "native")
            return torch.autograd.grad(result.readings[seen] if seen else result.output, weights, grad)

        return once

    def drawn_by_the_network() -> object:
        output = drawing(x.transpose(0, 1))[0]
        return torch.autograd.grad(output, [x, *drawing.parameters()], grad.transpose(0, 1))

    runs = {
        "plain": training(),
        "zoneout": training(hold=drawn),
        "network": drawn_by_the_network,
        "reset": training(reset=reset),
        "both": training(hold=drawn, reset=reset, lengths=lengths),
        "trace": training("h"),
        "ragged": training(lengths=lengths),
        "forward": inference(lambda: run(Call(cell, x, state), "native")),
        "zoneout forward": inference(lambda: run(Call(cell, x, state, hold=(rate,) * len(state)), "native")),
        "trace forward": inference(lambda: run(Call(cell, x, state, readings=True), "native")),
    }
    seconds = interleaved(runs, repetitions, budget)
    values = [ratio(seconds[key], seconds["plain"])[1] for key in list(runs)[1:7]]
    values += [ratio(seconds[key], seconds["forward"])[1] for key in list(runs)[8:]]
    plain = sorted(seconds["plain"])[len(seconds["plain"]) // 2] * 1e3
    print(f"| {name} | {batch}, {steps}, {size}, {hidden} | {plain:.2f} | {' | '.join(values)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--cells", nargs="+", default=["gru", "lstm", "rnn"])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for a row, after 3 repetitions")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    print(
        "| cell | batch, time, input, hidden | plain ms | zoneout | zoneout, drawn too | resets | zoneout, resets, ragged "
        "| traced | ragged 60% | inference: zoneout | traced |\n" + "|---" * 11 + "|"
    )
    for name in chosen.cells:
        for sizes in SIZES:
            measure(name, sizes, chosen.repetitions, chosen.budget)


if __name__ == "__main__":
    main()
