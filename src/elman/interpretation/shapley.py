"""Shapley values: the mean of what a part adds, over all orders in which the parts could come in (Shapley 1953).

Few parts: exact, over all subsets. Many: a sample of orders (Castro, Gomez and Tejada 2009), each with its reverse, which takes away
the part of the error that is odd in the order (Mitchell et al. 2022); the standard error is that of the mean over such pairs. What the
parts add in one order sums to F(x) - F(x'), so that every sample is complete.
"""

from __future__ import annotations

from math import factorial

import torch
from torch import Tensor

from elman.interpretation.credit import Asked, Credit
from elman.interpretation.occlusion import parts, spread

MOST = 16  # parts that come in one by one
PAIRS = 4  # orders drawn, each with its reverse


def shapley(asked: Asked, most: int = MOST, pairs: int = PAIRS, *, seed: int = 0) -> Credit:
    """Shapley values of the parts, with a standard error; exact, with none, where all subsets are no more than the sample."""
    part, count = parts(asked, most, by_feature=asked.by_feature)
    if _all(count, pairs):
        return Credit(
            spread(asked, _exact(asked, part, count), part), torch.zeros_like(asked.vectors[..., 0])
        )
    draw = torch.Generator().manual_seed(seed)
    orders = torch.stack([torch.randperm(count, generator=draw) for _ in range(pairs)]).to(part.device)
    forwards, backwards = (_added(asked, part, each) for each in (orders, orders.flip(1)))
    each = (forwards + backwards) / 2  # (pairs, parts, batch)
    error = each.std(0) / pairs**0.5 if pairs > 1 else torch.full_like(each[0], torch.nan)
    return Credit(spread(asked, each.mean(0), part), spread(asked, error, part).sum(2))


def _added(asked: Asked, part: Tensor, orders: Tensor) -> Tensor:
    """What each part adds when the parts come in in these orders (n, parts): (n, parts, batch)."""
    count = orders.shape[1]
    place = orders.argsort(1)  # when each part comes in

    def keep(version: Tensor, row: Tensor) -> Tensor:
        return place[version // (count + 1)][:, part] < (version % (count + 1))[:, None, None]

    numbers = asked.kept(len(orders) * (count + 1), keep).unflatten(0, (len(orders), count + 1))
    steps = numbers.diff(dim=1)
    return steps.gather(1, place[..., None].expand_as(steps))


def _exact(asked: Asked, part: Tensor, count: int) -> Tensor:
    """Over all subsets S without the part: |S|! (n - |S| - 1)! / n! times what it adds to S; (parts, batch)."""
    number = torch.arange(2**count, device=part.device)
    numbers = asked.kept(2**count, lambda version, row: (version[:, None, None] >> part) & 1 == 1)
    sizes = sum((number >> place) & 1 for place in range(count))
    weights = torch.tensor([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
    found = []
    for place in range(count):
        without = number[(number >> place) & 1 == 0]
        added = numbers[without | 1 << place] - numbers[without]
        found.append((weights.to(added)[sizes[without]][:, None] * added).sum(0))  # type: ignore[index]
    return torch.stack(found)


def _all(count: int, pairs: int) -> bool:
    """Whether all subsets of the parts are no more than a sample of orders reads."""
    return bool(2**count <= 2 * pairs * (count + 1))


def passes(asked: Asked, most: int = MOST, pairs: int = PAIRS) -> int:
    """How often Shapley values read a sequence: every subset, or what is in after each part of each order."""
    count = parts(asked, most, by_feature=asked.by_feature)[1]
    return 2**count if _all(count, pairs) else 2 * pairs * (count + 1)
