"""Neighbours: where in other sequences the state is as it is over a span of this one.

The states of one reading over the steps of the span, their mean over all steps of the sample taken off, are averaged; so are those of
every equally long span of the sample, and the cosine of the two is the likeness. Control: the likeness of all spans of the sample, most
of which have nothing to do with the one that was asked about: its mean, and what one in a hundred exceeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from elman.core.errors import RecipeError
from elman.interpretation.view import View
from elman.interpretation.walk import traced


@dataclass(frozen=True)
class Neighbours:
    """Spans like one that was asked about, the most alike first.

    found    (sequence, first step, last step, likeness) of each, at most one of a sequence
    control  mean likeness of all spans, and what one in a hundred exceeds
    spans    how many were looked at
    """

    found: tuple[tuple[int, int, int, float], ...]
    control: tuple[float, float]
    spans: int


def neighbours(
    view: View,
    inputs: Tensor,
    span: tuple[int, int],
    others: Sequence[Tensor],
    *,
    reading: str,
    count: int = 8,
) -> Neighbours:
    """Spans of `others`, each (1, time, ...), in which `reading` is most like over the steps `span` (first, last) of `inputs`.

    Raises RecipeError for a span that is none, or where no other sequence is as long; UnknownName for a reading.
    """
    first, last = span
    own = traced(view, inputs, [reading])[reading]
    if not 0 <= first <= last < len(own):
        raise RecipeError(f"steps {first + 1} to {last + 1} of a sequence of {len(own)} are no span.")
    length = last - first + 1
    traces = [
        (k, traced(view, one, [reading])[reading]) for k, one in enumerate(others) if one.shape[1] >= length
    ]
    if not traces:
        raise RecipeError(f"no other sequence has {length} steps; choose a shorter span.")
    mean = np.concatenate([values for _, values in traces]).mean(0)
    wanted = own[first : last + 1].mean(0) - mean
    best, everything = [], []
    for k, values in traces:
        sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values - mean]), 0)
        spans = (sums[length:] - sums[:-length]) / length
        likeness = spans @ wanted / np.maximum(np.linalg.norm(spans, axis=1) * np.linalg.norm(wanted), 1e-12)
        everything.append(likeness)
        at = int(likeness.argmax())
        best.append((k, at, at + length - 1, float(likeness[at])))
    whole = np.concatenate(everything)
    best.sort(key=lambda one: -one[3])
    return Neighbours(tuple(best[:count]), (float(whole.mean()), float(np.percentile(whole, 99))), len(whole))
