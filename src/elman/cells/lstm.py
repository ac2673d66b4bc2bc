"""LSTM: long short-term memory with a forget gate.

    i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)        input_gate
    f = sigmoid(W_if x + b_if + W_hf h + b_hf)        forget_gate
    n = tanh   (W_in x + b_in + W_hn h + b_hn)        candidate
    o = sigmoid(W_io x + b_io + W_ho h + b_ho)        output_gate
    c' = f * c + i * n
    h' = o * tanh(c')              with a projection: h' = W_hr (o * tanh(c'))

Hochreiter and Schmidhuber 1997 (eqs. 7-9), with the forget gate of Gers, Schmidhuber and Cummins 2000 (eq. 4), without
peepholes: the variant of torch.nn.LSTM, two bias vectors, rows in the order i, f, n, o. The forget gate's bias starts
at 1 (Gers et al. 2000; Jozefowicz et al. 2015). The projection is the recurrent one of Sak, Senior and Beaufays
2014, torch's proj_size: h, which is the output, is then smaller than c.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn

from elman.cells.contract import Affine, Cell, Readings, initialise


@final
class LSTM(Cell):
    """See the module's docstring. State (h, c). `projection_size`: numbers in h, hidden_size unless given; `hr` is W_hr."""

    state_names = ("h", "c")
    readings = ("input_gate", "forget_gate", "candidate", "output_gate")
    kernel = "lstm"

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
        self.hh = Affine(self.output_size, 4 * hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 4, recurrent=False)
        initialise(self.hh, 4, recurrent=True)
        self.hr = None
        if projection_size is not None:
            self.hr = Affine(hidden_size, projection_size, bias=False)
            nn.init.orthogonal_(self.hr.weight)
            self.kernel = "lstm_projected"
        self.keep(1.0)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        i, f, n, o = (projected + self.hh(state.h)).chunk(4, -1)
        i, f, n, o = i.sigmoid(), f.sigmoid(), n.tanh(), o.sigmoid()
        c = f * state.c + i * n
        h = o * c.tanh()
        return self.State(h if self.hr is None else self.hr(h), c), (i, f, n, o)

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        return (self.gate(1), 1), (self.gate(0), -1)
