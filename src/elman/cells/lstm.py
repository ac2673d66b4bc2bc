"""LSTM: long short-term memory with a forget gate.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)        input_gate
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        forget_gate
    n = tanh   (W_in x + b_in + W_hn h + b_hn)        candidate
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)        output_gate
    c' = f * c + i * n
    h' = o * tanh(c')

Hochreiter and Schmidhuber 1997 (eqs. 7-9), with the forget gate of Gers, Schmidhuber and Cummins 2000 (eq. 4), without
peepholes: the variant of torch.nn.LSTM, two bias vectors, rows in the order i, f, n, o. The forget gate's bias starts
at 1 (Gers et al. 2000; Jozefowicz et al. 2015).
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class LSTM(Cell):
    """See the module's docstring. State (h, c)."""

    state_names = ("h", "c")
    readings = ("input_gate", "forget_gate", "candidate", "output_gate")
    kernel = "lstm"

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 4 * hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, 4 * hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 4, recurrent=False)
        initialise(self.hh, 4, recurrent=True)
        if self.ih.bias is not None:
            self.ih.bias.data[hidden_size : 2 * hidden_size] = 1.0

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        i, f, n, o = (projected + self.hh(state.h)).chunk(4, -1)
        i, f, n, o = i.sigmoid(), f.sigmoid(), n.tanh(), o.sigmoid()
        c = f * state.c + i * n
        return self.State(o * c.tanh(), c), (i, f, n, o)
