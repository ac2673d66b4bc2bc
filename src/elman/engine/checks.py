"""What is asked of a recurrent network, checked before any kernel sees it: torch's kernels trust their caller."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elman.core.errors import RecipeError


def check_input(x: Tensor, input_size: int, dtype: torch.dtype) -> None:
    """x must be (batch, time, input_size) with at least one step, in the type of the weights (or under autocast)."""
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise RecipeError(f"got input of shape {tuple(x.shape)}; expected (batch, time, {input_size}).")
    if x.shape[1] == 0:
        raise RecipeError("got a sequence of 0 steps; expected at least 1.")
    check_dtype(x, dtype)


def check_dtype(x: Tensor, dtype: torch.dtype) -> None:
    """x must have the type of the weights, unless autocast is about to change both."""
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise RecipeError(f"got input of type {x.dtype}; the weights are {dtype}. Use x.to({dtype}).")


def checked_lengths(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """Lengths on the device of x (batch, time, ...), or None where every sequence is full.

    Values are looked at only where that costs nothing, on a CPU: a look at a GPU's would wait for it. 0 is allowed: such
    a sequence gives zeros and keeps its state. Raises RecipeError for a wrong shape, type or value.
    """
    if lengths is None:
        return None
    batch, time = x.shape[:2]
    lengths = torch.as_tensor(lengths)
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
    if reset.shape != x.shape[:2]:
        raise RecipeError(f"got resets of shape {tuple(reset.shape)}; expected {tuple(x.shape[:2])}.")
    if reset.dtype != torch.bool:
        raise RecipeError(f"got resets of type {reset.dtype}; expected torch.bool. Use reset.bool().")


def check_state(state: Any, layers: Any, batch: int) -> None:
    """A state must hold, for each layer and direction, the parts of the cell's State, each (batch, its size)."""
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
