"""minGRU: a GRU whose gates see the input alone, so that time can run in parallel.

    z = sigmoid(W_z x + b_z)        update_gate
    n = W_n x + b_n                 candidate
    h' = (1 - z) * h + z * n

Feng et al. 2024, "Were RNNs All We Needed?" (section 3.1; candidate without the log-space map of appendix B). Here z
writes the candidate, as in the paper; in torch's GRU z keeps the state. One bias vector, rows in the order z, n.
"""

from __future__ import annotations

from typing import final

from torch import Tensor

from elman.cells.contract import Affine, LinearCell, Readings, initialise


@final
class MinGRU(LinearCell):
    """See the module's docstring. State (h,)."""

    readings = ("update_gate", "candidate")

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 2 * hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 2, recurrent=False)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor, Readings]:
        z, n = projected.chunk(2, -1)
        z = z.sigmoid()
        return 1 - z, z * n, (z, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return ((self.gate(0), -1),)
