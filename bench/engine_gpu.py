"""Recurrent layers on a GPU beside torch.nn's, and what runs outside cuDNN there: writes bench/ENGINE_GPU.md.

    python bench/engine_gpu.py [--repetitions 9] [--budget 2] [--checks "what was tested"] [--output bench/ENGINE_GPU.md]

Every number is a median of interleaved repetitions in one run, each waited for; a ratio is torch's time over ours, and the
median of the ratios of neighbours in time, with the least and the greatest in brackets.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman import RNN
from elman.engine.timing import Run, interleaved, ratio
from elman.models.speed import CELLS, inference_run, training_run

SIZES = (
    (32, 96, 8, 64),
    (64, 100, 128, 128),
    (64, 128, 128, 256),
    (32, 256, 512, 512),
    (64, 256, 1024, 1024),
)
MIDDLE = (64, 100, 128, 128)
OPTIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("layer_norm", {"layer_norm": True}),
    ("zoneout", {"zoneout": 0.1}),
    ("weight_drop", {"weight_drop": 0.2}),
)


def waited(run: Run) -> Run:
    """A run that ends when the GPU has done it."""

    def both() -> None:
        run()
        torch.cuda.synchronize()

    return both


def measure(runs: dict[str, Run], given: argparse.Namespace) -> dict[str, list[float]]:
    return interleaved({name: waited(run) for name, run in runs.items()}, given.repetitions, given.budget)


def pair(cell: str, size: tuple[int, int, int, int]) -> tuple[RNN, nn.Module, torch.Tensor, torch.Tensor]:
    """Ours, torch.nn's with the same weights, an input and a gradient of the output."""
    batch, steps, inputs, hidden = size
    torch.manual_seed(0)
    ours = RNN(cell, inputs, hidden).cuda()
    x, grad = (
        torch.randn(batch, steps, inputs, device="cuda"),
        torch.randn(batch, steps, hidden, device="cuda"),
    )
    return ours, ours.to_torch(), x, grad


def against_torch(cell: str, size: tuple[int, int, int, int], given: argparse.Namespace) -> str:
    ours, theirs, x, grad = pair(cell, size)
    seconds = measure(
        {
            "torch": training_run(theirs, x, grad),
            "ours": training_run(ours, x, grad),
            "torch forward": inference_run(lambda: theirs(x)),
            "ours forward": inference_run(lambda: ours(x)),
        },
        given,
    )
    cells = [cell, ", ".join(map(str, size))]
    for kind in ("", " forward"):
        cells += [
            f"{median(seconds['ours' + kind]) * 1e3:.2f}",
            str(ratio(seconds["torch" + kind], seconds["ours" + kind])),
        ]
    return row(*cells, ours.plan(x).chosen)


def option(cell: str, name: str, settings: dict[str, object], given: argparse.Namespace) -> str:
    """What an option costs in training beside the plain layer, and who runs it."""
    plain, _, x, grad = pair(cell, MIDDLE)
    other = RNN(cell, x.shape[-1], grad.shape[-1], **settings).cuda()  # type: ignore[arg-type]
    seconds = measure({"plain": training_run(plain, x, grad), "option": training_run(other, x, grad)}, given)
    ms = [f"{median(seconds[key]) * 1e3:.2f}" for key in ("plain", "option")]
    return row(cell, name, *ms, other.plan(x).chosen)


def ragged(cell: str, given: argparse.Namespace) -> str:
    """A ragged batch with its last state, beside the padded one and torch's packed sequences."""
    ours, theirs, x, grad = pair(cell, MIDDLE)
    steps = x.shape[1]
    lengths = torch.randint(steps // 5, steps + 1, x.shape[:1])
    lengths[0] = steps
    on = lengths.cuda()

    def packed(values: torch.Tensor) -> tuple[torch.Tensor, object]:
        output, state = theirs(pack_padded_sequence(values, lengths, True, enforce_sorted=False))
        return pad_packed_sequence(output, True, total_length=steps)[0], state

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = theirs

        def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, object]:
            return packed(values)

    seconds = measure(
        {
            "padded": training_run(ours, x, grad),
            "ragged": training_run(ours, x, grad, lengths=on),
            "packed": training_run(Packed(), x, grad),
        },
        given,
    )
    ms = [f"{median(seconds[key]) * 1e3:.2f}" for key in ("padded", "ragged", "packed")]
    return row(cell, f"{float(lengths.sum()) / (len(lengths) * steps):.0%}", *ms)


def long(cell: str, length: int, given: argparse.Namespace) -> str:
    """Training on long sequences: the scan, beside cuDNN's GRU."""
    x, grad = torch.randn(4, length, 128, device="cuda"), torch.randn(4, length, 128, device="cuda")
    mine, gru = RNN(cell, 128, 128).cuda(), nn.GRU(128, 128, batch_first=True).cuda()
    seconds = measure({"mine": training_run(mine, x, grad), "gru": training_run(gru, x, grad)}, given)
    ms = [f"{median(seconds[key]) * 1e3:.2f}" for key in ("mine", "gru")]
    return row(cell, str(length), *ms, str(ratio(seconds["gru"], seconds["mine"])), mine.plan(x).chosen)


def row(*cells: str) -> str:
    text = "| " + " | ".join(cells) + " |"
    print(text, flush=True)
    return text


def table(head: str, rows: list[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--budget", type=float, default=2.0)
    parser.add_argument("--checks", default="")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("ENGINE_GPU.md"))
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("this torch sees no GPU")
        return 2
    plain = [against_torch(cell, size, given) for cell in CELLS for size in SIZES]
    options = [option(cell, *one, given) for cell in ("gru", "lstm") for one in OPTIONS]
    filled = [ragged(cell, given) for cell in CELLS]
    scans = [long(cell, length, given) for cell in ("mingru", "minlstm", "lru") for length in (1024, 16384)]
    given.output.write_text(
        "\n\n".join(
            [
                "# On a GPU",
                f"`python bench/engine_gpu.py`, {torch.cuda.get_device_name()}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, "
                "float32 as torch sets it (cuDNN in TF32, other products not). " + given.checks,
                "Plain layers beside torch.nn's: milliseconds are ours; a ratio is torch's time over ours, median [least, greatest].",
                table("| cell | batch, time, input, hidden | training ms | times torch.nn | forward ms | times torch.nn | executor |", plain),
                f"Options in training at {MIDDLE}: milliseconds without and with.",
                table("| cell | option | plain | with it | executor |", options),
                f"Ragged batches in training at {MIDDLE}: the share of steps that is no padding, and milliseconds.",
                table("| cell | fill | padded | with lengths | torch.nn, packed |", filled),
                "Long sequences in training at batch 4, 128 inputs and units, in milliseconds.",
                table("| cell | steps | ours | torch.nn.GRU | ratio | executor |", scans),
            ]
        )
        + "\n",
        encoding="utf-8",
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
