"""Readout: what the network would answer if the sequence ended at each step.

For counts (classes 1, 2, 3+) the expected count climbs like a staircase, also where a network was trained on whole sequences only. For a
language model, whose answer at each step is the next one, it is the surprise -log2 p(step | those before) in bits (Shannon 1951).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.core.results import Finding
from elman.interpretation.pictures import coloured, lines, steps
from elman.interpretation.view import Sample, View, untouched

STAIRS = 40  # longest sequence drawn as a staircase; longer ones are coloured text
COUNT = "expected count"
SHOWN_STEPS = 200  # of a sequence that is shown as text


def readout(view: View, sample: Sample, *, shown: int = 4) -> Finding | None:
    """The answer after every step for a few sequences; None where the network has no such readout."""
    if view.read_steps is None or view.step_names is None:
        return None
    sample = sample.to(view.device)
    outputs: list[Tensor] = []
    with untouched(view), torch.no_grad():
        for part in sample.parts(outputs=max(1, len(view.labels))):
            outputs += [each.float().cpu() for each in view.read_steps(view.embed(part.inputs), part.lengths)]
    if view.names_next_step:
        return _surprise(view, sample, outputs, shown)
    answers, y, what = _answers(view, sample, outputs)
    climbs = [float(np.abs(np.diff(answer)).max()) if len(answer) > 1 else 0.0 for answer in answers]
    sentence = (
        f"{what} as the sequence is read: in {len(answers)} sequences the largest single step changes it by "
        f"{np.mean(climbs):.2f} on average, {max(climbs):.2f} at most. Each is what it would answer if the sequence ended there; "
        "where whole sequences alone were learnt from, nobody told it these."
    )
    title, count = "Readout along the sequence", f"{len(sample)} sequences"
    arrays = {f"answer.{row}": answer for row, answer in enumerate(answers)}
    few = range(min(shown, len(sample)))
    if max(sample.length(row) for row in few) > STAIRS:
        text = "".join(_changes(view, sample, row, answers[row]) for row in few)
        told = f"<p><small>{html.escape(y)}, and the steps that {coloured(['raised'], [1.0], 1.0)} or {coloured(['lowered'], [-1.0], 1.0)} it:</small></p>"
        return Finding("readout", title, sentence, sample=count, html=told + text, arrays=arrays)
    rows = []
    for row in few:
        names = view.step_names(sample.inputs[row][: sample.length(row)])
        whole = f"{row + 1}. {_joined(names)[:40]}{_target(view, sample, row)}"
        rows += [
            {"place": place, "step": name, y: float(value), "sequence": whole}
            for place, (name, value) in enumerate(zip(names, answers[row]))
        ]
    chart = steps(
        rows,
        "step",
        y,
        "sequence",
        title=f"{y[0].upper()}{y[1:]}, if it ended here",
        whole_numbers=y == COUNT,
    )
    return Finding("readout", title, sentence, sample=count, chart=chart, arrays=arrays)


def counts(labels: Sequence[str]) -> np.ndarray | None:
    """What the classes count (classes,), for "1", "2", "3+"; None where they count nothing.

    Digits alone are names as often as counts (nine speakers, ten digits); a last class that is open, "6+", says that they count.
    """
    numbers = [label.rstrip("+") for label in labels]
    counted = len(numbers) > 1 and labels[-1].endswith("+") and all(number.isdigit() for number in numbers)
    return np.array([float(number) for number in numbers]) if counted else None


def _answers(view: View, sample: Sample, outputs: list[Tensor]) -> tuple[list[np.ndarray], str, str]:
    """Per sequence the numbers to draw (steps,), what they are, and how a sentence about them begins."""
    valid = [each[: sample.length(row)] for row, each in enumerate(outputs)]
    if not view.labels:
        return (
            [each[:, 0].numpy() for each in valid],
            "prediction (training deviations)",
            "The predicted value forms",
        )
    shares = [each.softmax(-1).numpy() for each in valid]
    count = counts(view.labels)
    if count is not None:
        return [each @ count for each in shares], COUNT, "The expected count climbs"
    true = [int(target) for target in sample.targets]
    if len(view.labels) == 2:
        label = view.labels[1]
        return [each[:, 1] for each in shares], f"p({label})", f"The probability of {label!r} forms"
    return (
        [each[:, number] for each, number in zip(shares, true)],
        "p(true class)",
        "The probability of the true class forms",
    )


def _target(view: View, sample: Sample, row: int) -> str:
    """What is true of one sequence, for its heading; nothing where the network predicts a number."""
    return f" (true: {view.labels[int(sample.targets[row])]})" if view.labels else ""


def _joined(names: list[str]) -> str:
    return ("" if all(len(name) <= 1 for name in names) else " ").join(names)


def _changes(view: View, sample: Sample, row: int, answer: np.ndarray) -> str:
    """A long sequence as text: every step coloured by how much reading it moved the answer."""
    assert view.step_names is not None
    names = view.step_names(sample.inputs[row][: sample.length(row)])[-SHOWN_STEPS:]
    moved = np.diff(answer, prepend=answer[0])[-SHOWN_STEPS:]
    text = coloured(names, moved.tolist(), float(np.abs(moved).max()))
    head = f"{answer[0]:.2f} → {answer[-1]:.2f}"
    before = "… " if len(answer) > SHOWN_STEPS else ""
    return f"<p><b>{head}</b> {before}{text}</p>"


def _surprise(view: View, sample: Sample, outputs: list[Tensor], shown: int) -> Finding:
    """Bits that each step after the first cost the model, as coloured text and by position in the sequence."""
    assert view.step_names is not None
    bits = []
    for row, each in enumerate(outputs):
        length = sample.length(row)
        told = sample.inputs[row, 1:length].cpu()
        each_step = -each[: length - 1].double().log_softmax(-1).gather(1, told[:, None])[:, 0]
        bits.append(each_step.numpy() / np.log(2))
    everything = np.concatenate(bits)
    scale = float(np.quantile(everything, 0.99)) if len(everything) else 1.0
    pieces = ["<p><small>The darker a step, the more it surprised the network.</small></p>"]
    for row in range(min(shown, 3, len(sample))):
        names = view.step_names(sample.inputs[row][: sample.length(row)])[1:][:SHOWN_STEPS]
        pieces.append(
            f"<p>{coloured(names, bits[row][: len(names)].tolist(), scale, ' bits')}"
            f"{' …' if len(bits[row]) > SHOWN_STEPS else ''}</p>"
        )
    rows: list[dict[str, Any]] = []
    longest = max(len(each) for each in bits)
    edges = np.unique(np.geomspace(1, longest + 1, 14).round().astype(int))
    for first, last in zip(edges[:-1], edges[1:]):
        inside = np.concatenate([each[first - 1 : last - 1] for each in bits])
        rows.append({"steps read before": int(first), "surprise (bits per step)": float(inside.mean())})
    costly = float(np.sort(everything)[-max(1, len(everything) // 10) :].sum() / max(everything.sum(), 1e-12))
    sentence = (
        f"Each step surprises it by {everything.mean():.2f} bits on average: {rows[0]['surprise (bits per step)']:.2f} after one "
        f"step read, {rows[-1]['surprise (bits per step)']:.2f} after {edges[-2]} or more. The most surprising tenth of the steps "
        f"carries {costly:.0%} of all bits."
    )
    return Finding(
        "readout", "Surprise along the text", sentence, float(everything.mean()), "bits per step", sample=f"{len(sample)} sequences",
        chart=lines(rows, "steps read before", "surprise (bits per step)", log_x=True, title="How surprise changes as the text is read")
        if len(rows) > 2 else None,
        html="".join(pieces), arrays={f"bits.{row}": each for row, each in enumerate(bits)},
    )  # fmt: skip
