"""MGU: minimal gated unit, a GRU whose one gate both resets and updates.

    f = sigmoid(W_f x + U_f h + b_f)                  forget_gate
    n = tanh(W_n x + U_n (f * h) + b_n)               candidate
    h' = (1 - f) * h + f * n

Zhou, Wu, Zhang and Zhou 2016, "Minimal gated unit for recurrent neural networks" (section 3). As in the paper, an open
forget gate writes the candidate; in an LSTM it keeps. One bias vector, rows in the order f, n.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class MGU(Cell):
    """See the module's docstring. State (h,). `hh` holds U_f, `hn` holds U_n."""

    readings = ("forget_gate", "candidate")

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 2 * hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, hidden_size, bias=False, layer_norm=layer_norm)
        self.hn = Affine(hidden_size, hidden_size, bias=False, layer_norm=layer_norm)
        initialise(self.ih, 2, recurrent=False)
        initialise(self.hh, 1, recurrent=True)
        initialise(self.hn, 1, recurrent=True)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        xf, xn = projected.chunk(2, -1)
        f = (xf + self.hh(state.h)).sigmoid()
        n = (xn + self.hn(f * state.h)).tanh()
        return self.State(state.h + f * (n - state.h)), (f, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return ((self.gate(0), -1),)
