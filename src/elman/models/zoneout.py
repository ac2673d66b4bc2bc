"""The masks of zoneout, drawn from few random numbers."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor

from elman.engine.memory import empty

LEVELS = 2**16
BLOCK = 2**18  # elements whose random numbers are made, and used, while a cache holds them


def draw_mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """A mask (shape) of zeros and ones, a one with probability `rate`, in the type and on the device of `like`.

    torch.bernoulli takes a random number of its own for every element, and was up to 40% of a training step. Here one number
    of 64 bits decides four elements, 16 bits each: the rate is rounded to a multiple of 1/65536, and is never 0 or 1. On a
    CPU the numbers are those of NumPy's SFC64, which makes them in half of torch's time; torch's seed seeds it.
    """
    limit = min(max(round(rate * LEVELS), 1), LEVELS - 1) - LEVELS // 2
    count = prod(shape)
    quarter = -(-count // 4)
    if (
        like.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    ):
        source = np.random.SFC64(int(torch.randint(2**63 - 1, ())))
        mask = empty((count,), (1,), like)
        for some in mask.split(BLOCK):
            numbers = torch.from_numpy(source.random_raw(-(-len(some) // 4)).view(np.int16))
            torch.lt(numbers[: len(some)], limit, out=some)  # one pass, where .to() would be another
        return mask.view(shape)
    drawn = torch.randint(-(2**63), 2**63 - 1, (quarter,), device=like.device).view(torch.int16)[:count]
    return (drawn < limit).to(like.dtype).reshape(shape)
