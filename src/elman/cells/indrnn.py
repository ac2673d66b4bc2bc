"""IndRNN: an RNN whose units do not see each other, only their own past.

    h' = relu(W x + u * h + b)                        candidate

Li et al. 2018, "Independently recurrent neural network (IndRNN): building a longer and deeper RNN" (eq. 2). Units meet in
the next layer: use two layers or more. u starts uniform in (0, 1), the paper's (0, gamma^(1/T)) for long sequences; the
paper also cuts it to that range in training, which is left to the optimizer here. The paper's ReLU is the only
activation. One bias vector.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class IndRNN(Cell):
    """See the module's docstring. State (h,). `recurrent` (hidden_size,) is u."""

    readings = ("candidate",)

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, hidden_size, layer_norm=layer_norm)
        self.recurrent = nn.Parameter(torch.rand(hidden_size))
        initialise(self.ih, 1, recurrent=False)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        h = (projected + self.recurrent * state.h).relu()
        return self.State(h), (h,)
