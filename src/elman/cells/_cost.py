"""What a cell costs: parameters, and multiply-adds of the matrix products of one step, both measured on the cell itself."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from elman.cells.contract import Cell


def parameters(cell: Cell) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in cell.parameters())


def multiply_adds(cell: Cell) -> int:
    """Multiply-adds of the matrix products in one step of one sequence; what works unit by unit is not counted."""
    weight = next(cell.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        projected = cell.project(weight.new_zeros(1, cell.input_size))
        state, _ = cell.step(projected, cell.initial_state(1))
        cell.readout(projected, state)
    return int(counter.get_total_flops()) // 2
