"""Leaky RNN: continuous time in steps, each unit with a leak rate (a time scale) of its own.

    n = tanh(W x + U h + b)                           candidate
    a = sigmoid(leak)                                 update_gate: the leak rate, the same at every step
    h' = (1 - a) * h + a * n

The continuous-time RNN  tau dh/dt = -h + tanh(W x + U h + b)  (Funahashi and Nakamura 1993) in Euler steps of length 1,
a = 1 / tau; Tallec and Ollivier 2018, "Can recurrent neural networks warp time?" (section 1), with a learned. Time scales
tau start as their chrono initialisation has it: 1 + u, u uniform in (1, time_scale - 1). One bias vector.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from elman.cells.contract import Affine, Cell, Readings, initialise
from elman.core.errors import RecipeError


@final
class LeakyRNN(Cell):
    """See the module's docstring. State (h,). `time_scale`: the longest at the start, in steps, at least 2."""

    readings = ("update_gate", "candidate")

    def __init__(
        self, input_size: int, hidden_size: int, *, time_scale: float = 10.0, layer_norm: bool = False
    ) -> None:
        super().__init__(input_size, hidden_size)
        if time_scale < 2:
            raise RecipeError(f"time_scale is {time_scale}; expected at least 2, in steps.")
        self.ih = Affine(input_size, hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, hidden_size, bias=False, layer_norm=layer_norm)
        # sigmoid(-log u) = 1 / (1 + u)
        self.leak = nn.Parameter(-torch.empty(hidden_size).uniform_(1.0, time_scale - 1).log())
        initialise(self.ih, 1, recurrent=False)
        initialise(self.hh, 1, recurrent=True)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        n = (projected + self.hh(state.h)).tanh()
        a = self.leak.sigmoid().expand_as(n)
        return self.State(state.h + a * (n - state.h)), (a, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return (([self.leak.data], -1),)
