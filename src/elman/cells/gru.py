"""GRU: gated recurrent unit, reset gate after the product.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        reset_gate
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        update_gate
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn))     candidate
    h' = (1 - z) * n + z * h

Cho et al. 2014 (eqs. 5-8), with the reset gate applied after the product as in torch.nn.GRU and cuDNN (Cho et al.
apply it before); z keeps the old state, as in torch. Two bias vectors, rows in the order r, z, n.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class GRU(Cell):
    """See the module's docstring. State (h,)."""

    readings = ("reset_gate", "update_gate", "candidate")
    kernel = "gru"

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 3 * hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, 3 * hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 3, recurrent=False)
        initialise(self.hh, 3, recurrent=True)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        xr, xz, xn = projected.chunk(3, -1)
        hr, hz, hn = self.hh(state.h).chunk(3, -1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + r * hn).tanh()
        return self.State(n + z * (state.h - n)), (r, z, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return ((self.gate(1), 1),)
