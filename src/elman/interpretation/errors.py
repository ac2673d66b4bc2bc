"""Errors: the examples it got worst, and those it was surest about and wrong."""

from __future__ import annotations

import html
from collections.abc import Callable

import numpy as np

from elman.core.results import Finding, Predictions


def errors(
    predictions: Predictions, each: np.ndarray, describe: Callable[[int], str], *, shown: int = 10
) -> Finding:
    """A table of the worst examples. `each` (n,) is the error of every example, `describe(row)` what it was."""
    if predictions.kind == "classes":
        return _classes(predictions, describe, shown)
    order = np.argsort(-np.nan_to_num(each, nan=-np.inf))[:shown]
    total, worst = np.nansum(each), np.nansum(np.sort(np.nan_to_num(each))[-max(1, len(each) // 100) :])
    share = float(worst / total) if total else 0.0
    table = tuple({"example": describe(int(row)), "error": float(each[row])} for row in order)
    sentence = f"The worst 1% of the examples make up {share:.0%} of the whole error."
    return Finding(
        "errors", "Worst errors", sentence, share, "share", sample=f"{len(each):,} examples", table=table
    )


def _classes(predictions: Predictions, describe: Callable[[int], str], shown: int) -> Finding:
    outputs, targets = predictions.outputs, predictions.targets
    chosen, confidence = outputs.argmax(1), outputs.max(1)
    wrong = np.flatnonzero(chosen != targets)
    worst = wrong[np.argsort(-confidence[wrong])][:shown]
    sure = int((confidence[wrong] > 0.9).sum())
    share = sure / max(1, len(wrong))
    table = tuple(
        {
            "example": describe(int(row)),
            "true": predictions.labels[targets[row]],
            "said": predictions.labels[chosen[row]],
            "confidence": float(confidence[row]),
        }
        for row in worst
    )
    sentence = f"{len(wrong):,} of {len(targets):,} are wrong; {sure:,} of those ({share:.0%}) with more than 90% confidence."
    body = "".join(
        f"<tr><td>{html.escape(str(row['example']))}</td><td>{html.escape(str(row['true']))}</td>"
        f"<td>{html.escape(str(row['said']))}</td><td>{row['confidence']:.1%}</td></tr>"
        for row in table
    )
    page = f"<table><tr><th>example</th><th>true</th><th>said</th><th>confidence</th></tr>{body}</table>"
    return Finding(
        "errors",
        "Most confident errors",
        sentence,
        share,
        "share of errors",
        sample=f"{len(targets):,} examples",
        html=page,
        table=table,
    )
