"""LSTM with peepholes: gates that see the cell state itself.

    i = sigmoid(W_i x + U_i h + p_i * c + b_i)        input_gate
    f = sigmoid(W_f x + U_f h + p_f * c + b_f)        forget_gate
    n = tanh   (W_n x + U_n h + b_n)                  candidate
    c' = f * c + i * n
    o = sigmoid(W_o x + U_o h + p_o * c' + b_o)       output_gate
    h' = o * tanh(c')                                 with a projection: h' = W_r (o * tanh(c'))

Gers and Schmidhuber 2000, "Recurrent nets that time and count", in the form of Graves 2013, "Generating sequences with
recurrent neural networks" (eqs. 7-11): peepholes are diagonal, and the output gate looks at the new cell state. One bias
vector, rows in the order i, f, n, o. Peepholes (order i, f, o) start at 0, so that it starts as the LSTM; the forget
gate's bias starts at 1. With the projection it is the LSTMP of Sak, Senior and Beaufays 2014, without their
non-recurrent part: h, which is the output, is then smaller than c.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class LSTMPeephole(Cell):
    """See the module's docstring. State (h, c). `projection_size`: numbers in h, hidden_size unless given; `hr` is W_r."""

    state_names = ("h", "c")
    readings = ("input_gate", "forget_gate", "candidate", "output_gate")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        projection_size: int | None = None,
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size, projection_size)
        self.ih = Affine(input_size, 4 * hidden_size, layer_norm=layer_norm)
        self.hh = Affine(self.output_size, 4 * hidden_size, bias=False, layer_norm=layer_norm)
        self.peephole = nn.Parameter(torch.zeros(3 * hidden_size))
        initialise(self.ih, 4, recurrent=False)
        initialise(self.hh, 4, recurrent=True)
        self.hr = None
        if projection_size is not None:
            self.hr = Affine(hidden_size, projection_size, bias=False)
            nn.init.orthogonal_(self.hr.weight)
        self.keep(1.0)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        i, f, n, o = (projected + self.hh(state.h)).chunk(4, -1)
        to_i, to_f, to_o = self.peephole.chunk(3)
        i, f, n = (i + to_i * state.c).sigmoid(), (f + to_f * state.c).sigmoid(), n.tanh()
        c = f * state.c + i * n
        o = (o + to_o * c).sigmoid()
        h = o * c.tanh()
        return self.State(h if self.hr is None else self.hr(h), c), (i, f, n, o)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return (self.gate(1), 1), (self.gate(0), -1)
