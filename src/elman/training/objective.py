"""What is minimised: a batch's loss, and the state that truncated backpropagation carries to the next batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.encoding.batch import Batch


class Step(NamedTuple):
    """A batch's mean loss, how many examples or tokens it stands for, the state after it (None: nothing to carry).

    A state is nested tuples of tensors, as `RNN` gives it.
    """

    loss: Tensor
    examples: int
    state: Any


Objective = Callable[[nn.Module, Batch, Any], Step]


def detach(state: Any, device: torch.device | None = None) -> Any:
    """The same nested tuples, cut off from the graph; on `device` when one is given."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.detach() if device is None else state.detach().to(device)
    parts = [detach(part, device) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def flatten(state: Any) -> tuple[dict[str, Tensor], Any]:
    """Tensors by number, and the nesting with numbers in their places (lists: JSON)."""
    tensors: dict[str, Tensor] = {}

    def walk(part: Any) -> Any:
        if isinstance(part, Tensor):
            tensors[f"carried.{len(tensors)}"] = part
            return len(tensors) - 1
        return None if part is None else [walk(one) for one in part]

    return tensors, walk(state)


def unflatten(shape: Any, tensors: dict[str, Tensor]) -> Any:
    """The state that `flatten` took apart, as plain tuples."""
    if shape is None or isinstance(shape, int):
        return None if shape is None else tensors[f"carried.{shape}"]
    return tuple(unflatten(part, tensors) for part in shape)
