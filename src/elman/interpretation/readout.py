"""Readout: what the network would answer if the sequence ended at each step.

For counts (classes 1, 2, 3 ...) the expected count climbs like a staircase, though the network was trained on whole sequences only.
"""

from __future__ import annotations

import numpy as np
import torch

from elman.core.results import Finding
from elman.interpretation.pictures import steps
from elman.interpretation.view import Sample, View, untouched


def readout(view: View, sample: Sample, *, shown: int = 5) -> Finding | None:
    """The answer after every step for a few sequences; None where the network has no such readout."""
    if view.read_steps is None or view.step_names is None:
        return None
    few = sample.part(0, min(shown, len(sample)))
    with untouched(view), torch.no_grad():
        outputs = view.read_steps(view.embed(few.inputs), few.lengths)
    numbers = [label.rstrip("+") for label in view.labels]
    counts = bool(numbers) and all(number.isdigit() for number in numbers)
    if len(view.labels) > 60:
        return None
    rows, climbs = [], []
    for row in range(len(few)):
        length = outputs.shape[1] if few.lengths is None else int(few.lengths[row])
        names = view.step_names(few.inputs[row][:length])[-60:]
        values, y = _answer(outputs[row, :length], numbers if counts else [], view.labels, few.targets[row])
        values = values[-60:]
        climbs.append(float(np.abs(np.diff(values)).max()) if len(values) > 1 else 0.0)
        title = ("" if all(len(name) == 1 for name in names) else " ").join(names)
        rows += [
            {"place": place, "step": name, y: float(value), "sequence": title[:40]}
            for place, (name, value) in enumerate(zip(names, values))
        ]
    what = (
        "The expected count climbs in steps as the sequence is read"
        if counts
        else "The answer forms as the sequence is read"
    )
    sentence = f"{what}; the largest single step changes it by {max(climbs):.2f}. The network was trained on whole sequences only."
    return Finding(
        "readout",
        "Readout along the sequence",
        sentence,
        sample=f"{len(few)} sequences",
        chart=steps(rows, "step", y, "sequence"),
    )


def _answer(
    outputs: torch.Tensor, numbers: list[str], labels: tuple[str, ...], target: torch.Tensor
) -> tuple[np.ndarray, str]:
    """(steps,) numbers to draw and what they are: expected count, probability of the true class, or the value."""
    if not labels:
        return outputs[:, 0].numpy(), "prediction (training deviations)"
    shares = outputs.softmax(-1).numpy()
    if numbers:
        return shares @ np.array([float(number) for number in numbers]), "expected count"
    return shares[:, int(target)], f"p({labels[int(target)]})" if len(labels) == 2 else "p(true class)"
