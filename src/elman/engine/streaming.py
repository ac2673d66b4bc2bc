"""One step at a time, for streams: straight to torch's fused single step where there is one, else the cell's own."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from elman.cells.contract import Cell
from elman.core.errors import RecipeError
from elman.engine.executors.vendor import kernel_name, refuses_cell, weights


def step(cell: Cell, x: Tensor, state: Any, wanted: str = "auto") -> tuple[Tensor, Any]:
    """x (batch, input_size) and the State -> output (batch, output_size) and the next State.

    Raises RecipeError where `wanted` (or ELMAN_EXECUTOR) is "vendor" and torch has no such step.
    """
    if wanted == "auto":
        wanted = os.environ.get("ELMAN_EXECUTOR", "auto")
    if wanted in ("auto", "vendor"):
        reason = refuses_cell(cell) if cell.projection_size is None else "projection_size, in single steps"
        if reason is None and not torch._C._are_functorch_transforms_active():
            return _fused(cell, x, state)
        if reason is not None and wanted == "vendor":
            raise RecipeError(f'executor "vendor" refuses this step: {reason}. Use executor="auto".')
    projected = cell.project(x)
    new, _ = cell.step(projected, state)
    return cell.readout(projected, new), new


def _fused(cell: Cell, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    kernel: Any = getattr(torch._VF, f"{kernel_name(cell)}_cell")
    if len(state) == 1:
        h = kernel(x, state[0], *weights(cell))
        return h, cell.State(h)
    new = cell.State(*kernel(x, tuple(state), *weights(cell)))
    return new[0], new
