"""What options of the native executor cost, as multiples of the plain run's time: prints rows for bench/ENGINE_OPTIONS.md.

    python bench/engine_options.py [--threads 2] [--cells gru] [--only "layer norm"] [--repetitions 9] [--budget 5]

Medians of the ratios of neighbours in time, as in bench/engine.py, with the least and the greatest in brackets. Zoneout is
given as masks that are already drawn (the executor's cost) and as the network draws them. An RNN's activations are
multiples of tanh's time. The targets: 1.35 from hidden 128, 1.8 at hidden 64; the trace 1.1 in training and 1.5 in
inference; a ragged batch at 60% fill 0.7.
"""

from __future__ import annotations

import argparse
import os
from statistics import median

import torch

from elman import RNN
from elman.cells.rnn import ACTIVATIONS
from elman.engine.contract import Call
from elman.engine.executors.native import refuses_cell
from elman.engine.plan import run
from elman.engine.timing import Run, interleaved, ratio
from elman.models.speed import inference_run

SIZES = [
    (64, 100, 128, 128), (64, 128, 128, 256), (32, 256, 512, 512), (16, 35, 650, 650), (32, 96, 8, 64),
    (256, 64, 64, 128),
]  # fmt: skip
PLAIN = "plain"
IN_TRAINING = [
    "layer norm", "zoneout", "zoneout, drawn too", "resets", "zoneout, resets, ragged", "traced", "ragged 60%",
]  # fmt: skip
IN_INFERENCE = ["layer norm", "zoneout", "traced"]
Size = tuple[int, int, int, int]


class Bench:
    """Runs of one kind of cell at (batch, time, input, hidden)."""

    def __init__(self, name: str, sizes: Size) -> None:
        batch, self.steps, size, hidden = sizes
        torch.manual_seed(0)
        self.name, self.sizes = name, sizes
        self.x = torch.randn(self.steps, batch, size, requires_grad=True)
        self.grad = torch.randn(self.steps, batch, hidden)

    def network(self, **options: object) -> RNN:
        return RNN(self.name, self.x.shape[2], self.sizes[3], executor="native", **options)

    def training(self, network: RNN, seen: str = "", **options: object) -> Run:
        cell = network.layers[0][0]
        call = Call(
            cell, self.x, cell.initial_state(self.sizes[0]), readings=bool(seen), final=True, **options
        )
        inputs = [self.x, *cell.parameters()]

        def once() -> object:
            result = run(call, "native")
            return torch.autograd.grad(result.readings[seen] if seen else result.output, inputs, self.grad)

        return once

    def inference(self, network: RNN, **options: object) -> Run:
        cell = network.layers[0][0]
        call = Call(cell, self.x, cell.initial_state(self.sizes[0]), **options)
        return inference_run(lambda: run(call, "native"))


def options(name: str, sizes: Size, wanted: list[str], repetitions: int, budget: float) -> str:
    """One row of the table of options."""
    bench = Bench(name, sizes)
    batch, steps, _, hidden = sizes
    plain, normed, drawing = bench.network(), bench.network(layer_norm=True), bench.network(zoneout=0.1)
    cell = plain.layers[0][0]
    lengths = torch.linspace(0.2, 1.0, batch).mul(steps).long()  # 60% of the steps
    lengths[-1] = steps
    rate = torch.full((), 0.1).expand(steps, batch, hidden)
    drawn = tuple(torch.bernoulli(rate) for _ in cell.state_names)
    reset = torch.rand(steps, batch) < 0.05

    def drawn_by_the_network() -> object:
        output = drawing(bench.x.transpose(0, 1))[0]
        return torch.autograd.grad(output, [bench.x, *drawing.parameters()], bench.grad.transpose(0, 1))

    training = {
        PLAIN: bench.training(plain),
        "layer norm": bench.training(normed),
        "zoneout": bench.training(plain, hold=drawn),
        "zoneout, drawn too": drawn_by_the_network,
        "resets": bench.training(plain, reset=reset),
        "zoneout, resets, ragged": bench.training(plain, hold=drawn, reset=reset, lengths=lengths),
        "traced": bench.training(plain, seen="h"),
        "ragged 60%": bench.training(plain, lengths=lengths),
    }
    inference = {
        PLAIN: bench.inference(plain),
        "layer norm": bench.inference(normed),
        "zoneout": bench.inference(plain, hold=(rate,) * len(cell.state_names)),
        "traced": bench.inference(plain, readings=True),
    }
    return row(name, sizes, training, inference, wanted, repetitions, budget)


def activations(sizes: Size, names: list[str], repetitions: int, budget: float) -> str:
    """One row of the table of activations."""
    bench = Bench("rnn", sizes)
    networks = {PLAIN: bench.network()} | {name: bench.network(activation=name) for name in names}
    training = {name: bench.training(network) for name, network in networks.items()}
    inference = {name: bench.inference(network) for name, network in networks.items()}
    return row("rnn", sizes, training, inference, names, repetitions, budget)


def row(
    name: str,
    sizes: Size,
    training: dict[str, Run],
    inference: dict[str, Run],
    wanted: list[str],
    repetitions: int,
    budget: float,
) -> str:
    """The plain run's milliseconds in training, what each option makes of them, and the same in inference."""
    cells = [name, ", ".join(map(str, sizes))]
    for runs in (training, inference):
        seconds = interleaved(
            {key: one for key, one in runs.items() if key in (PLAIN, *wanted)}, repetitions, budget
        )
        cells.append(f"{median(seconds[PLAIN]) * 1e3:.2f}")
        cells += [str(ratio(values, seconds[PLAIN])) for key, values in seconds.items() if key != PLAIN]
    return f"| {' | '.join(cells)} |"


def head(training: list[str], inference: list[str]) -> str:
    columns = ["cell", "batch, time, input, hidden", "training ms", *training, "inference ms", *inference]
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--cells", nargs="+", default=["gru", "lstm", "rnn"])
    parser.add_argument(
        "--only", nargs="+", default=[*IN_TRAINING, "activations"], help="some of the options"
    )
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for a row, after 3 repetitions")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    print(f"{chosen.threads} threads; load {os.getloadavg()[0]:.1f} before", flush=True)
    wanted = [[name for name in names if name in chosen.only] for names in (IN_TRAINING, IN_INFERENCE)]
    if any(wanted):
        print(head(*wanted))
        for name in chosen.cells:
            for sizes in SIZES:
                print(options(name, sizes, chosen.only, chosen.repetitions, chosen.budget), flush=True)
    if "activations" in chosen.only:
        served = [
            name
            for name in ACTIVATIONS
            if refuses_cell(RNN("rnn", 1, 1, activation=name).layers[0][0]) is None
        ]
        names = [name for name in served if name != "tanh"]
        print("\n" + head(names, names))
        for sizes in SIZES:
            print(activations(sizes, names, chosen.repetitions, chosen.budget), flush=True)
    print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
