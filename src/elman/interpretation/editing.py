"""Units and gates of a running network set, clamped or patched at the steps one names; nothing of it stays.

While an edit is in force the layers run as a plain loop and every new state goes through the edit before the next step reads it:
h and c alike, so what is taken from a unit is gone from its memory, too. A gate or candidate is edited where the cell's own step has
just made it: what the step makes of it follows from the edited values (see gate_editing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.cells.contract import Cell
from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.gate_editing import GateEditing
from elman.models.rnn import RNN
from elman.models.torch_bridge import LAYERS, answer_as

# name of a part of the state ("layers.0.forward.c") or of a gate, step from 0, values (batch, size) -> values
Edit = Callable[[str, int, Tensor], Tensor]


def clamp(name: str, units: Sequence[int], value: float | Tensor, steps: Sequence[int] | None = None) -> Edit:
    """Units of one part of the state, or of one gate, at `value` (a number, or one for each unit), at all steps or at those named."""

    def edit(part: str, step: int, values: Tensor) -> Tensor:
        if part != name or (steps is not None and step not in steps):
            return values
        changed = values.clone()
        changed[:, list(units)] = torch.as_tensor(value, dtype=values.dtype, device=values.device)
        return changed

    return _about(name, edit)


def patch(name: str, units: Sequence[int], states: Tensor, steps: Sequence[int]) -> Edit:
    """Units of one part of the state, or of one gate, as they were in another run, `states` (batch, time, size), at these steps."""

    def edit(part: str, step: int, values: Tensor) -> Tensor:
        if part != name or step not in steps:
            return values
        changed = values.clone()
        changed[:, list(units)] = states[:, step, list(units)].to(values)
        return changed

    return _about(name, edit)


def _about(name: str, edit: Edit) -> Edit:
    """The edit, with the name of what it changes, so that a wrong one can be told and gates are edited where one is meant."""
    edit.part = name  # type: ignore[attr-defined]
    return edit


def parts(model: nn.Module) -> dict[str, int]:
    """The parts of the state that can be edited, and their sizes: {"layers.0.forward.h": 64}.

    Names begin with the path of the layers inside the model where there are several sets of them. Raises RecipeError for a
    model without recurrent layers, or with *Cell modules, whose loop is not ours.
    """
    return {
        f"{prefix}{place}.{part}": size
        for prefix, module in _found(model)
        for place, cell in _cells(_ours(module))
        for part, size in zip(cell.state_names, cell.state_sizes)
    }


def gates_of(model: nn.Module) -> tuple[str, ...]:
    """The gates and candidates that can be edited: ("layers.0.forward.input_gate", ...). Raises RecipeError as `parts` does."""
    return tuple(
        f"{prefix}{place}.{reading}"
        for prefix, module in _found(model)
        for place, cell in _cells(_ours(module))
        for reading in cell.readings
    )


@contextmanager
def edited(model: nn.Module, edit: Edit, *, gates: bool = False) -> Iterator[None]:
    """Every recurrent layer of `model` that runs inside the block runs with the edit; also after an error nothing is left.

    Sees elman.RNN and torch.nn.LSTM, GRU and RNN. In the backward direction step 0 is the last valid step. An edit of one's own
    sees the parts of the state, with `gates` also the gates and candidates, in the order in which a step makes them; `clamp` and
    `patch` of a gate need not say so. Raises UnknownName where these name what is not there.
    """
    name = getattr(edit, "part", None)
    if name is not None:
        known = (*parts(model), *gates_of(model))
        if name not in known:
            raise UnknownName("part of the state or gate", name, known)
        gates = gates or name not in parts(model)
    handles: list[Any] = []
    undo: list[Callable[[], None]] = []
    try:
        for prefix, module in _found(model):
            network = _ours(module)
            if network is not module:
                handles.append(module.register_forward_hook(_instead(network), with_kwargs=True))
            _steer(network, prefix, edit, gates, handles, undo)
        yield
    finally:
        for handle in handles:
            handle.remove()
        for back in undo:
            back()


def _found(model: nn.Module) -> list[tuple[str, nn.Module]]:
    kinds = (RNN, *LAYERS.values())
    cells = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)
    named = [(path, module) for path, module in model.named_modules() if isinstance(module, kinds)]
    if any(isinstance(module, cells) for module in model.modules()):
        raise RecipeError(
            "a loop over *Cell modules is the model's own; states inside it cannot be edited from here."
        )
    if not named:
        raise RecipeError(f"{type(model).__name__} has no recurrent layer whose state could be edited.")
    alone = len(named) == 1
    return [("" if alone else f"{path}.", module) for path, module in named]


def _ours(module: nn.Module) -> RNN:
    """The layers themselves, or a copy of a torch module as layers of ours."""
    if isinstance(module, RNN):
        return module
    copied = RNN.from_torch(module).requires_grad_(False)
    answer_as(copied, module)
    return copied


def _cells(network: RNN) -> Iterator[tuple[str, Cell]]:
    """Each cell and its place: ("layers.0.forward", cell)."""
    layers: Any = network.layers
    for depth, layer in enumerate(layers):
        for side, cell in zip(network.directions, layer):
            yield f"layers.{depth}.{side}", cell


def _steer(
    network: RNN, prefix: str, edit: Edit, gates: bool, handles: list[Any], undo: list[Callable[[], None]]
) -> None:
    """Let each new state of a network, and what makes it where gates are edited, go through the edit."""
    counts: dict[Any, int] = {}
    handles.append(network.register_forward_pre_hook(lambda *_: counts.clear()))
    before, network.executor = network.executor, "reference"
    undo.append(lambda: setattr(network, "executor", before))
    for place, cell in _cells(network):
        made = GateEditing(cell) if gates and cell.readings else None

        def step(
            projected: Tensor, state: Any, cell: Any = cell, place: str = place, made: Any = made
        ) -> Any:
            at = counts[cell] = counts.get(cell, -1) + 1
            if made is None:
                new, readings = type(cell).step(cell, projected, state)
            else:
                new, readings = made.step(
                    projected, state, lambda name, values: edit(f"{prefix}{place}.{name}", at, values)
                )
            names = (f"{prefix}{place}.{part}" for part in cell.state_names)
            return cell.State(*(edit(name, at, part) for name, part in zip(names, new))), readings

        object.__setattr__(cell, "step", step)
        undo.append(lambda cell=cell: cell.__dict__.pop("step"))  # type: ignore[misc]


def _instead(network: RNN) -> Any:
    """A forward hook that gives what our copy of a torch module gives."""

    def hook(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        x = args[0] if args else kwargs["input"]
        given = args[1] if len(args) > 1 else kwargs.get("hx")
        packed = x if isinstance(x, PackedSequence) else None
        lengths = None
        if packed is not None:
            x, lengths = pad_packed_sequence(packed, batch_first=True)
        elif not module.batch_first:
            x = x.transpose(0, 1)
        wide, layers = len(network.directions), cast(Any, network.layers)
        hx = None if given is None else [given] if isinstance(given, Tensor) else list(given)
        state = hx and tuple(
            tuple(cell.State(*(part[depth * wide + side] for part in hx)) for side, cell in enumerate(layer))
            for depth, layer in enumerate(layers)
        )
        values, end = network(x, state, lengths)
        last = [torch.stack([one[k] for layer in end for one in layer]) for k in range(len(end[0][0]))]
        whole = tuple(last) if isinstance(module, nn.LSTM) else last[0]
        if packed is not None:
            return pack_padded_sequence(
                values, cast(Tensor, lengths), True, packed.sorted_indices is None
            ), whole
        return (values if module.batch_first else values.transpose(0, 1)), whole

    return hook
