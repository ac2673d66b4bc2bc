"""Time axes: which steps are valid, and sequences turned round."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_steps(lengths: Tensor | None, time: int) -> Tensor | None:
    """(time, batch) bool, True where a step belongs to its sequence; None when all do."""
    if lengths is None:
        return None
    return torch.arange(time, device=lengths.device)[:, None] < lengths


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x (time, batch, ...) with every sequence's valid steps in the opposite order; padding stays at the end."""
    if lengths is None:
        return x.flip(0)
    time = x.shape[0]
    step = torch.arange(time, device=x.device)[:, None]
    source = torch.where(step < lengths, lengths - 1 - step, step)
    return x.gather(0, source.reshape(*source.shape, *[1] * (x.dim() - 2)).expand_as(x))


def reverse_resets(reset: Tensor, lengths: Tensor | None) -> Tensor:
    """Resets (time, batch) bool as the backward direction meets them.

    A reset before step t parts t - 1 from t, so whoever reads backward meets it before step t - 1. A reset in the
    padding parts nothing.
    """
    valid = valid_steps(lengths, reset.shape[0])
    inside = reset if valid is None else reset & valid
    return reverse(torch.cat([inside[1:], torch.zeros_like(inside[:1])]), lengths)
