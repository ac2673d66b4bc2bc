"""Golden vectors for the sanitized driver, made afresh: python tests/native/golden.py FILE

Values and gradients of torch.nn in float64, one sequence at a time, written as text. A case is a line `cell time batch input hidden`, a line
of lengths, and then the arrays in the order of `driver.cpp`, one to a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}
# time, batch, input, hidden and the lengths: sizes of one, some that fit no vector, four and eight vectors, sequences of no steps
SIZES = (
    (1, 1, 1, 1, [1]),
    (3, 2, 5, 7, [3, 2]),
    (5, 4, 3, 16, [5, 0, 1, 4]),
    (4, 3, 17, 33, [4, 4, 4]),
    (2, 1, 2, 66, [2]),
    (1, 2, 128, 32, [1, 1]),
    (2, 1, 8, 64, [2]),
)


def case(kind: int, name: str, size: tuple[int, int, int, int, list[int]]) -> list[str]:
    """The lines of one case."""
    time, batch, inputs, hidden, lengths = size
    options = {"nonlinearity": name[4:]} if name.startswith("rnn") else {}
    layer = CELLS[name](inputs, hidden, **options).double()
    weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
    for weight in weights:
        nn.init.normal_(weight, std=0.5)
    parts = 2 if name == "lstm" else 1
    x = torch.randn(time, batch, inputs, dtype=torch.float64, requires_grad=True)
    start = [torch.randn(batch, hidden, dtype=torch.float64, requires_grad=True) for _ in range(parts)]
    grad_y = torch.randn(time, batch, hidden, dtype=torch.float64)
    grad_end = [torch.randn(batch, hidden, dtype=torch.float64) for _ in range(parts)]
    y = torch.zeros(time, batch, hidden, dtype=torch.float64)
    ends = [value.detach().clone() for value in start]
    loss = torch.zeros((), dtype=torch.float64)
    for row, length in enumerate(lengths):
        before = [value[row : row + 1, None].transpose(0, 1) for value in start]
        last = before
        if length:
            output, last = layer(x[:length, row : row + 1], tuple(before) if parts == 2 else before[0])
            last = list(last) if parts == 2 else [last]
            y[:length, row] = output[:, 0].detach()
            loss = loss + (output[:, 0] * grad_y[:length, row]).sum()
        for part, value in enumerate(last):
            ends[part][row] = value[0, 0].detach()
            loss = loss + (value[0, 0] * grad_end[part][row]).sum()
    inputs_ = [x, *start, *weights]
    grads = torch.autograd.grad(loss, inputs_, allow_unused=True)
    made = [torch.zeros_like(value) if grad is None else grad for value, grad in zip(inputs_, grads)]
    arrays = [x, *start, *weights, y, *ends, grad_y, *grad_end, *made]
    head = f"{kind} {time} {batch} {inputs} {hidden}"
    return [head, " ".join(map(str, lengths)), *map(line, arrays)]


def line(value: Tensor) -> str:
    """Its values, in order."""
    return " ".join(f"{one:.17g}" for one in value.detach().reshape(-1).tolist())


def write(path: Path) -> None:
    """All cases into a file."""
    torch.manual_seed(0)
    lines = [text for kind, name in enumerate(CELLS) for size in SIZES for text in case(kind, name, size)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
