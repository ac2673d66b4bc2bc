"""A recurrent network as one function of its full state: (state, input) -> state.

The full state is all that a step hands to the next one: h and c of every layer side by side. Following h alone is wrong for
an LSTM, whose memory is c.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.cells.contract import Cell
from elman.core.errors import RecipeError
from elman.models.rnn import RNN

Step = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Stepping:
    """One step of a network over its full state, differentiable, in float64.

    step      state (batch, size), input (batch, features) -> the next state (batch, size)
    start     the state before the first step (size,)
    parts     name and size of each part of the state, in order: ("layers.0.forward.c", 64)
    features  numbers in an input vector
    """

    step: Step
    start: Tensor
    parts: tuple[tuple[str, int], ...]
    features: int

    @property
    def size(self) -> int:
        """Numbers in a state."""
        return len(self.start)

    def states(self, vectors: Tensor) -> Tensor:
        """Inputs (batch, time, features) -> the state after every step (batch, time, size), without gradients."""
        vectors, state = vectors.to(self.start), self.start.expand(len(vectors), -1)
        found = []
        with torch.no_grad():
            for step in vectors.unbind(1):
                state = self.step(state, step)
                found.append(state)
        return torch.stack(found, 1)

    def jacobian(self, states: Tensor, inputs: Tensor) -> Tensor:
        """d step / d state at states (n, size) under inputs (n, features): (n, size, size), row the new state's number."""

        def one(state: Tensor, vector: Tensor) -> Tensor:
            return self.step(state[None], vector[None])[0]

        jacobian: Tensor = torch.func.vmap(torch.func.jacfwd(one))(states, inputs)
        return jacobian.detach()

    def push(self, states: Tensor, inputs: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """The next states (n, size) under inputs (n, features), and J @ directions (n, size, k), without building the Jacobian J."""

        def whole(state: Tensor) -> Tensor:
            return self.step(state, inputs)

        def along(direction: Tensor) -> tuple[Tensor, Tensor]:
            after, moved = torch.func.jvp(whole, (states,), (direction,))[:2]
            return after, moved

        after, pushed = torch.func.vmap(along, in_dims=2, out_dims=(0, 2))(directions)
        return after[0].detach(), pushed.detach()


def stepping_view(
    rnn: RNN, read: Callable[[Tensor], Tensor]
) -> Callable[[], tuple[Stepping, Callable[[Tensor], Tensor]]] | None:
    """`View.stepping` of a network whose layers are `rnn` and read `read(inputs)`."""
    return None if len(rnn.directions) == 2 else lambda: (stepping_of(rnn), read)


def stepping_of(rnn: RNN) -> Stepping:
    """The step of all layers of a network, in evaluation mode, on a copy in float64 of its weights as they are.

    Raises RecipeError for a network that reads from the end, too: it has no one state that goes on. Zoneout counts with its mean, as it does in evaluation.
    """
    if len(rnn.directions) == 2:
        raise RecipeError("a bidirectional network has no one state that goes from step to step.")
    twin = copy.deepcopy(rnn).double().cpu().eval().requires_grad_(False)
    cells: list[Cell] = [layer[0] for layer in twin.layers]  # type: ignore[index]
    parts = tuple(
        (f"layers.{depth}.forward.{name}", size)
        for depth, cell in enumerate(cells)
        for name, size in zip(cell.state_names, cell.state_sizes)
    )
    sizes = [size for _, size in parts]

    def step(state: Tensor, x: Tensor) -> Tensor:
        pieces, after = list(state.split(sizes, -1)), []
        for depth, cell in enumerate(cells):
            count = len(cell.state_names)
            before, pieces = cell.State(*pieces[:count]), pieces[count:]
            projected = cell.project(x)
            new, _ = cell.step(projected, before)
            if twin.zoneout:
                new = cell.State(*(torch.lerp(one, old, twin.zoneout) for old, one in zip(before, new)))
            after += list(new)
            x = twin._between(x, cell.readout(projected, new), depth)
        return torch.cat(after, -1)

    with torch.no_grad():
        start = torch.cat([part for layer in twin.initial_state(1) for part in layer[0]], -1)[0]
    return Stepping(step, start, parts, rnn.input_size)
