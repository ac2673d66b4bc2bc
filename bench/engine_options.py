"""What options of the native executor cost, as multiples of the plain run's time: writes bench/ENGINE_OPTIONS.md and rows.

    python bench/engine_options.py [--threads 2] [--cells gru] [--only "layer norm"] [--repetitions 9] [--budget 5]

Medians of the ratios of neighbours in time, as in bench/engine.py, with the least and the greatest in brackets. Zoneout is
given as masks that are already drawn (the executor's cost) and as the network draws them. An RNN's activations are
multiples of tanh's time. The claims in PROMISED are kept for the worst size of each cell. With some of the cells or options,
or with few repetitions, it only prints.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path
from statistics import median

import rows
import torch

from elman import RNN
from elman.cells.rnn import ACTIVATIONS
from elman.engine.contract import Call
from elman.engine.executors.native import refuses_cell
from elman.engine.plan import run
from elman.engine.timing import Ratio, Run, interleaved, ratio
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
TRAINING, INFERENCE = "training", "inference"
# option, where it is measured -> at most this from hidden 128, at most this at hidden 64
PROMISED = {
    ("layer norm", TRAINING): (1.35, 1.8),
    ("layer norm", INFERENCE): (1.35, 1.8),
    ("zoneout, drawn too", TRAINING): (1.35, 1.8),
    ("zoneout", INFERENCE): (1.35, 1.8),
    ("another activation", TRAINING): (1.35, 1.8),
    ("another activation", INFERENCE): (1.35, 1.8),
    ("traced", TRAINING): (1.1, 1.1),
    ("traced", INFERENCE): (1.5, 1.5),
    ("ragged 60%", TRAINING): (0.7, 0.7),
}
TABLE = Path(__file__).resolve().parent / "ENGINE_OPTIONS.md"
Size = tuple[int, int, int, int]
# (cell, hidden, training or inference, option) -> its time as a multiple of the plain run's
Found = dict[tuple[str, int, str, str], Ratio]


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


def options(name: str, sizes: Size, wanted: list[str], repetitions: int, budget: float) -> tuple[str, Found]:
    """One row of the table of options, and its numbers."""
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


def activations(sizes: Size, names: list[str], repetitions: int, budget: float) -> tuple[str, Found]:
    """One row of the table of activations, and its numbers."""
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
) -> tuple[str, Found]:
    """The plain run's milliseconds in training, what each option makes of them, and the same in inference."""
    cells, found = [name, ", ".join(map(str, sizes))], {}
    for mode, runs in ((TRAINING, training), (INFERENCE, inference)):
        chosen = {key: one for key, one in runs.items() if key in (PLAIN, *wanted)}
        seconds = interleaved(chosen, repetitions, budget)
        cells.append(f"{median(seconds[PLAIN]) * 1e3:.2f}")
        for key, values in seconds.items():
            if key != PLAIN:
                found[name, sizes[3], mode, key] = ratio(values, seconds[PLAIN])
                cells.append(str(found[name, sizes[3], mode, key]))
    return f"| {' | '.join(cells)} |", found


def keep(found: Found, seconds: float, load: list[float]) -> None:
    """The claims of PROMISED as rows of RESULTS.md: the worst of all cells and sizes against what was promised."""
    for (option, mode), limits in PROMISED.items():
        for sizes, limit in zip(("from hidden 128", "hidden 64"), limits):
            group = {
                f"{cell} {hidden}": one
                for (cell, hidden, where, key), one in found.items()
                if where == mode and key == option and (hidden >= 128) == (sizes != "hidden 64")
            }
            worst = max(group, key=lambda key: group[key].value)
            rows.keep(
                f"option {option} {mode} {sizes}",
                {
                    "claim": f"{option}, {mode}, {sizes}: at most {limit:g} times the plain run, worst cell and size ({worst})",
                    "command": "python bench/engine_options.py", "metric": "ratio", "value": group[worst].value,
                    "seeds": sorted((one.value for one in group.values()), reverse=True)[:5],
                    "interval": [group[worst].low, group[worst].high], "rival": "the same run without it",
                    "seconds": seconds, "load": load, "threads": torch.get_num_threads(), "engine": "native",
                    "passed": group[worst].value <= limit,
                },
            )  # fmt: skip


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
    before, began = os.getloadavg()[0], time.perf_counter()
    found: Found = {}
    tables = []
    wanted = [[name for name in names if name in chosen.only] for names in (IN_TRAINING, IN_INFERENCE)]
    if any(wanted):
        lines = [head(*wanted)]
        for name in chosen.cells:
            for sizes in SIZES:
                line, numbers = options(name, sizes, chosen.only, chosen.repetitions, chosen.budget)
                print(line, flush=True)
                lines.append(line)
                found |= {key: worse(found.get(key), one) for key, one in numbers.items()}
        tables.append("\n".join(lines))
    if "activations" in chosen.only:
        served = [
            name
            for name in ACTIVATIONS
            if refuses_cell(RNN("rnn", 1, 1, activation=name).layers[0][0]) is None
        ]
        names = [name for name in served if name != "tanh"]
        lines = [head(names, names)]
        for sizes in SIZES:
            line, numbers = activations(sizes, names, chosen.repetitions, chosen.budget)
            print(line, flush=True)
            lines.append(line)
            for (cell, hidden, mode, name), one in numbers.items():
                key = (f"{cell} {name}", hidden, mode, "another activation")
                found[key] = worse(found.get(key), one)
        tables.append("\n".join(lines))
    load = [round(before, 1), round(os.getloadavg()[0], 1)]
    whole = set(chosen.cells) == {"gru", "lstm", "rnn"} and set(chosen.only) >= {*IN_TRAINING, "activations"}
    if whole and chosen.repetitions >= 9:
        TABLE.write_text(
            f"""# What options cost on the native executor

`python bench/engine_options.py`, torch {torch.__version__}, {platform.machine()}, {chosen.threads} threads, {os.cpu_count()} cores,
float32; load of the machine {load[0]} before and {load[1]} after. Each number is the time with the option over the plain
run's, median [least, greatest] of neighbours in time; milliseconds are the plain run's. Zoneout's masks are given, or
drawn by the network; "ragged 60%" has lengths from a fifth of the steps to all of them; "traced" reads every gate.

"""
            + "\n\n".join(tables)
            + "\n",
            encoding="utf-8",
        )
        keep(found, time.perf_counter() - began, load)


def worse(known: Ratio | None, one: Ratio) -> Ratio:
    """Two sizes with the same hidden units: the slower."""
    return one if known is None or one.value > known.value else known


if __name__ == "__main__":
    main()
