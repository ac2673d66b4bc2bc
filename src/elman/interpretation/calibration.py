"""Calibration: when it says 80%, is it right in 80 of 100 cases; and does that change along the sequence?

The expected calibration error is the mean distance between confidence (the largest probability) and how often that answer is right, over
BINS bins of equally many answers (Naeini et al. 2015; equal counts after Nixon et al. 2019). Even a network whose probabilities are true
shows some by chance: the control draws the labels from its own probabilities. The temperature is the number that the logits want to be
divided by (Guo et al. 2017), the maximum of likelihood: above 1 the network is too sure, below 1 not sure enough.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import lines, stack
from elman.interpretation.view import MOST_VALUES, Sample, View, untouched

BINS = 15
DRAWS = 20  # of labels from the network's own probabilities
PLACES = 6  # parts of the sequence by position, as many answers in each
LEAST = 30  # answers in a part
CHI_SQUARE = 3.84  # which a chi-square of one degree of freedom is above in 5 of 100 draws


def calibration(view: View, sample: Sample, *, seed: int = 0) -> Finding | None:
    """Expected calibration error, its control, the temperature; by position where it answers at every step. None without classes.

    A language model is asked at every step for the next one, a classifier for the answer if the sequence ended there; the headline is about
    whole sequences then. `arrays`: "confidence", "right" (answers,), "steps" read before each, "position" and "error" by part.
    """
    classes = sample.targets.dim() == 1 and not sample.targets.is_floating_point()
    if len(view.labels) < 2 or view.asked is not None or not classes:
        return None
    sample = sample.to(view.device)
    with untouched(view), torch.no_grad():
        logits, targets, steps, rows = _answers(view, sample, seed)
    if len(targets) < LEAST or len(targets) != len(logits) or int(targets.max()) >= logits.shape[1]:
        return None
    draw = np.random.default_rng(seed)
    shares = logits.softmax(-1).numpy()
    lasts = np.array([sample.length(row) for row in range(len(sample))])[rows]
    headline = np.ones(len(rows), bool) if view.names_next_step else steps == lasts
    if headline.sum() < LEAST:
        return None
    right = shares.argmax(1) == targets.numpy()
    confidence = shares.max(1)
    value = calibration_error(confidence[headline], right[headline])
    control = float(np.mean([_by_chance(confidence[headline], draw) for _ in range(DRAWS)]))
    whole = torch.from_numpy(headline)
    temperature = fitted_temperature(logits[whole], targets[whole])
    kept = np.unique(rows[headline])
    again = [
        calibration_error(confidence[headline], right[headline], _weights(rows[headline], kept, draw))
        for _ in range(200)
    ]
    low, high = np.percentile(again, [2.5, 97.5])
    how = "too sure" if temperature > 1 else "not sure enough"
    surely = abs(temperature - 1) > 0.02 and _shown(logits[whole], targets[whole], temperature)
    mean = float(confidence[headline].mean() - right[headline].mean())
    parts = _parts(steps, confidence, right, draw)
    along = ""
    if len(parts) > 1:
        first, last = parts[0], parts[-1]
        along = (
            f" After {'one step' if first['upto'] == 1 else 'up to {} steps'.format(first['upto'])} it is off by {first['error']:.1%} (by chance "
            f"{first['chance']:.1%}), after {last['from']} or more by {last['error']:.1%} ({last['chance']:.1%})."
        )
    sentence = (
        f"Its confidence is off by {value:.1%} (labels drawn from its own probabilities: {control:.1%}); on average it is {abs(mean):.1%} "
        f"{'above' if mean > 0 else 'below'} how often it is right. What is true would be most likely with its logits divided by {temperature:.2f}: it is "
        f"{how if surely else 'about as sure as it may be'}.{along}"
    )
    return Finding(
        "calibration", "Can its probabilities be believed?", sentence, value, "share", (float(low), float(high)), control,
        sample=f"{int(headline.sum()):,} answers of {len(sample)} sequences", chart=_chart(confidence[headline], right[headline], parts),
        table=tuple({"steps read": _steps(each), "answers": each["answers"], "calibration error": each["error"],
                     "by chance": each["chance"], "right": each["right"], "confidence": each["confidence"]} for each in parts),
        arrays={
            "confidence": confidence, "right": right, "steps": steps, "temperature": np.array(temperature),
            "position": np.array([each["from"] for each in parts]), "error": np.array([each["error"] for each in parts]),
        },
    )  # fmt: skip


def calibration_error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean over bins of |mean confidence - share right|, weighted by their answers; `weights` (answers,) count an answer so often."""
    order = np.argsort(confidence, kind="stable")
    counted = np.ones(len(order)) if weights is None else weights[order]
    confidence, right = confidence[order], right[order].astype(np.float64)
    total = float(counted.sum())
    found = 0.0
    for part in np.array_split(np.arange(len(order)), min(BINS, len(order))):
        found += abs(float((counted[part] * (confidence[part] - right[part])).sum()))
    return found / total if total else 0.0


def fitted_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature in 0.05 .. 20 by which the logits (n, classes) are divided to be most likely for `targets` (n,)."""
    from scipy.optimize import minimize_scalar

    exact, at = logits.double(), targets.long()

    def loss(log_temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(exact / np.exp(log_temperature), at))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded", options={"xatol": 1e-6}).x))  # fmt: skip


def _shown(logits: Tensor, targets: Tensor, temperature: float) -> bool:
    """Whether a temperature is another than 1 beyond chance, by the ratio of likelihoods (Wilks 1938), at 95%."""
    exact, at = logits.double(), targets.long()
    one, best = (
        float(torch.nn.functional.cross_entropy(exact / each, at, reduction="sum"))
        for each in (1.0, temperature)
    )
    return 2 * (one - best) > CHI_SQUARE


def _answers(view: View, sample: Sample, seed: int) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Logits (answers, classes), targets (answers,), steps read before and sequence of each answer, at most MOST_VALUES numbers."""
    kept: list[tuple[Tensor, Tensor, np.ndarray, np.ndarray]] = []
    every = view.read_steps is not None
    most = max(2 * LEAST, MOST_VALUES // len(view.labels))
    steps_of = [sample.length(row) for row in range(len(sample))]
    share = min(1.0, most / max(1, sum(steps_of) if every else len(sample)))
    draw, row = np.random.default_rng(seed), 0
    for part in sample.parts(outputs=len(view.labels)):
        vectors = view.embed(part.inputs)
        if view.read_steps is not None:
            outputs = view.read_steps(vectors, part.lengths)
        else:
            outputs = view.read(vectors, part.lengths)[:, None]
        for each, inputs, target in zip(outputs, part.inputs, part.targets):
            length = sample.length(row)
            if view.names_next_step:
                true = torch.cat([inputs[1:length], target.reshape(1)])
            else:
                true = target.reshape(1).expand(length if every else 1)
            chosen = np.flatnonzero(draw.random(len(true)) < share)
            if not view.names_next_step and len(true) - 1 not in chosen:
                chosen = np.append(chosen, len(true) - 1)  # the answer to the whole sequence always counts
            read = chosen + 1 if every else np.full(len(chosen), length)
            kept.append((each[chosen].float().cpu(), true[chosen].cpu(), read, np.full(len(chosen), row)))
            row += 1
    logits, targets, read_before, rows = zip(*kept)
    return torch.cat(logits), torch.cat(targets), np.concatenate(read_before), np.concatenate(rows)


def _by_chance(confidence: np.ndarray, draw: np.random.Generator) -> float:
    """The error where the answers are right as often as the network says."""
    return calibration_error(confidence, draw.random(len(confidence)) < confidence)


def _weights(rows: np.ndarray, kept: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """How often each answer counts where whole sequences are drawn anew."""
    counts = np.bincount(draw.integers(0, len(kept), len(kept)), minlength=len(kept))
    return np.asarray(counts[np.searchsorted(kept, rows)], np.float64)


def _parts(steps: np.ndarray, confidence: np.ndarray, right: np.ndarray, draw: np.random.Generator) -> list[dict[str, float]]:  # fmt: skip
    """Calibration by how many steps were read before, in parts of about as many answers."""
    edges = np.unique(np.quantile(steps, np.linspace(0, 1, PLACES + 1)).astype(int))
    edges[-1] += 1
    found = []
    for first, after in zip(edges[:-1], edges[1:]):
        inside = (steps >= first) & (steps < after)
        if inside.sum() >= LEAST:
            found.append({
                "from": int(first), "upto": int(after - 1), "answers": int(inside.sum()),
                "error": calibration_error(confidence[inside], right[inside]), "chance": _by_chance(confidence[inside], draw),
                "right": float(right[inside].mean()), "confidence": float(confidence[inside].mean()),
            })  # fmt: skip
    return found


def _steps(part: dict[str, float]) -> str:
    return f"{part['from']} to {part['upto']}" if part["upto"] > part["from"] else f"{part['from']}"


def _chart(confidence: np.ndarray, right: np.ndarray, parts: list[dict[str, float]]) -> dict[str, object]:
    """The reliability diagram, and under it confidence and right answers by position."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    x, y = "confidence (%)", "right (%)"
    rows = [
        {x: 100 * float(confidence[part].mean()), y: 100 * float(right[part].mean()), "which": "this network"}
        for part in bins
    ]
    ends = (rows[0][x], rows[-1][x])
    rows += [{x: end, y: end, "which": "as sure as right"} for end in ends]
    diagram = lines(rows, x, y, "which", title="How often it is right, by how sure it is")
    if len(parts) < 2:
        return diagram
    along = [
        {"steps read": part["from"], "share (%)": 100 * part[what], "which": what} for part in parts for what in ("confidence", "right")
    ]  # fmt: skip
    return stack(
        diagram, lines(along, "steps read", "share (%)", "which", height=150, title="Along the sequence")
    )
