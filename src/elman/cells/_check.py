"""What every cell promises: one property a function, for our own tests and for `elman check cell` alike.

A property takes `make`: options of a network -> a recurrent network of INPUT inputs and HIDDEN units around the cell. It
raises Broken, or whatever the cell raises. The first line of its docstring is the promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from elman.core.errors import ElmanError

INPUT, HIDDEN = 3, 5
TOLERANCE = 1e-10  # float64, relative to the largest value
Make = Callable[..., Any]


class Broken(ElmanError):
    """A promise that a cell does not keep."""


def ready(make: Make, **options: Any) -> Any:
    """A network in float64 with the same weights at every call: away from the start, where zeros would hide what they multiply."""
    torch.manual_seed(1)
    network = make(**options).double()
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype)
    return network


def inputs(batch: int = 3, time: int = 9) -> Tensor:
    """x (batch, time, INPUT), the same at every call."""
    draw = torch.Generator().manual_seed(3)
    return torch.randn(batch, time, INPUT, generator=draw, dtype=torch.float64)


def same(mine: Tensor, other: Tensor, what: str, tolerance: float = TOLERANCE) -> None:
    """Raises Broken unless two tensors agree, NaN included."""
    if mine.shape != other.shape:
        raise Broken(f"{what}: shape {tuple(mine.shape)}; expected {tuple(other.shape)}")
    if mine.numel() == 0:
        return
    off = float((mine - other).detach().abs().max())
    if not off <= tolerance * max(1.0, float(other.detach().abs().max())):
        raise Broken(f"{what}: off by {off:.2g}")


def shapes(make: Make) -> None:
    """outputs, states and readings have the promised shapes and are finite"""
    network = make().double()
    wrong = [name for name, value in network.named_parameters() if not value.isfinite().all()]
    if wrong:
        raise Broken(
            f"{wrong[0].removeprefix('layers.0.0.')} starts with NaN or infinite values: fill it in __init__"
        )
    cell = network.layers[0][0]
    projected, old = cell.project(inputs()[:, 0]), cell.initial_state(3)
    new, readings = cell.step(projected, old)
    if len(readings) != len(cell.readings):
        raise Broken(f"step gives {len(readings)} readings; `readings` names {len(cell.readings)}")
    if len(new) != len(cell.state_names) or not hasattr(new, "_fields"):
        raise Broken("step must give self.State(...) with a part for each of `state_names`")
    sizes = (*cell.state_sizes, *[cell.hidden_size] * len(readings))
    named = zip((*cell.state_names, *cell.readings), (*new, *readings), sizes)
    values = [(name, value, (3, size)) for name, value, size in named]
    values.append(("readout", cell.readout(projected, new), (3, cell.output_size)))
    for name, value, shape in values:
        if tuple(value.shape) != shape:
            raise Broken(f"{name} has shape {tuple(value.shape)}; expected {shape}")
        if not value.isfinite().all():
            raise Broken(f"{name} is not finite")


def float64(make: Make) -> None:
    """float64 stays float64, and float32 agrees with it"""
    network, x = ready(make), inputs()
    exact = network(x)[0]
    if exact.dtype != torch.float64:
        raise Broken(f"float64 weights and input give {exact.dtype}")
    single = network.float()(x.float())[0]
    if single.dtype != torch.float32:
        raise Broken(f"float32 weights and input give {single.dtype}")
    same(single.double(), exact, "float32", 1e-4)  # some hundred times the rounding of nine steps


def pure(make: Make) -> None:
    """a step draws nothing and remembers nothing: the same input gives the same output"""
    network, x = ready(make), inputs()
    same(network(x)[0], network(x)[0], "a second run")


def alone(make: Make) -> None:
    """a batch is each sequence alone; a batch of none is served"""
    network, x = ready(make), inputs()
    whole = network(x)[0]
    for row in range(3):
        same(network(x[row : row + 1])[0][0], whole[row], f"sequence {row}")
    same(network(x[:0])[0], whole[:0], "a batch of none")


def ragged(make: Make) -> None:
    """a ragged batch is each sequence alone, both directions, whatever the padding holds; no steps keep the state"""
    network, x = ready(make, num_layers=2, bidirectional=True), inputs()
    lengths = [9, 4, 0]
    for row, length in enumerate(lengths):
        x[row, length:] = torch.nan
    x.requires_grad_(True)
    output, state = network(x, lengths=torch.tensor(lengths))
    for row, length in enumerate(lengths):
        same(output[row, length:], torch.zeros_like(output[row, length:]), f"the padding of sequence {row}")
        if length:
            single, end = network(x[row : row + 1, :length])
            same(output[row, :length], single[0], f"sequence {row}")
        else:
            end = network.initial_state(1)
        for layer, other in zip(state, end):
            for parts, others in zip(layer, other):
                for name, part, expected in zip(network.state_names, parts, others):
                    same(part[row], expected[0], f"the last {name} of sequence {row}")
    output.sum().backward()
    if x.grad is None or not x.grad.isfinite().all():
        raise Broken("NaN in the padding reaches a gradient")


def streaming(make: Make) -> None:
    """single steps are the sequence"""
    network, x = ready(make), inputs()
    state: Any = None
    whole, end = network(x)
    for t in range(x.shape[1]):
        output, state = network.step(x[:, t], state)
        same(output, whole[:, t], f"step {t}")
    for name, part, expected in zip(network.state_names, state[0][0], end[0][0]):
        same(part, expected, f"the last {name}")


def carried(make: Make) -> None:
    """chunks with a carried state are the whole, and a reset forgets"""
    network, x = ready(make), inputs()
    whole = network(x)[0]
    first, state = network(x[:, :5])
    same(torch.cat([first, network(x[:, 5:], state)[0]], 1), whole, "two chunks")
    reset = torch.zeros(3, 9, dtype=torch.bool)
    reset[:, 5] = True
    same(network(x, reset=reset)[0][:, 5:], network(x[:, 5:])[0], "after a reset")


def trace(make: Make) -> None:
    """the trace names every reading and is the run; what is called a gate lies between 0 and 1"""
    network, x = ready(make, num_layers=2, bidirectional=True), inputs()
    lengths = torch.tensor([9, 4, 1])
    state, seen = network(x, lengths=lengths)[1], network.trace(x, lengths)
    names = network.traced
    expected = {
        f"layers.{k}.{side}.{name}" for k in (0, 1) for side in ("forward", "backward") for name in names
    }
    if set(seen) != expected or len(set(names)) < len(names):
        raise Broken(
            f"the trace names {sorted({name.rpartition('.')[2] for name in seen})}; expected {names}, each once"
        )
    for name, value in seen.items():
        value = value.detach()
        if name.endswith("gate") and not ((value >= 0) & (value <= 1)).all():
            raise Broken(f"{name} ranges from {float(value.min()):.2g} to {float(value.max()):.2g}")
    for name, part in zip(network.state_names, state[0][0]):
        same(
            seen[f"layers.0.forward.{name}"][torch.arange(3), lengths - 1],
            part,
            f"the last {name} in the trace",
        )


def executors(make: Make) -> None:
    """the executor that serves it gives what the plain loop gives, gradients included"""
    found = []
    for name in ("auto", "reference"):
        network, x = ready(make, executor=name).eval(), inputs(time=40).requires_grad_(True)
        output = network(x)[0]
        output.square().sum().backward()
        found.append([output, x.grad, *(parameter.grad for parameter in network.parameters())])
    for mine, other in zip(*found):
        if mine is not None and other is not None:
            same(mine, other, "value or gradient", 1e-8)  # sums over 40 steps in another order


def gradients(make: Make) -> None:
    """first and second derivatives are right, in evaluation mode, too, and every parameter has one"""
    network, x = ready(make, executor="reference").eval(), inputs(2, 3)
    names = [name for name, _ in network.named_parameters()]
    values = [parameter.detach().clone().requires_grad_(True) for parameter in network.parameters()]
    network(x)[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is None:
            raise Broken(
                f"{name.removeprefix('layers.0.0.')} has no gradient: nothing that is given depends on it"
            )

    def run(x: Tensor, *values: Tensor) -> Any:
        output, state = torch.func.functional_call(network, dict(zip(names, values)), (x,))
        return output, *state[0][0]

    for probe in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        try:
            probe(run, (x.requires_grad_(True), *values), fast_mode=True)
        except GradcheckError as error:
            raise Broken(str(error).strip().partition("\n")[0]) from error


def per_sample(make: Make) -> None:
    """gradients of each sequence at once (torch.func.vmap) are those of each alone"""
    network, x = ready(make), inputs()
    weights = dict(network.named_parameters())

    def loss(values: Any, row: Tensor) -> Tensor:
        return torch.func.functional_call(network, values, (row[None],))[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
    for row in range(3):
        for name, value in torch.func.grad(loss)(weights, x[row]).items():
            same(each[name][row], value, f"the gradient of {name}")


def saved(make: Make) -> None:
    """its weights are all there is to save"""
    network, other, x = ready(make), make().double(), inputs()
    other.load_state_dict(network.state_dict())
    same(other(x)[0], network(x)[0], "after loading the weights into another")


PROPERTIES: tuple[Callable[[Make], None], ...] = (
    shapes, float64, pure, alone, ragged, streaming, carried, trace, executors, gradients, per_sample, saved,
)  # fmt: skip


def check(make: Make) -> Iterator[tuple[str, Exception | None]]:
    """Each promise with what is wrong, or None; ends after the first where the cell has not even the right shapes."""
    for keeps in PROPERTIES:
        wrong = None
        try:
            keeps(make)
        except Exception as error:  # whatever a user's cell may raise
            wrong = error
        yield (keeps.__doc__ or "").partition("\n")[0], wrong
        if wrong is not None and keeps is shapes:
            return
