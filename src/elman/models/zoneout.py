"""The masks of zoneout, drawn from few random numbers."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from elman.engine import kernels

LEVELS = 2**16


def draw_mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """A mask (shape) of zeros and ones, a one with probability `rate`, in the type and on the device of `like`.

    torch.bernoulli takes a random number of its own for every element, and was up to 40% of a training step. Here torch's
    generator gives a seed, and one number of 64 bits decides four elements, 16 bits each: the rate is rounded to a multiple
    of 1/65536, and is never 0 or 1. The numbers are those of SplitMix64 (Steele, Lea, Flood 2014), which
    follow from their place alone; on a CPU the native library makes them where it was built.
    """
    limit = min(max(round(rate * LEVELS), 1), LEVELS - 1) - LEVELS // 2
    count = prod(shape)
    seed = torch.randint(-(2**63), 2**63 - 1, (), device=like.device)
    if (
        like.device.type == "cpu"
        and like.dtype in kernels.TYPES
        and kernels.library() is not None
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    ):
        return kernels.random_mask(int(seed), limit, count, like).view(shape)
    numbers = split_mix(seed, -(-count // 4)).view(torch.int16)[:count]
    return (numbers < limit).to(like.dtype).reshape(shape)


def split_mix(seed: Tensor, count: int) -> Tensor:
    """The first numbers (count) of SplitMix64 from a seed (), as int64, whose sums and products wrap around."""
    z = seed + torch.arange(1, count + 1, device=seed.device) * (0x9E3779B97F4A7C15 - 2**64)
    z = (z ^ _shifted(z, 30)) * (0xBF58476D1CE4E5B9 - 2**64)
    z = (z ^ _shifted(z, 27)) * (0x94D049BB133111EB - 2**64)
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """To the right as unsigned numbers."""
    return (z >> bits) & (2 ** (64 - bits) - 1)
