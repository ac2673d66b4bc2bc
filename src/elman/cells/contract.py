"""What a cell is: one step. An executor knows time; `step` is the specification that every kernel must equal."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

Readings = tuple[Tensor, ...]


class Affine(nn.Module):
    """norm(x W^T + b): the one place where weights, biases and layer norm (Ba et al. 2016) live.

    x (..., input_size) -> (..., output_size). `weight` (output_size, input_size), rows in the cell's gate order; it is NaN
    until the cell fills it (see `initialise`), so that a forgotten one is seen at once.
    """

    def __init__(
        self, input_size: int, output_size: int, *, bias: bool = True, layer_norm: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((output_size, input_size), torch.nan))
        self.bias = nn.Parameter(torch.zeros(output_size)) if bias else None
        self.norm = nn.LayerNorm(output_size) if layer_norm else None

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.linear(x, self.weight, self.bias)
        if self.norm is not None:
            y = self.norm(y)
        return y


class Cell(nn.Module, ABC):
    """One step of a recurrent network. Concrete cells are final: one file each, tweaked by wrapping.

    state_names   names of the parts of the state; every part is (batch, hidden_size)
    readings      names of what can be read at a step: gates and candidates, each (batch, hidden_size)
    State         a NamedTuple of `state_names`
    kernel        the name under which an executor knows a faster implementation of this very step, or None
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)
    readings: ClassVar[tuple[str, ...]] = ()
    kernel: ClassVar[str | None] = None
    State: ClassVar[Any]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        make: Any = collections.namedtuple
        cls.State = make(f"{cls.__name__}State", cls.state_names)  # each part a Tensor
        # Its address is the cell's attribute, so that a carried state can be pickled.
        cls.State.__module__, cls.State.__qualname__ = cls.__module__, f"{cls.__qualname__}.State"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, hidden_size

    def initial_state(self, batch_size: int) -> Any:
        """Zeros: a State of (batch_size, hidden_size) tensors on the device and in the type of the weights."""
        weight = next(self.parameters())
        return self.State(*(weight.new_zeros(batch_size, self.hidden_size) for _ in self.state_names))

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """What does not depend on the state: x (..., input_size) -> (..., anything), once for all steps."""

    @abstractmethod
    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        """One step, pure: projected (batch, ...) and the old State -> the new State and the readings."""

    def readout(self, projected: Tensor, state: Any) -> Tensor:
        """State -> output (..., output_size), any leading dimensions; the first part of the state by default."""
        output: Tensor = state[0]
        return output

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


class LinearCell(Cell, ABC):
    """A cell whose step is h' = a * h + b, with a and b from the input alone: it can run as a parallel scan."""

    @abstractmethod
    def coefficients(self, projected: Tensor) -> tuple[Tensor, Tensor, Readings]:
        """a, b and the readings from the projected input, any leading dimensions."""

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        a, b, readings = self.coefficients(projected)
        return self.State(a * state[0] + b), readings


def initialise(affine: Affine, gates: int, *, recurrent: bool) -> None:
    """Fill the weight gate by gate: orthogonal if recurrent (Saxe et al. 2014), else Xavier-uniform (Glorot 2010)."""
    for block in affine.weight.data.chunk(gates):
        (nn.init.orthogonal_ if recurrent else nn.init.xavier_uniform_)(block)


def initialise_uniform(cell: Cell) -> None:
    """Fill every weight and bias from U(-k, k), k = 1 / sqrt(hidden_size): how torch.nn starts its recurrent layers.

    What is in no Affine (peepholes, leak rates, eigenvalues) starts as its cell says: torch has no such thing.
    """
    bound = cell.hidden_size**-0.5
    for affine in cell.modules():
        if isinstance(affine, Affine):
            nn.init.uniform_(affine.weight, -bound, bound)
            if affine.bias is not None:
                nn.init.uniform_(affine.bias, -bound, bound)
