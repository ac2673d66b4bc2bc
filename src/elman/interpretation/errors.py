"""Errors: the examples it got worst, and those it was surest about and wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from elman.core.results import Finding, Predictions
from elman.interpretation.view import Sample, View, untouched

OWN = 1e-10  # of the mean square of the answers: squared errors below it are rounding
SURE = 0.9  # a probability above which an error counts as confident


def errors(
    predictions: Predictions, each: np.ndarray, describe: Callable[[int], str], *, shown: int = 10
) -> Finding:
    """A table of the worst examples. `each` (n,) is the error of every example, `describe(row)` what it was.

    Examples whose error is not known (NaN) are left out of the ranking and of the shares.
    """
    if predictions.kind == "classes":
        return _classes(predictions, describe, shown)
    known = np.flatnonzero(np.isfinite(each))
    worst = known[np.argsort(-each[known], kind="stable")]
    total = float(each[known].sum())
    hundredth = max(1, len(known) // 100)
    share = float(each[worst[:hundredth]].sum()) / total if total else 0.0
    unit = {"tokens": "nats"}.get(predictions.kind, "error")
    table = tuple(
        {"example": describe(int(row)), **_said(predictions, int(row)), unit: float(each[row])}
        for row in worst[:shown]
    )
    things = {"tokens": "tokens", "forecasts": "windows"}.get(predictions.kind, "examples")
    of = "1%" if hundredth > 1 else f"one of {len(known)}"
    make = "make" if hundredth > 1 else "makes"
    sentence = f"The worst {of} of the {things} {make} up {share:.1%} of the whole error" + (
        f"; the median error is {np.median(each[known]):.3g}, the largest {each[worst[0]]:.3g}."
        if len(known)
        else "."
    )
    return Finding(
        "errors", "Worst errors", sentence, share, "share", sample=f"{len(known):,} {things}", table=table
    )


def errors_of(view: View, sample: Sample) -> Finding | None:
    """The same of a network's answers to a sample and its targets; None where these are its own answers."""
    sample, outputs, each = sample.to(view.device), [], []
    with untouched(view), torch.no_grad():
        for part in sample.parts(outputs=max(1, len(view.labels))):
            outputs.append(view.read(view.embed(part.inputs), part.lengths))
            each.append(view.loss(outputs[-1], part.targets))
    said, loss, targets = torch.cat(outputs), torch.cat(each).double().cpu().numpy(), sample.targets.cpu()
    if targets.is_floating_point():
        if loss.max() <= OWN * float(said.double().square().mean()):
            return None
        predictions = Predictions("values", said.float().cpu().numpy(), targets.reshape(said.shape).numpy())
    else:
        names = view.labels or tuple(map(str, range(said.shape[1])))
        predictions = Predictions("classes", said.float().softmax(1).cpu().numpy(), targets.numpy(), names)

    def describe(row: int) -> str:
        steps = sample.inputs[row][: sample.length(row)]
        told = "" if view.step_names is None else f": {' '.join(view.step_names(steps))}"
        return f"sequence {int(sample.rows[row])}{told}"[:160]

    return errors(predictions, loss, describe)


def _said(predictions: Predictions, row: int) -> dict[str, Any]:
    """What was true and what was predicted, as one number each: the mean over horizon and series for a forecast."""
    if predictions.kind == "tokens":
        return {}
    if predictions.kind == "labels":
        both = (("true", predictions.targets[row]), ("predicted", predictions.outputs[row]))
        return {
            what: "; ".join(label for label, share in zip(predictions.labels, values) if share >= 0.5)
            or "none"
            for what, values in both
        }
    true, said = np.asarray(predictions.targets[row], float), np.asarray(predictions.outputs[row], float)
    said = np.where(np.isfinite(true), said, np.nan)  # the same steps on both sides
    if not np.isfinite(true).any():
        return {}
    mean = "mean " if np.ndim(true) else ""
    return {f"{mean}true": float(np.nanmean(true)), f"{mean}predicted": float(np.nanmean(said))}


def _classes(predictions: Predictions, describe: Callable[[int], str], shown: int) -> Finding:
    outputs, targets = predictions.outputs, predictions.targets
    chosen, confidence = outputs.argmax(1), outputs.max(1)
    wrong = np.flatnonzero(chosen != targets)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:shown]
    sure = int((confidence[wrong] > SURE).sum())
    share = sure / max(1, len(wrong))
    table = tuple(
        {
            "example": describe(int(row)), "true": predictions.labels[targets[row]], "predicted": predictions.labels[chosen[row]],
            "confidence": float(confidence[row]), "p(true)": float(outputs[row, targets[row]]),
        }
        for row in worst
    )  # fmt: skip
    if len(wrong):
        right = confidence[chosen == targets]
        beside = f", as {(right > SURE).mean():.0%} of its right answers are" if len(right) else ""
        sentence = (
            f"{len(wrong):,} of {len(targets):,} are wrong; {sure:,} of those ({share:.0%}) with more than {SURE:.0%} "
            f"confidence{beside}."
        )
    else:
        sentence = f"None of {len(targets):,} is wrong."
    return Finding(
        "errors", "Most confident errors", sentence, share, "share of errors", sample=f"{len(targets):,} examples", table=table
    )  # fmt: skip
