"""What a cell is: one step. An executor knows time; `step` is the specification that every kernel must equal."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from elman.core.errors import RecipeError

Readings = tuple[Tensor, ...]
M = TypeVar("M", bound=nn.Module)


class Affine(nn.Module):
    """norm(x W^T + b): the one place where weights, biases and layer norm (Ba et al. 2016) live.

    x (..., input_size) -> (..., output_size). `weight` (output_size, input_size), rows in the cell's gate order; it is NaN
    until the cell fills it (see `initialise`), so that a forgotten one is seen at once. `recurrent`: it multiplies the
    state on its way to the next one; weight drop falls on these.
    """

    recurrent = False

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

    def shift(self) -> Tensor | None:
        """What is added last (output_size,): the norm's bias where there is a norm, because it undoes shifts before it."""
        last = self.bias if self.norm is None else self.norm.bias
        return None if last is None else last.data


class Cell(nn.Module, ABC):
    """One step of a recurrent network. Concrete cells are final: one file each, tweaked by wrapping.

    state_names   names of the parts of the state
    state_sizes   of each part, which is (batch, size): hidden_size, or the projection's for the first
    readings      names of what can be read at a step: gates and candidates, each (batch, hidden_size)
    traced        names of what a trace holds: readings, the state's parts, and always h, the output before hold
    State         a NamedTuple of `state_names`
    kernel        the name under which an executor knows a faster implementation of this very step, or None

    Raises RecipeError for a projection_size that is not from 1 to below hidden_size.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)
    readings: ClassVar[tuple[str, ...]] = ()
    traced: ClassVar[tuple[str, ...]]
    kernel: str | None = None
    State: ClassVar[Any]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        names = (*cls.readings, *cls.state_names)
        cls.traced = names if "h" in names else (*names, "h")
        make: Any = collections.namedtuple
        cls.State = make(f"{cls.__name__}State", cls.state_names)  # each part a Tensor
        # Its address is the cell's attribute, so that a carried state can be pickled.
        cls.State.__module__, cls.State.__qualname__ = cls.__module__, f"{cls.__qualname__}.State"

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__()
        if projection_size is not None and not 1 <= projection_size < hidden_size:
            raise RecipeError(
                f"projection_size is {projection_size}; expected 1 or more, less than hidden_size={hidden_size}."
            )
        self.input_size, self.hidden_size = input_size, hidden_size
        self.projection_size, self.output_size = projection_size, projection_size or hidden_size
        self.state_sizes = (self.output_size, *[hidden_size] * (len(self.state_names) - 1))

    def initial_state(self, batch_size: int) -> Any:
        """Zeros: a State of (batch_size, size) tensors on the device and in the type of the weights."""
        weight = first_weight(self)
        return self.State(*(weight.new_zeros(batch_size, size) for size in self.state_sizes))

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

    def keepers(self) -> tuple[tuple[list[Tensor], int], ...]:
        """Biases that decide how long the state stays, each with the sign with which it keeps; none where no gate does.

        Each is a list of (hidden_size,) tensors that are added up. Where inputs count for nothing, sigmoid(sign * bias) of
        the old state stays. The forget gate comes first, then its partner, which lets in as much as the other lets go.
        """
        return ()

    def keep(self, logit: Tensor | float, *, partners: bool = False) -> None:
        """Start the forget gate (and its partner) so that sigmoid(logit) of the state stays: a number, or one a unit."""
        for biases, sign in self.keepers()[: None if partners else 1]:
            for bias in biases:
                bias.zero_()
            biases[0] += sign * torch.as_tensor(logit)

    def gate(self, place: int) -> list[Tensor]:
        """The biases of the gate in this place of the row order, from `ih` and `hh`, as far as there are any."""
        affines = (getattr(self, name, None) for name in ("ih", "hh"))
        shifts = (affine.shift() for affine in affines if isinstance(affine, Affine))
        rows = slice(place * self.hidden_size, (place + 1) * self.hidden_size)
        return [shift[rows] for shift in shifts if shift is not None]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"


def first_weight(module: nn.Module) -> Tensor:
    """The first parameter of a module, as next(module.parameters()), which takes longer than a step of a small network."""
    waiting = [module]
    while waiting:
        one = waiting.pop()
        # A replica of nn.DataParallel has no parameters, but copies of them.
        for weight in (one._parameters or one.__dict__.get("_former_parameters", {})).values():
            if weight is not None:
                return weight
        waiting.extend(reversed([part for part in one._modules.values() if part is not None]))
    raise StopIteration


def over(module: M, values: Mapping[str, Tensor]) -> M:
    """The same module with other tensors in the place of its parameters, {"ih.weight": ...}; gradients go to these.

    `module` itself is left alone, so that other threads may run it meanwhile. Where it is parametrised, the values given
    here count, not its own.
    """
    made: Any = object.__new__(Affine if isinstance(module, Affine) else type(module))
    made.__dict__.update(module.__dict__)
    made.__dict__["_parameters"] = module._parameters | {
        name: value for name, value in values.items() if "." not in name
    }
    made.__dict__["_modules"] = dict(module._modules)
    for name, part in module._modules.items():
        inside = {key[len(name) + 1 :]: value for key, value in values.items() if key.startswith(f"{name}.")}
        if inside and part is not None:
            made.__dict__["_modules"][name] = over(part, inside)
    return made


class LinearCell(Cell, ABC):
    """A cell whose step is linear in the state, unit by unit: it can run as a parallel scan.

    With one part of the state, h' = a * h + b; with several, each unit has a small matrix and part_i' = sum over j of
    a_ij * part_j + b_i. All a and b come from the input alone.
    """

    @abstractmethod
    def coefficients(self, projected: Tensor) -> tuple[Any, Any, Readings]:
        """a, b and the readings from the projected input, any leading dimensions (..., hidden_size).

        One part of the state: a and b are tensors. Several: a tuple of rows of tensors, and a tuple of tensors. What is
        the same at every step may be (hidden_size,): the scan then goes over it once.
        """

    def linear(self, projected: Tensor) -> tuple[Rows, tuple[Tensor, ...], Readings]:
        """The coefficients as rows and parts, however many parts the state has."""
        a, b, readings = self.coefficients(projected)
        return (((a,),), (b,), readings) if isinstance(b, Tensor) else (a, b, readings)

    def step(self, projected: Tensor, state: Any) -> tuple[Any, Readings]:
        a, b, readings = self.linear(projected)
        return self.State(*apply(a, state, b)), readings


Rows = tuple[tuple[Tensor, ...], ...]


def apply(a: Rows, parts: Sequence[Tensor], b: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """part_i' = sum over j of a_ij * part_j + b_i."""
    made = []
    for row, total in zip(a, b):
        for factor, part in zip(row, parts):
            total = torch.addcmul(total, factor, part)
        made.append(total)
    return tuple(made)


def initialise(affine: Affine, gates: int, *, recurrent: bool) -> None:
    """Fill the weight gate by gate: orthogonal if recurrent (Saxe et al. 2014), else Xavier-uniform (Glorot 2010).

    One that is recurrent is known as such from here on.
    """
    affine.recurrent = recurrent
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
            if affine.norm is not None:
                affine.norm.reset_parameters()
