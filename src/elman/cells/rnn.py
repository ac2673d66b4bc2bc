"""RNN: the vanilla (Elman) network.

    h' = activation(W_ih x + b_ih + W_hh h + b_hh)

Elman 1990, "Finding Structure in Time"; the activation is tanh unless another is named (the paper used the logistic
function) or given as a function of a tensor. Two bias vectors, as in torch.nn.RNN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor

from elman.cells.contract import Affine, Cell, Readings, initialise
from elman.core.errors import UnknownName

ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softsign": torch.nn.functional.softsign,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "identity": torch.clone,
}


@final
class RNN(Cell):
    """See the module's docstring. State (h,).

    activation   a name in ACTIVATIONS, or a function Tensor -> Tensor that works unit by unit

    Raises UnknownName for a name that is not in ACTIVATIONS.
    """

    readings = ("candidate",)
    kernel = "rnn"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: str | Callable[[Tensor], Tensor] = "tanh",
        layer_norm: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if isinstance(activation, str) and activation not in ACTIVATIONS:
            raise UnknownName("activation", activation, ACTIVATIONS)
        self.activation = activation
        self.ih = Affine(input_size, hidden_size, layer_norm=layer_norm)
        self.hh = Affine(hidden_size, hidden_size, layer_norm=layer_norm)
        initialise(self.ih, 1, recurrent=False)
        initialise(self.hh, 1, recurrent=True)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.ih(x)
        return projected

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        function = ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation
        h = function(projected + self.hh(state.h))
        return self.State(h), (h,)
