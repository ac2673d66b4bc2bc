"""The masks of zoneout, drawn from few random numbers."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

LEVELS = 2**16


def draw_mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """A mask (shape) of zeros and ones, a one with probability `rate`, in the type and on the device of `like`.

    torch.bernoulli takes a random number of its own for every element, and was up to 40% of a training step. Here one number
    of 64 bits decides four elements, 16 bits each: the rate is rounded to a multiple of 1/65536, and is never 0 or 1.
    """
    ones = min(max(round(rate * LEVELS), 1), LEVELS - 1)
    count = prod(shape)
    numbers = torch.randint(-(2**63), 2**63 - 1, (-(-count // 4),), device=like.device)
    sixteen_bits = numbers.view(torch.int16)[:count]
    return (sixteen_bits < ones - LEVELS // 2).to(like.dtype).reshape(shape)
