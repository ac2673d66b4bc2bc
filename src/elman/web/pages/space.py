"""Space: how the state moves in its principal components, where it rests, how fast it forgets; runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from elman.core.errors import RecipeError, RunError, UserError
from elman.core.results import Finding
from elman.interpretation.cost import SIZES, Cost, ask
from elman.interpretation.dynamics import dynamics
from elman.interpretation.plane import placed, way
from elman.interpretation.view import View
from elman.report.page import badges
from elman.training.checkpoint import load_model, load_weights
from elman.web.jobs import Job
from elman.web.pages.contract import Page
from elman.web.pages.play import FIRST
from elman.web.sequence import sequence_of
from elman.web.subject import Subject
from elman.web.thin import thin

CHECKPOINTS = {"best": load_weights, "last": load_model}
PATHS, LONG = 12, 200  # trajectories that are sent, and points of each
VALUES = 40  # eigenvalues of a point that are sent, largest first
COMPONENTS = 10  # whose share of the variance is told


@dataclass(frozen=True)
class Seen:
    """What was found of one checkpoint, and its network, so that the user's own sequence can be placed in it."""

    view: View
    finding: Finding
    changed: float


_seen: WeakKeyDictionary[Subject, dict[str, Seen]] = WeakKeyDictionary()


def shown(subject: Subject) -> dict[str, Any]:
    """The runs that can stand side by side, with the checkpoints of each, and a first sequence."""
    found = []
    for name in subject.shelf.names():
        folder = subject.shelf.place / name / "checkpoints"
        there = [each for each in CHECKPOINTS if (folder / f"{each}.safetensors").exists()]
        if there:
            found.append({"name": name, "checkpoints": there})
    source = subject.run.recipe.data.source
    return {"runs": found, "first": FIRST.get(source) or FIRST.get(subject.task) or ""}


def look(subject: Subject, body: Mapping[str, Any], told: Job) -> dict[str, Any]:
    """The dynamics of one checkpoint on its own validation sequences, as the plane's paths, points, and spectra."""
    which = _checkpoint(body)
    seen = _seen.get(subject, {}).get(which)
    changed = _changed(subject, which)
    if seen is None or seen.changed != changed:
        told(0.02, "reading the run's data")
        run = subject.run
        # A network of its own: what an analysis does to weights while it runs is seen by nobody else.
        network = run.task.network(run.encoder, run.recipe)
        CHECKPOINTS[which](network, _file(subject, which))
        view = run.task.view(network.eval(), run.encoder, run.recipe)
        if view.stepping is None:
            raise RecipeError(
                f"{run.name} reads from both ends; it has no one state that goes from step to step."
            )
        encoded = run.task.encode(subject.dataset, run.recipe, run.encoder)
        sample = run.task.sample(encoded, "validation", SIZES["dynamics"], run.recipe.training.seed)
        finding = ask("dynamics", dynamics, view, sample, Watching(told))
        assert finding is not None
        finding.arrays["lengths"] = np.array([sample.length(row) for row in range(len(sample))])
        seen = Seen(view, finding, changed)
        _seen.setdefault(subject, {})[which] = seen
    return _told(seen.finding)


class Watching:
    """Tells the job what a question costs and how far it is; a cancelled job ends there."""

    def __init__(self, told: Job) -> None:
        self.told, self.words = told, "following the state"

    def asking(self, cost: Cost) -> None:
        """Say about how long it takes."""
        if cost.seconds is not None:
            self.words += f", about {max(1, round(cost.seconds)):,} s"
        self.told(0.1, self.words)

    def answering(self, share: float) -> None:
        """So much is done."""
        self.told(0.1 + 0.9 * share, self.words)


def _told(finding: Finding) -> dict[str, Any]:
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
    for point, row in zip(points, rows):
        point |= {"kind": row["point"], "stable": row["stable"] == "yes"}
    spectrum = np.where(np.isfinite(arrays["exponents"]), arrays["exponents"], np.nan).mean(0)
    variance = arrays["variance"]
    return {
        "sentence": finding.sentence, "badges": badges(finding), "paths": paths, "points": points[: len(rows)],
        "exponents": spectrum, "variance": variance[:COMPONENTS] / max(float(variance.sum()), 1e-300), "table": rows,
    }  # fmt: skip


def path(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The user's own sequence in the plane of what was found before: its steps, and where the state was after each."""
    seen = _seen.get(subject, {}).get(_checkpoint(body))
    if seen is None:
        raise UserError(f"look at {subject.name} first.")
    given = sequence_of(subject, body)
    found = way(seen.view, seen.finding, given.inputs)
    if len(found) != given.inputs.shape[1]:  # read in patches: the state stands still within one
        found = np.repeat(found, -(-given.inputs.shape[1] // len(found)), 0)[: given.inputs.shape[1]]
    return {"steps": given.steps, "path": found[given.places]}


def _checkpoint(body: Mapping[str, Any]) -> str:
    which = body.get("checkpoint", "best")
    if which not in CHECKPOINTS:
        raise UserError(f"checkpoint {which!r}; expected one of {', '.join(CHECKPOINTS)}.")
    return str(which)


def _file(subject: Subject, which: str) -> Any:
    return subject.run.folder / "checkpoints" / f"{which}.safetensors"


def _changed(subject: Subject, which: str) -> float:
    try:
        return float(_file(subject, which).stat().st_mtime)
    except OSError:
        raise RunError(f"{subject.name} has no {which} checkpoint.") from None


page = Page(shown, {"path": path}, {"look": look}, place=30)
