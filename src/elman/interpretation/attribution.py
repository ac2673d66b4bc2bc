"""Attribution: which steps, and which features at them, made the output what it is.

Integrated gradients (Sundararajan, Taly and Yan 2017, eq. 1): (x - x') times the mean gradient on the straight path from
the baseline x' to x, by Gauss-Legendre quadrature. What is credited sums to F(x) - F(x'); what is missing is the residual. Control:
the same network with its weights shuffled (Adebayo et al. 2018): its map should not look alike.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import heat
from elman.interpretation.view import Sample, View, untouched


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

    Padding gets exactly 0. `baseline` (size,) or (batch, time, size); zeros when None.
    """
    reference = torch.zeros_like(embedded) if baseline is None else baseline.expand_as(embedded).clone()
    if lengths is not None:
        beyond = torch.arange(embedded.shape[1]) >= lengths[:, None]
        reference = torch.where(beyond[..., None], embedded, reference)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(embedded)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        point = (reference + float(node) * (embedded - reference)).requires_grad_(True)
        chosen = view.read(point, lengths).gather(1, output[:, None]).sum()
        (gradient,) = torch.autograd.grad(chosen, point)
        total += float(weight) * gradient
    credit = total * (embedded - reference)
    with torch.no_grad():
        ends = [view.read(value, lengths).gather(1, output[:, None])[:, 0] for value in (embedded, reference)]
    return credit.detach(), (ends[0] - ends[1] - credit.sum((1, 2))).detach()


def attribution(view: View, sample: Sample, *, steps: int = 32, shown: int = 6) -> Finding:
    """Which steps count for the predicted output: a coloured text for tokens, a map of step and feature for series."""
    credits, residuals, totals, chosen = [], [], [], []
    with untouched(view):
        for part in sample.parts(32):
            with torch.no_grad():
                embedded = view.embed(part.inputs).detach()
                outputs = view.read(embedded, part.lengths)
            output = outputs.argmax(1) if view.labels else torch.zeros(len(outputs), dtype=torch.long)
            credit, residual = integrated_gradients(
                view, embedded, part.lengths, output, steps=steps, baseline=view.baseline
            )
            credits += list(credit)
            residuals.append(residual)
            totals.append(credit.sum((1, 2)).abs())
            chosen += output.tolist()
        control = _shuffled_agreement(view, sample.part(0, min(16, len(sample))), credits, steps)
    gap = float((torch.cat(residuals).abs() / torch.cat(totals).clamp(min=1e-6)).median())
    recency = _recency(credits, sample)
    half = int(np.searchsorted(np.cumsum(recency), 0.5)) + 1
    sentence = (
        f"Half of all credit lies in the last {half} steps. Credit adds up to the output within {gap:.1%} (median); "
        f"maps of the same network with shuffled weights correlate {control:+.2f} with these."
    )
    arrays = {"recency": recency}
    common: dict[str, Any] = {
        "value": float(half),
        "unit": "steps",
        "control": control,
        "residual": gap,
        "sample": f"{len(sample)} sequences, {steps} points",
    }
    if view.step_names is None:
        mean = np.mean([one.abs().numpy() for one in credits], 0)
        arrays["credit"] = mean
        back = max(1, len(mean) // 48)
        rows = [
            {
                "steps before the end": int(len(mean) - t),
                "feature": f"feature {k}",
                "credit": float(mean[t : t + back, k].mean()),
            }
            for t in range(0, len(mean), back)
            for k in range(mean.shape[1])
        ]
        return Finding(
            "attribution",
            "Attribution",
            sentence,
            chart=heat(rows, "steps before the end", "feature", "credit"),
            arrays=arrays,
            **common,
        )  # type: ignore[arg-type]
    pieces = [
        _coloured(view, sample, row, credits[row].sum(1).numpy(), chosen[row])
        for row in range(min(shown, len(sample)))
    ]
    return Finding("attribution", "Attribution", sentence, html="".join(pieces), arrays=arrays, **common)  # type: ignore[arg-type]


def _recency(credits: list[Tensor], sample: Sample) -> np.ndarray:
    """Share of absolute credit by distance from the end, mean over sequences: (longest,)."""
    longest = max(len(credit) for credit in credits)
    shares = np.zeros(longest)
    for row, credit in enumerate(credits):
        length = len(credit) if sample.lengths is None else int(sample.lengths[row])
        each = credit[:length].sum(1).abs().numpy()[::-1]
        shares[:length] += each / max(each.sum(), 1e-12)
    return shares / len(credits)


def _shuffled_agreement(view: View, part: Sample, credits: list[Tensor], steps: int) -> float:
    """Mean correlation of absolute credit per step with that of the network whose weights are shuffled."""
    kept = {name: value.clone() for name, value in view.model.state_dict().items()}
    try:
        with torch.no_grad():
            for parameter in view.model.parameters():
                parameter.copy_(
                    parameter.flatten()[torch.randperm(parameter.numel())].reshape(parameter.shape)
                )
            embedded = view.embed(part.inputs).detach()
            outputs = view.read(embedded, part.lengths)
        output = outputs.argmax(1) if view.labels else torch.zeros(len(outputs), dtype=torch.long)
        other, _ = integrated_gradients(
            view, embedded, part.lengths, output, steps=max(4, steps // 4), baseline=None
        )
    finally:
        view.model.load_state_dict(kept)
    found = []
    for row in range(len(part)):
        length = len(credits[row]) if part.lengths is None else int(part.lengths[row])
        a, b = credits[row][:length].sum(1).abs().numpy(), other[row][:length].sum(1).abs().numpy()
        if length > 2 and a.std() > 0 and b.std() > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return float(np.mean(found)) if found else 0.0


def _coloured(view: View, sample: Sample, row: int, credit: np.ndarray, output: int) -> str:
    """One sequence as coloured text: orange speaks for the output, blue against it."""
    assert view.step_names is not None
    length = len(credit) if sample.lengths is None else int(sample.lengths[row])
    names = view.step_names(sample.inputs[row][:length])
    shown = slice(max(0, length - 120), length)
    most = float(np.abs(credit[:length]).max()) or 1.0
    gap = "" if all(len(name) <= 1 for name in names) else " "
    spans = []
    for name, value in zip(names[shown], credit[:length][shown]):
        colour = "213,94,0" if value > 0 else "0,114,178"
        spans.append(
            f'<span style="background:rgba({colour},{0.75 * abs(value) / most:.2f})" title="{value:+.3f}">{html.escape(name)}</span>'
        )
    label = html.escape(view.labels[output]) if view.labels else "output"
    return f"<p><b>{label}</b>: {'… ' if shown.start else ''}{gap.join(spans)}</p>"
