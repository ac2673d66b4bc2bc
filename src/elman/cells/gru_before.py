"""GRU as it was published: the reset gate before the product.

    r = sigmoid(W_r x + U_r h + b_r)                  reset_gate
    z = sigmoid(W_z x + U_z h + b_z)                  update_gate
    n = tanh(W_n x + U_n (r * h) + b_n)               candidate
    h' = (1 - z) * n + z * h

Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder" (eqs. 5-8; the paper leaves out the biases);
z keeps the old state. torch.nn.GRU and the cell `gru` reset after the product: r * (U_n h + b). One product more has to wait
for another here, so no fused kernel of torch serves it. One bias vector, rows in the order r, z, n. Recurrent weights
start orthogonal, as in the paper.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class GRUBefore(Cell):
    """See the module's docstring. State (h,). `hh` holds U_r and U_z, `hn` holds U_n."""

    readings = ("reset_gate", "update_gate", "candidate")

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 3 * hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, 2 * hidden_size, bias=False, layer_norm=layer_norm)
        self.hn = Affine(hidden_size, hidden_size, bias=False, layer_norm=layer_norm)
        initialise(self.ih, 3, recurrent=False)
        initialise(self.hh, 2, recurrent=True)
        initialise(self.hn, 1, recurrent=True)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        xr, xz, xn = projected.chunk(3, -1)
        hr, hz = self.hh(state.h).chunk(2, -1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + self.hn(r * state.h)).tanh()
        return self.State(n + z * (state.h - n)), (r, z, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return ((self.gate(1), 1),)
