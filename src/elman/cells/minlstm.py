"""minLSTM: an LSTM whose gates see the input alone, so that time can run in parallel.

    i = sigmoid(W_i x + b_i),  f = sigmoid(W_f x + b_f)
    i' = i / (i + f)                                  input_gate
    f' = f / (i + f)                                  forget_gate
    n = W_n x + b_n                                   candidate
    h' = f' * h + i' * n

Feng et al. 2024, "Were RNNs All We Needed?" (section 3.2; gates normalised to sum 1, so that the scale of h does not
depend on the length; candidate without the log-space map of appendix B). The readings are the normalised gates, which
is what acts. One bias vector, rows in the order i, f, n.
"""

from __future__ import annotations

from typing import final

from torch import Tensor
from torch.nn.functional import logsigmoid

from elman.cells.contract import Affine, LinearCell, Readings, initialise


@final
class MinLSTM(LinearCell):
    """See the module's docstring. State (h,)."""

    readings = ("input_gate", "forget_gate", "candidate")

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 3 * hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 3, recurrent=False)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor, Readings]:
        i, f, n = projected.chunk(3, -1)
        # i / (i + f) by logarithms: where both gates are closed it would be 0 / 0.
        more = logsigmoid(i) - logsigmoid(f)
        i, f = more.sigmoid(), (-more).sigmoid()
        return f, i * n, (i, f, n)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return (self.gate(1), 1), (self.gate(0), -1)
