"""Credit: what is explained, one number F of each answer as a function of the vectors read, and what a method gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.interpretation.view import MOST_VALUES, Sample, View

STEPS_AT_ONCE = 2**13  # rows * steps that one pass may hold with its gradient: 160 MB for an LSTM of 2 x 256


@dataclass(frozen=True)
class Credit:
    """What a method gives: `cells` (batch, time, size), and the standard error of each step (batch, time) if it draws.

    Cells that move together (a span of steps, a token's vector) share their credit equally.
    """

    cells: Tensor
    error: Tensor | None = None


@dataclass(frozen=True)
class Asked:
    """The number to be explained of each of a batch of sequences.

    vectors   what is read (batch, time, size), without gradients; `lengths` (batch,) or None
    baseline  what stands for "nothing here" (batch, time, size): the vectors themselves where nothing can be credited
    present   the steps that can be credited (batch, time): no padding
    output    number of the answer that is explained (batch,)
    answers   outputs (rows, outputs) -> answers (rows, k): logits, or values
    shares    the same -> probabilities (rows, k); None where the answers are values
    by_feature  whether the numbers of a vector are features, each with a meaning of its own
    """

    view: View
    vectors: Tensor
    lengths: Tensor | None
    baseline: Tensor
    present: Tensor
    output: Tensor
    answers: Callable[[Tensor], Tensor] = lambda outputs: outputs
    shares: Callable[[Tensor], Tensor] | None = None
    by_feature: bool = False

    def number(self, vectors: Tensor, rows: Tensor | None = None, *, share: bool = False) -> Tensor:
        """F of vectors (rows, time, size), row k of them a version of sequence `rows[k]`: (rows,).

        `share` gives the probability instead of the logit, where there is one.
        """
        rows = torch.arange(len(vectors), device=vectors.device) if rows is None else rows
        outputs = self.view.read(vectors, None if self.lengths is None else self.lengths[rows])
        found = self.answers(outputs) if self.shares is None or not share else self.shares(outputs)
        return found.gather(1, self.output[rows][:, None])[:, 0]

    def kept(self, count: int, keep: Callable[[Tensor, Tensor], Tensor], *, share: bool = False) -> Tensor:
        """F of `count` versions of every sequence with some cells at the baseline: (count, batch), in bounded memory.

        keep   version (rows,), sequence (rows,) -> which cells stay (rows, time, 1 or size), bool
        """
        batch, every = len(self.vectors), []
        with torch.no_grad():
            for places in torch.arange(count * batch, device=self.vectors.device).split(self.rows_at_once()):
                version, row = places // batch, places % batch
                vectors = torch.where(keep(version, row), self.vectors[row], self.baseline[row])
                every.append(self.number(vectors, row, share=share))
        return torch.cat(every).unflatten(0, (count, batch))

    def rows_at_once(self) -> int:
        """Sequences that one pass may read."""
        outputs = max(1, len(self.view.labels))
        return max(1, min(STEPS_AT_ONCE // self.vectors.shape[1], MOST_VALUES // outputs))

    def change(self) -> Tensor:
        """F(x) - F(baseline) of each sequence (batch,): what complete credit adds up to."""
        with torch.no_grad():
            return self.number(self.vectors) - self.number(self.baseline)


def asked_of(
    view: View, vectors: Tensor, lengths: Tensor | None, output: Tensor, baseline: Tensor | None = None,
    present: Tensor | None = None, **more: Any,
) -> Asked:  # fmt: skip
    """What is asked of vectors (batch, time, size); `baseline` (size,) or like the vectors, zeros when None.

    Steps beyond a length, and those that are not `present` (batch, time), are their own baseline: they get exactly 0.
    What else `Asked` has is taken as it is.
    """
    vectors = vectors.detach()
    valid = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)
    if lengths is not None:
        valid = torch.arange(vectors.shape[1], device=vectors.device) < lengths[:, None]
    present = valid if present is None else valid & present
    nothing = torch.zeros_like(vectors) if baseline is None else baseline.to(vectors).expand_as(vectors)
    nothing = torch.where(present[..., None], nothing, vectors)
    return Asked(view, vectors, lengths, nothing, present, output, **more)


def ask(view: View, sample: Sample, horizon: int | None = None) -> Asked:
    """The answer that attribution explains: the predicted class, or the value at a step of the horizon (1 when None).

    Of several series it is the first one. Raises RecipeError for a horizon where there is none, or beyond its end.
    """
    with torch.no_grad():
        vectors = view.embed(sample.inputs)
        outputs = view.read(vectors, sample.lengths)
    present, by_feature = None, sample.inputs.shape == vectors.shape
    if view.padding is not None and not sample.inputs.is_floating_point():
        tokens = (
            sample.inputs if sample.inputs.dim() == 2 else sample.inputs[..., 0]
        )  # of a word, then its pieces
        present = tokens != view.padding
    labelled = bool(view.labels) or (not sample.targets.is_floating_point() and outputs.shape[1] > 1)
    if labelled:
        if horizon is not None:
            raise RecipeError("a horizon is a step of a forecast; this network answers with a class.")
        several = sample.targets.is_floating_point() and bool(
            ((sample.targets == 0) | (sample.targets == 1)).all()
        )
        shares = torch.sigmoid if several else lambda logits: logits.softmax(1)
        return asked_of(
            view,
            vectors,
            sample.lengths,
            outputs.argmax(1),
            view.baseline,
            present,
            shares=shares,
            by_feature=by_feature,
        )
    ahead = view.ahead or (lambda values: values[:, :, None])
    _, steps, series = ahead(outputs).shape
    at = 1 if horizon is None else horizon
    if not 1 <= at <= steps:
        raise RecipeError(
            f"horizon is {at}; this network answers with {steps} value{'s' * (steps > 1)}: expected 1 to {steps}."
        )
    number = torch.full((len(outputs),), (at - 1) * series, device=outputs.device)
    return asked_of(
        view, vectors, sample.lengths, number, view.baseline, present,
        answers=lambda values: ahead(values).flatten(1), by_feature=by_feature,
    )  # fmt: skip


def horizons(view: View, sample: Sample) -> int:
    """How many values ahead a network's answer has; 1 for a class."""
    if view.labels or view.ahead is None:
        return 1
    with torch.no_grad():
        one = sample.part(0, 1)
        return view.ahead(view.read(view.embed(one.inputs), one.lengths)).shape[1]
