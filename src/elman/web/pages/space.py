"""Space: how the state moves in its principal components, where it rests, how fast it forgets; runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError, UserError
from elman.core.results import Finding
from elman.interpretation.cost import ask, part_of
from elman.interpretation.dynamics import SEQUENCES, STEPS, dynamics
from elman.interpretation.fixed_points import TOLERANCE
from elman.interpretation.plane import PIECE, pieces, placed, way
from elman.interpretation.stepping import Stepping
from elman.interpretation.view import Sample, View
from elman.report.page import badges
from elman.run import BEST
from elman.web.jobs import Job
from elman.web.long import in_time
from elman.web.pages.contract import Page
from elman.web.sequence import Sequence, sequence_of
from elman.web.subject import Subject, address_of
from elman.web.thin import thin
from elman.web.watch import Watching

PATHS, LONG = 12, 200  # trajectories that are sent, and points of each
VALUES = 40  # eigenvalues of a point that are sent, largest first
# Why a network has no one state: dynamics need one recurrent layer, or stack of them, that reads forward.
WHY = "it reads from both ends, or its steps are made by more than one layer or by none that is known here"
LARGE = 1_000  # numbers of a state above which no points are sought: each takes a matrix of its square, and its eigenvalues
ROOM = (
    2**25
)  # numbers of states that are followed, 256 MiB; where they are principal components a few times as much is held
COMPONENTS = 10  # whose share of the variance is told


@dataclass(frozen=True)
class Seen:
    """What was found, and the network that it was found of as a step, and what it reads, so that the user's own sequence can be placed in it."""

    finding: Finding
    stepping: Stepping
    read: Callable[[Tensor], Tensor]
    cut: str


_seen: WeakKeyDictionary[Subject, Seen] = WeakKeyDictionary()


def shown(subject: Subject) -> dict[str, Any]:
    """What can stand side by side: runs, checkpoints of each, and a model; and a first sequence."""
    found: list[dict[str, Any]] = []
    for name in subject.shelf.names():
        checkpoints = subject.shelf.run(name).checkpoints
        if BEST in checkpoints:
            found.append({"address": address_of("runs", name), "title": name, "run": name})
        for each in checkpoints:
            if each != BEST:
                address = address_of("runs", f"{name}@{each}")
                found.append({"address": address, "title": f"{name}, {each} weights", "run": name})
    if subject.shelf.model is not None:
        model = subject.shelf.model
        found.append({"address": model.address, "title": model.title, "given": True})
    return {"subjects": found, "first": subject.first}


def _why(subject: Subject) -> str:
    """Which of the reasons it is, where that is known."""
    both = "runs" not in subject.missing and subject.run.recipe.model.bidirectional
    return "it reads from both ends, and knows all of a sequence at every step" if both else WHY


def look(subject: Subject, body: Mapping[str, Any], told: Job) -> dict[str, Any]:
    """The dynamics on the network's own validation sequences, as the plane's paths, points, and spectra."""
    seen = _seen.get(subject)
    if seen is None:
        other = subject.twin()
        with other.lock:
            if other.view.stepping is None:
                raise RecipeError(
                    f"{subject.title} has no one state that goes from step to step: {_why(subject)}."
                )
            told(0.02, "reading the data")
            sample = subject.sample("dynamics")
            stepping, read = other.view.stepping()
            seek = dynamics if stepping.size <= LARGE else partial(dynamics, inputs={})
            sample, cut = bounded(sample, stepping.size)
            finding = ask("dynamics", seek, other.view, sample, Watching(told, "following the state"))
            assert finding is not None
            seen = _seen[subject] = Seen(finding, stepping, read, cut)
    return drawn(seen.finding) | {"cut": seen.cut}


def bounded(sample: Sample, size: int) -> tuple[Sample, str]:
    """As much of a sample as a state of so many numbers may be followed along in memory, and a sentence where that is not all of it."""
    longest = max(sample.length(row) for row in range(len(sample)))
    few = min(len(sample), max(SEQUENCES, ROOM // (size * min(longest, STEPS))))
    steps = max(STEPS, ROOM // (size * few))
    if few == len(sample) and longest <= steps:
        return sample, ""
    part = part_of("dynamics", sample, size=few)
    lengths = None if part.lengths is None else part.lengths.clamp(max=steps)
    part = replace(part, inputs=part.inputs[:, :steps], lengths=lengths)
    said = f"the first {steps:,} steps of " if longest > steps else ""
    return part, f"Followed along {said}{few:,} sequences, as many as are held in memory at once."


def drawn(finding: Finding) -> dict[str, Any]:
    """A finding of dynamics as the page draws it."""
    arrays = finding.arrays
    paths = []
    for trajectory, length in list(zip(arrays["trajectories"], arrays["lengths"]))[:PATHS]:
        path = trajectory[:length]
        paths.append(path[thin(path[:, 0], LONG)])
    points: list[dict[str, Any]] = []
    for name in (key.removeprefix("points ") for key in arrays if key.startswith("points ")):
        states, speed, values = (arrays[f"{what} {name}"] for what in ("points", "speed", "eigenvalues"))
        for place, slow, each in zip(placed(finding, states), speed, values):
            largest = each[:VALUES]
            points.append({"place": place, "input": name, "speed": slow, "eigenvalues": np.stack([largest.real, largest.imag], 1)})  # fmt: skip
    rows = list(finding.table)
    for point in points:
        point["kind"] = "fixed" if point["speed"] <= TOLERANCE else "slow"
        point["stable"] = bool(np.all(np.linalg.norm(point["eigenvalues"], axis=1) < 1))
    spectrum = np.where(np.isfinite(arrays["exponents"]), arrays["exponents"], np.nan).mean(0)
    variance = arrays["variance"]
    return {
        "sentence": finding.sentence, "badges": badges(finding), "paths": paths, "points": points,
        "sought": bool(rows) or any(key.startswith("points ") for key in arrays), "size": len(arrays["mean"]),
        "exponents": spectrum, "variance": variance[:COMPONENTS] / max(float(variance.sum()), 1e-300), "table": rows,
    }  # fmt: skip


def path(subject: Subject, body: Mapping[str, Any]) -> Any:
    """The user's own sequence in the plane of what was found before: its steps, and where the state was after each."""
    seen = _seen.get(subject)
    if seen is None:
        raise UserError(f"look at {subject.name} first.")
    given = sequence_of(subject, body)
    with subject.lock, torch.no_grad():
        vectors = seen.read(given.inputs)
    parts = pieces(seen.stepping, seen.finding, vectors)
    count = -(-vectors.shape[1] // PIECE)
    words = "followed {done} of {total} pieces of " + f"{given.inputs.shape[1]:,} steps"
    return in_time(parts, lambda found: _along(given, np.concatenate(found)), count, words)


def placed_in(view: View, finding: Finding, subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """A sequence in the plane of a finding of dynamics."""
    given = sequence_of(subject, body)
    with subject.lock:
        return _along(given, way(view, finding, given.inputs))


def _along(given: Sequence, found: np.ndarray) -> dict[str, Any]:
    if len(found) != given.inputs.shape[1]:  # read in patches: the state stands still within one
        found = np.repeat(found, -(-given.inputs.shape[1] // len(found)), 0)[: given.inputs.shape[1]]
    return {"steps": given.steps, "path": found[given.places]}


page = Page(shown, {"path": path}, {"look": look}, place=30)
