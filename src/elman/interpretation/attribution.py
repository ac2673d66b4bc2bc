"""Attribution: which steps, and which features at them, made the output what it is.

Integrated gradients (Sundararajan, Taly and Yan 2017): (x - x') times the mean gradient on the straight path from
the baseline x' to x, by Gauss-Legendre quadrature. What is credited sums to F(x) - F(x'); what is missing is the residual. Control:
the same network with its weights shuffled, after the model randomization tests of Adebayo et al. (2018). Its map should not look alike: credit leans to the last steps in
untrained networks too (Ismail et al. 2019), so how far back credit reaches is shown for both.
"""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import coloured, heat, lines, stack, visible
from elman.interpretation.view import Sample, View, shuffled, untouched

FEW = 16  # sequences on which the shuffled network is asked
ALIKE, UNLIKE = (
    0.7,
    0.3,
)  # correlations of two maps; ours: half of the variance is shared at 0.7, a tenth at 0.3
SHOWN_STEPS = 120  # of a sequence that is shown as text


def integrated_gradients(
    view: View,
    embedded: Tensor,
    lengths: Tensor | None,
    output: Tensor,
    *,
    steps: int = 32,
    baseline: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attributions (batch, time, size) of output number `output` (batch,), and the residual of each sequence (batch,).

    `steps` points of the path are visited. Padding gets exactly 0. `baseline` (size,) or (batch, time, size); zeros when None.
    """
    embedded = embedded.detach()
    reference = torch.zeros_like(embedded) if baseline is None else baseline.to(embedded).expand_as(embedded)
    if lengths is not None:
        beyond = torch.arange(embedded.shape[1], device=embedded.device) >= lengths[:, None]
        reference = torch.where(beyond[..., None], embedded, reference)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(embedded)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        with torch.enable_grad():
            point = (reference + float(node) * (embedded - reference)).requires_grad_(True)
            chosen = view.read(point, lengths).gather(1, output[:, None]).sum()
            (gradient,) = torch.autograd.grad(chosen, point)
        total += float(weight) * gradient
    credit = total * (embedded - reference)
    with torch.no_grad():
        ends = [view.read(value, lengths).gather(1, output[:, None])[:, 0] for value in (embedded, reference)]
    return credit, ends[0] - ends[1] - credit.sum((1, 2))


@dataclass(frozen=True)
class Credits:
    """Credit of each sequence: per step (n, time), of features by step over all (time, size), output chosen (n,), and
    the residual of each (n,) beside the difference F(x) - F(x') that credit should add up to (n,)."""

    steps: np.ndarray
    features: np.ndarray
    chosen: list[int]
    residual: np.ndarray
    whole: np.ndarray


def attribution(view: View, sample: Sample, *, steps: int = 32, shown: int = 6, seed: int = 0) -> Finding:
    """Which steps count for the predicted output: a coloured text for tokens, a map of step and feature for series.

    The value is how many of the last steps hold half of the credit, the control the same in the shuffled network.
    """
    sample = sample.to(view.device)
    few = sample.part(0, min(FEW, len(sample)))
    with untouched(view):
        found = _credits(view, sample, steps)
        with shuffled(view, seed):
            other = _credits(view, few, max(4, steps // 4))
    recency, control = _recency(found.steps, sample), _recency(other.steps, few)
    half, wanted = _half(recency.mean(0)), _half(control.mean(0))
    picks = np.random.default_rng(seed).integers(0, len(sample), (200, len(sample)))
    low, high = np.percentile([_half(recency[rows].mean(0)) for rows in picks], [2.5, 97.5])
    gap = float(np.abs(found.residual).sum() / max(np.abs(found.whole).sum(), 1e-12))
    likeness = _likeness(found.steps[: len(few)], other.steps, few)
    likeness = likeness + 0.0 if abs(likeness) >= 0.005 else 0.0
    verdict = (
        "much like this one, so beware: it may not be learnt" if likeness > ALIKE
        else "unlike this one, as it should be for what is learnt" if likeness < UNLIKE
        else "partly like this one, so part of it is not learnt"
    )  # fmt: skip
    of = "the chosen output" if view.labels else "the first value predicted"
    sentence = (
        f"Half of the credit for {of} (how much each step moved it) lies in the last {half} step{'s' * (half > 1)}; with shuffled "
        f"weights, in the last {wanted}. The map of that shuffled network is {verdict} (correlation {likeness:.2f}). Credit adds up to "
        f"the output {_within(gap)}."
    )  # fmt: skip
    reach = _reach(recency.mean(0), control.mean(0))
    chart, text = reach, ""
    table: tuple[dict[str, object], ...] = ()
    if view.step_names is None:
        chart = stack(_map(found.features, view.feature_names), reach)
    else:
        what = "predicted next step" if view.names_next_step else "prediction" if view.labels else "value"
        text = f"<p><small>The {what}, and the steps that spoke {coloured(['for'], [1.0], 1.0)} it or {coloured(['against'], [-1.0], 1.0)} it:</small></p>"
        text += "".join(_text(view, sample, row, found) for row in range(min(shown, len(sample))))
        table = _words(view, sample, found)
    return Finding(
        "attribution", "Attribution", sentence, float(half), "steps", (float(low), float(high)), float(wanted), gap,
        f"{len(sample)} sequences, {steps} points on the path", chart, text, table,
        {"recency": recency.mean(0), "recency_shuffled": control.mean(0), "credit": found.steps, "features": found.features},
    )  # fmt: skip


def _credits(view: View, sample: Sample, steps: int) -> Credits:
    """Credit for the predicted class of every sequence, or for the first output where there are no classes."""
    longest, chosen = sample.inputs.shape[1], []
    rows, features, residuals, wholes = [], [], [], []
    for part in sample.parts(32, len(view.labels)):
        with torch.no_grad():
            embedded = view.embed(part.inputs)
            outputs = view.read(embedded, part.lengths)
        output = outputs.argmax(1) if view.labels else torch.zeros_like(outputs[:, 0], dtype=torch.long)
        nothing = view.baseline
        if (
            not part.inputs.is_floating_point()
        ):  # token 0 is padding, on whichever side: it is its own baseline
            start = (
                torch.zeros_like(embedded) if nothing is None else nothing.to(embedded).expand_as(embedded)
            )
            numbers = (
                part.inputs if part.inputs.dim() == 2 else part.inputs[..., 0]
            )  # of a word, then its pieces
            nothing = torch.where((numbers == 0)[..., None], embedded, start)
        credit, residual = integrated_gradients(
            view, embedded, part.lengths, output, steps=steps, baseline=nothing
        )
        missing = longest - credit.shape[1]
        rows.append(np.pad(credit.sum(2).cpu().numpy(), ((0, 0), (0, missing))))
        features.append(np.pad(_from_end(credit.abs(), part).sum(0), ((missing, 0), (0, 0))))
        chosen += output.tolist()
        residuals.append(residual.cpu().numpy())
        wholes.append((credit.sum((1, 2)) + residual).cpu().numpy())
    return Credits(
        np.concatenate(rows), np.sum(features, 0) / len(sample), chosen, np.concatenate(residuals), np.concatenate(wholes)
    )  # fmt: skip


def _from_end(credit: Tensor, part: Sample) -> np.ndarray:
    """Credit (n, time, size) with every sequence moved to the right, so that all of them end at the last column."""
    moved = [row.roll(row.shape[0] - part.length(number), 0) for number, row in enumerate(credit)]
    return torch.stack(moved).cpu().numpy()


def _recency(credit: np.ndarray, sample: Sample) -> np.ndarray:
    """Share of a sequence's absolute credit by distance from its end: (n, time)."""
    shares = np.zeros(credit.shape)
    for row in range(len(sample)):
        length = sample.length(row)
        each = np.abs(credit[row, :length])[::-1]
        shares[row, :length] = each / max(each.sum(), 1e-12)
    return shares


def _half(recency: np.ndarray) -> int:
    """How many of the last steps hold half of the credit."""
    return int(np.searchsorted(np.cumsum(recency), 0.5 * recency.sum())) + 1


def _within(gap: float) -> str:
    return f"within {gap:.1%}" if gap >= 0.0005 else "within 0.1%"


def _likeness(credit: np.ndarray, other: np.ndarray, sample: Sample) -> float:
    """Mean correlation of absolute credit per step between two networks."""
    found = []
    for row in range(len(sample)):
        length = sample.length(row)
        a, b = np.abs(credit[row, :length]), np.abs(other[row, :length])
        if length > 2 and a.std() > 0 and b.std() > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return float(np.mean(found)) if found else 0.0


def _reach(recency: np.ndarray, control: np.ndarray) -> dict[str, object]:
    rows = [
        {"steps before the end": back + 1, "share of the credit": float(value), "network": name}
        for name, values in (("trained", recency), ("weights shuffled", control))
        for back, value in enumerate(values[:60])
    ]
    title = "How far back credit reaches"
    return lines(rows, "steps before the end", "share of the credit", "network", points=False, height=150, title=title)  # fmt: skip


def _map(features: np.ndarray, names: Sequence[str]) -> dict[str, object]:
    """Mean absolute credit by feature and time (time, size), in at most 48 columns."""
    back = -(-len(features) // 48)
    rows = [
        {
            "steps before the end": len(features) - start,
            "feature": names[k] if k < len(names) else f"input {k + 1}",
            "mean size of credit": float(features[start : start + back, k].mean()),
        }
        for start in range(0, len(features), back)
        for k in range(features.shape[1])
    ]
    title = "Which inputs count, from the past on the left to now"
    height = max(60, min(320, 20 * features.shape[1]))
    return heat(rows, "steps before the end", "feature", "mean size of credit", height=height, title=title, descending=True)  # fmt: skip


def _words(view: View, sample: Sample, found: Credits) -> tuple[dict[str, object], ...]:
    """The steps that speak loudest for an answer: mean credit where seen at least three times; not for language models."""
    assert view.step_names is not None
    if view.names_next_step:
        return ()
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in range(len(sample)):
        label = view.labels[found.chosen[row]] if view.labels else "a higher value"
        names = view.step_names(sample.inputs[row][: sample.length(row)])
        for name, value in zip(names, found.steps[row]):
            seen[name, label].append(float(value))
    often = [(np.mean(values), *key, len(values)) for key, values in seen.items() if len(values) >= 3]
    loudest = sorted(often, key=lambda one: -one[0])[:12]
    return tuple(
        {"step": visible(name), "speaks for": label, "mean credit": float(mean), "times": times}
        for mean, name, label, times in loudest
        if mean > 0
    )


def _text(view: View, sample: Sample, row: int, found: Credits) -> str:
    """One sequence as coloured text: orange speaks for the output, blue against it."""
    assert view.step_names is not None
    length = sample.length(row)
    credit = found.steps[row, :length]
    first = max(0, length - SHOWN_STEPS)
    names = view.step_names(sample.inputs[row][:length])[first:]
    label = html.escape(visible(view.labels[found.chosen[row]])) if view.labels else "value"
    before = "… " if first else ""
    return f"<p><b>{label}</b>: {before}{coloured(names, credit[first:].tolist(), float(np.abs(credit).max()))}</p>"
