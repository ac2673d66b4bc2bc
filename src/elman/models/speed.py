"""How fast recurrent layers run on this machine, beside torch.nn's in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import geometric_mean, median

import torch
from torch import Tensor, nn

from elman.engine.timing import Ratio, Run, interleaved, ratio
from elman.models.rnn import RNN

# batch, time, input, hidden: small and large, few rows and many, sizes of the literature
SIZES = (
    (32, 96, 8, 64), (64, 100, 128, 128), (256, 64, 64, 128), (64, 128, 128, 256), (32, 256, 512, 512),
    (16, 35, 650, 650), (1, 512, 128, 256),
)  # fmt: skip
CELLS = ("gru", "lstm", "rnn")
GATES = {"gru": 3, "lstm": 4, "rnn": 1}


@dataclass(frozen=True)
class Speed:
    """One cell at one size: milliseconds, torch.nn's time over ours, and operations a second. Training is forward and backward."""

    cell: str
    size: tuple[int, int, int, int]
    executors: tuple[str, str]  # that of training, that of inference
    training_ms: float
    training: Ratio
    training_flops: float
    forward_ms: float
    forward: Ratio
    forward_flops: float

    @property
    def kind(self) -> str:
        """The class of sizes in which the ratio is averaged."""
        batch, _, _, hidden = self.size
        if batch == 1:
            return "batch 1"
        return f"hidden {hidden}" if hidden < 256 else "hidden 256-650"


def training_run(module: nn.Module, x: Tensor, grad: Tensor, **options: object) -> Run:
    """A forward and backward pass of a module that gives (output, ...), for the gradients of its input and parameters."""
    inputs = [x.detach().requires_grad_(True), *module.parameters()]
    return lambda: torch.autograd.grad(module(inputs[0], **options)[0], inputs, grad)


def inference_run(run: Run) -> Run:
    """The same without gradients."""

    def quiet() -> None:
        with torch.no_grad():
            run()

    return quiet


def against_torch(
    cell: str,
    size: tuple[int, int, int, int],
    *,
    executor: str = "auto",
    repetitions: int = 9,
    budget: float = 8.0,
) -> Speed:
    """Measure `cell` at (batch, time, input, hidden) beside the torch.nn module with the same weights."""
    batch, steps, inputs, hidden = size
    torch.manual_seed(0)
    ours = RNN(cell, inputs, hidden, executor=executor)
    theirs = ours.to_torch()
    x, grad = torch.randn(batch, steps, inputs), torch.randn(batch, steps, hidden)
    runs = {
        "torch": training_run(theirs, x, grad),
        "ours": training_run(ours, x, grad),
        "torch forward": inference_run(lambda: theirs(x)),
        "ours forward": inference_run(lambda: ours(x)),
    }
    seconds = interleaved(runs, repetitions, budget)
    work = 2 * batch * steps * GATES[cell] * hidden * (inputs + hidden)
    train, forward = median(seconds["ours"]), median(seconds["ours forward"])
    with torch.no_grad():
        quiet = ours.plan(x).chosen
    return Speed(
        cell, size, (ours.plan(x).chosen, quiet),
        train * 1e3, ratio(seconds["torch"], seconds["ours"]), 3 * work / train,
        forward * 1e3, ratio(seconds["torch forward"], seconds["ours forward"]), work / forward,
    )  # fmt: skip


def by_class(speeds: list[Speed]) -> dict[tuple[str, str], tuple[float, float]]:
    """(cell, class of sizes) -> geometric means of the ratios in training and in inference."""
    groups: dict[tuple[str, str], list[Speed]] = {}
    for one in speeds:
        groups.setdefault((one.cell, one.kind), []).append(one)
    return {
        key: (
            geometric_mean(one.training.value for one in group),
            geometric_mean(one.forward.value for one in group),
        )
        for key, group in groups.items()
    }
