"""From one vector per step to one per sequence: last, mean, max, or mean and max side by side."""

from __future__ import annotations

import torch
from torch import Tensor


def pooled_size(pooling: str, output_size: int) -> int:
    """Features that `pool` gives for a recurrent output of `output_size` features."""
    return output_size * (2 if pooling == "mean_max" else 1)


def pool(pooling: str, output: Tensor, lengths: Tensor | None, directions: int = 1) -> Tensor:
    """Pool (batch, time, features) over the valid steps to (batch, features); padding never counts.

    "last" takes the forward half at the last valid step and the backward half at the first step, where each
    direction has read everything.
    """
    batch, time, features = output.shape
    if lengths is None:
        lengths = torch.full((batch,), time, device=output.device)
    if pooling == "last":
        last = output[torch.arange(batch, device=output.device), lengths - 1]
        if directions == 1:
            return last
        half = features // 2
        return torch.cat([last[:, :half], output[:, 0, half:]], -1)
    valid = (torch.arange(time, device=output.device) < lengths[:, None])[..., None]
    parts = []
    if pooling in ("mean", "mean_max"):
        parts.append((output * valid).sum(1) / lengths[:, None])
    if pooling in ("max", "mean_max"):
        parts.append(output.masked_fill(~valid, float("-inf")).amax(1))
    return torch.cat(parts, -1)


def running_pool(pooling: str, output: Tensor) -> Tensor:
    """What `pool` would give had the sequence ended at each step: (batch, time, features), one direction only."""
    time = output.shape[1]
    if pooling == "last":
        return output
    parts = []
    if pooling in ("mean", "mean_max"):
        parts.append(output.cumsum(1) / torch.arange(1, time + 1, device=output.device)[:, None])
    if pooling in ("max", "mean_max"):
        parts.append(output.cummax(1).values)
    return torch.cat(parts, -1)
