"""What is asked of a recurrent network, checked before any kernel sees it: torch's kernels trust their caller."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from elman.core.errors import RecipeError


def check_input(x: Tensor, input_size: int, weight: Tensor) -> None:
    """x must be (batch, time, input_size) with at least one step, of the type (or under autocast) and on the device of the weights."""
    check_tensor(x, input_size)
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise RecipeError(f"got input of shape {tuple(x.shape)}; expected (batch, time, {input_size}).")
    if x.shape[1] == 0:
        raise RecipeError("got a sequence of 0 steps; expected at least 1.")
    check_place(x, weight)


def check_tensor(x: Any, input_size: int) -> None:
    """x must be a tensor; a packed batch and an array are told what they have to become."""
    if isinstance(x, Tensor):
        return
    fix = ""
    if isinstance(x, PackedSequence):
        fix = " Use x, lengths = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True), and give both."
    elif hasattr(x, "__array__"):
        fix = " Use torch.from_numpy(x)."
    raise RecipeError(f"got a {type(x).__name__}; expected a tensor of {input_size} features a step.{fix}")


def check_place(x: Tensor, weight: Tensor) -> None:
    """x must have the type of the weights, unless autocast is about to change both, and be where they are."""
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise RecipeError(
            f"got input of type {x.dtype}; the weights are {weight.dtype}. Use x.to({weight.dtype})."
        )
    if x.device != weight.device:
        raise RecipeError(
            f"got input on {x.device}; the weights are on {weight.device}. Use x.to({str(weight.device)!r})."
        )


def checked_lengths(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """Lengths on the device of x (batch, time, ...), or None where every sequence is full.

    Values are looked at only where that costs nothing, on a CPU: a look at a GPU's would wait for it. 0 is allowed: such
    a sequence gives zeros and keeps its state. Raises RecipeError for a wrong shape, type or value.
    """
    if lengths is None:
        return None
    batch, time = x.shape[:2]
    if not isinstance(lengths, Tensor):
        try:
            lengths = torch.as_tensor(lengths)
        except (TypeError, ValueError, RuntimeError):
            raise RecipeError(f"got lengths {lengths!r}; expected {batch} whole numbers.") from None
    if lengths.shape != (batch,):
        raise RecipeError(f"got lengths of shape {tuple(lengths.shape)}; expected ({batch},).")
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise RecipeError(f"got lengths of type {lengths.dtype}; expected whole numbers. Use lengths.long().")
    if (
        torch.compiler.is_compiling()
    ):  # no value is known yet; kernels trust their caller, so it is told at run time
        right = ((lengths >= 0) & (lengths <= time)).all()
        torch._assert_async(right, "expected lengths from 0 to the steps of the input")
    elif batch and lengths.device.type == "cpu" and not torch._C._are_functorch_transforms_active():
        low, high = int(lengths.min()), int(lengths.max())
        if low < 0 or high > time:
            raise RecipeError(
                f"got lengths from {low} to {high}; expected 0 to {time}, the steps of the input."
            )
        if low == time:
            return None
    return lengths.to(x.device)


def check_reset(reset: Tensor | None, x: Tensor) -> None:
    """A reset must be (batch, time) bool."""
    if reset is None:
        return
    if not isinstance(reset, Tensor):
        raise RecipeError(
            f"got resets as a {type(reset).__name__}; expected a tensor {tuple(x.shape[:2])} of torch.bool."
        )
    if reset.shape != x.shape[:2]:
        raise RecipeError(f"got resets of shape {tuple(reset.shape)}; expected {tuple(x.shape[:2])}.")
    if reset.dtype != torch.bool:
        raise RecipeError(f"got resets of type {reset.dtype}; expected torch.bool. Use reset.bool().")
    if reset.device != x.device:
        raise RecipeError(
            f"got resets on {reset.device}; the input is on {x.device}. Use reset.to({str(x.device)!r})."
        )


def check_state(state: Any, layers: Any, x: Tensor) -> None:
    """A state must hold, for each layer and direction, the parts of the cell's State, each (batch, its size).

    Their type and device are those of x (batch, ...); under autocast the type may be another.
    """
    batch = x.shape[0]
    try:
        wrong = [
            (cell, [tuple(part.shape) for part in parts])
            for layer, sides in zip(layers, state, strict=True)
            for cell, parts in zip(layer, sides, strict=True)
            if [part.shape for part in parts] != [(batch, size) for size in cell.state_sizes]
        ]
    except (TypeError, ValueError, AttributeError):
        raise RecipeError(
            f"got a state of another form; expected a tuple of {len(layers)} layers, each a tuple of {len(layers[0])} "
            "directions, each the cell's State. Make one with initial_state(batch_size)."
        ) from None
    if wrong:
        cell, shapes = wrong[0]
        sizes = zip(cell.state_names, cell.state_sizes)
        expected = ", ".join(f"{name} ({batch}, {size})" for name, size in sizes)
        raise RecipeError(
            f"got a state with parts of shape {shapes}; expected {expected}. "
            f"Make one with initial_state({batch})."
        )
    parts = [part for sides in state for one in sides for part in one]
    odd = next((part for part in parts if part.dtype != x.dtype or part.device != x.device), None)
    if odd is not None and (odd.device != x.device or not torch.is_autocast_enabled(x.device.type)):
        raise RecipeError(
            f"got a state of {odd.dtype} on {odd.device}; the input is {x.dtype} on {x.device}. "
            "Move its parts there, or make one with initial_state(batch_size)."
        )
