"""What a question costs, told before it is asked, and how far it has come.

The unit is a pass: the whole sample read once; one with gradients counts three. Seconds are the passes at the pace of a first small
read, so they are a guess: by a factor of two on a busy machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation import attribution, connectivity, context, dynamics, interventions, memory, probes
from elman.interpretation.needs import answerable
from elman.interpretation.stepping import Stepping
from elman.interpretation.view import Sample, View, untouched

# Sequences: enough for an interval, quick on two cores. What is not named here is asked of READ sequences.
SIZES = {
    "memory": 400,
    "context": 400,
    "connectivity": 50,
    "attribution": 50,
    "gates": 200,
    "errors": 400,
    "calibration": 400,
    "dynamics": 40,
    "probes": 100,
    "interventions": 60,
    "units": 100,
    "spans": 100,
    "saturation": 100,
    "behaviour": 300,
}
READ = 8
LOOP = 1.5  # times the seconds of a pass where every gate is read, or a plain loop runs the cell
RATE = 4e10  # multiplications a second, in float64: of two cores
TRIED = 16  # sequences that are read to learn the pace


@dataclass(frozen=True)
class Cost:
    """What a question is asked of, and what it takes: passes over the sample, and about how many seconds (None: unknown)."""

    question: str
    sequences: int
    longest: int
    passes: float | None
    seconds: float | None

    def __str__(self) -> str:
        plural = "s" if self.sequences != 1 else ""
        text = f"{self.question}: {self.sequences:,} sequence{plural} of up to {self.longest:,} step{'s' * (self.longest != 1)}"
        if self.passes is not None:
            text += f", about {max(1, round(self.passes)):,} pass{'es' * (round(self.passes) > 1)} over them"
        if self.seconds is not None:
            text += f", about {max(1, round(self.seconds)):,} s"
        return text


class Watch(Protocol):
    """Who hears what a question costs, and how far it has come."""

    def asking(self, cost: Cost) -> None:
        """A question is about to be asked."""

    def answering(self, share: float) -> None:
        """So much of the work is done, from 0 to 1."""


def ask(
    question: str,
    analysis: Callable[..., Finding | None],
    view: View,
    sample: Sample,
    watch: Watch | None = None,
) -> Finding | None:
    """The analysis of this view and sample; `watch` hears first what it costs, then how far it is.

    Options of the analysis that its cost hangs on are taken from `analysis` where it is a partial.
    """
    if watch is None or not answerable(question, view):
        return analysis(view, sample)
    options = analysis.keywords if isinstance(analysis, partial) else {}
    watch.asking(cost(question, view, sample, **options))
    try:
        return analysis(Meter(question, view, sample, watch.answering, **options).view, sample)
    finally:
        watch.answering(1.0)


@contextmanager
def whole_split(
    question: str, view: View, sample: Sample, lengths: np.ndarray, watch: Watch | None, passes: float = 1.0
) -> Iterator[None]:
    """`watch` hears what a question to all sequences of a split costs, of so many steps each, and how much of that the network has read inside.

    `sample` is a part of them, as many as are read at once: the pace is learnt from it.
    """
    if watch is None:
        yield
        return
    expected, done = passes * float(lengths.sum()), 0.0
    watch.asking(
        Cost(
            question, len(lengths), int(lengths.max()), passes, expected * pace_of(view, sample, len(sample))
        )
    )

    def count(_: Any, given: Any, __: Any) -> None:
        nonlocal done
        done += float(given[0].shape[:2].numel())
        watch.answering(min(1.0, done / expected))

    handle = view.model.register_forward_hook(count)
    try:
        yield
    finally:
        handle.remove()
        watch.answering(1.0)


def part_of(question: str, sample: Sample, seed: int = 0, size: int | None = None) -> Sample:
    """As many sequences as the question is asked of, drawn under a seed; all where there are no more."""
    size = SIZES.get(question, READ) if size is None else size
    if len(sample) <= size:
        return sample
    rows = np.sort(np.random.default_rng(seed).permutation(len(sample))[:size])
    kept = torch.from_numpy(rows)
    lengths = None if sample.lengths is None else sample.lengths[kept.to(sample.lengths.device)]
    inputs, targets = (each[kept.to(each.device)] for each in (sample.inputs, sample.targets))
    return Sample(inputs, lengths, targets, sample.rows[rows])


def passes(question: str, view: View, sample: Sample, **options: Any) -> float | None:
    """Passes over the sample that a question takes, those with gradients counted three times; None where nobody counted.

    `options` are those of attribution, whose cost hangs on its method and on those it compares, and the tests of behaviour.
    """
    longest = _longest(sample)
    if question in ("readout", "errors", "gates", "units", "spans", "calibration"):
        return 1.0
    if question in ("probes", "saturation"):
        return 1.0 + view.has_weights  # once more with the weights shuffled
    if question == "memory":
        tried = memory.lengths_tried(longest)
        halved = 3 if len(tried) < longest else 0  # around the horizon, on the average
        return len(tried) + sum(tried) / longest + 2 * halved
    if question == "context":
        return 4.0 * len(context.distances(longest))
    if question == "interventions":
        try:
            units = len(interventions.units_of(view))
        except RecipeError:  # no layer whose state could be edited: it is not asked
            return None
        sets = len(interventions.sizes_of(units)) * (1 + interventions.DRAWS)
        return 0.5 * (1 + 3 + 1 + sets)  # each half of the sample has its own part in it
    if question == "connectivity":
        outputs = len(view.labels)  # passes forward are seen, those back with each output are not
        return (1.0 + view.has_weights) * (
            1 + 2 * (outputs if 0 < outputs <= connectivity.ALL else connectivity.DRAWN if outputs else 1)
        )
    if question == "attribution":
        return attribution.passes(view, sample, **options)
    if question == "behaviour":  # all examples as they are, and once for each test
        return 1.0 + len(options.get("tests", ()))
    return None


def cost(question: str, view: View, sample: Sample, pace: float | None = None, **options: Any) -> Cost:
    """What asking will take; `pace` is the seconds that one step of one sequence takes (see `pace_of`), measured if not given."""
    longest, seconds = _longest(sample), None
    with untouched(view):
        count = None if question == "dynamics" else passes(question, view, sample, **options)
        if question == "dynamics" and view.stepping is not None:
            seconds = _seconds_of_dynamics(view, sample, sought=options.get("inputs") != {})
        elif count is not None:
            pace = pace_of(view, sample) if pace is None else pace
            slower = (
                LOOP
                if question in ("gates", "probes", "interventions", "units", "spans", "saturation")
                else 1.0
            )
            if question == "attribution":
                slower = attribution.passes(view, sample, beside=True, **options) / count
            seconds = count * slower * pace * _steps(sample) + (
                _seconds_of_probes(view, sample) if question == "probes" else 0.0
            )
    return Cost(question, len(sample), longest, count, seconds)


def pace_of(view: View, sample: Sample, tried: int = TRIED) -> float:
    """Seconds that one step of one sequence takes to read, from reading a few."""
    few = sample.part(0, min(tried, len(sample))).to(view.device)
    with untouched(view), torch.no_grad():
        began = time.perf_counter()
        view.read(view.embed(few.inputs), few.lengths)
        return (time.perf_counter() - began) / _steps(few)


class Meter:
    """A view that counts what it reads: `view` is to be asked, `told` hears the share of the expected that is done."""

    def __init__(
        self, question: str, view: View, sample: Sample, told: Callable[[float], None], **options: Any
    ) -> None:
        self.done, self.told = 0.0, told
        if question == "dynamics":  # nothing is expected where there is nothing to ask
            self.unit, self.expected = (
                1.0,
                0.0
                if view.stepping is None
                else float(dynamics.steps_made(view, sample, sought=options.get("inputs") != {})),
            )
        else:
            with untouched(view):
                self.expected = passes(question, view, sample, **options) or 0.0
            self.unit = 1.0 / _steps(sample)
        self.view = replace(
            view,
            read=self._counting(view.read),
            read_steps=None if view.read_steps is None else self._counting(view.read_steps),
            trace=self._counting(view.trace),
            stepping=None if view.stepping is None else self._stepping,
        )
        self.stepping = view.stepping

    def _add(self, work: float) -> None:
        self.done += work * self.unit
        if self.expected:
            self.told(min(1.0, self.done / self.expected))

    def _counting(self, of: Callable[[Tensor, Tensor | None], Any]) -> Callable[[Tensor, Tensor | None], Any]:
        def counted(inputs: Tensor, lengths: Tensor | None) -> Any:
            found = of(inputs, lengths)
            steps = inputs.shape[0] * inputs.shape[1] if lengths is None else int(lengths.sum())
            self._add(3.0 * steps if torch.is_grad_enabled() else float(steps))
            return found

        return counted

    def _stepping(self) -> tuple[Stepping, Callable[[Tensor], Tensor]]:
        assert self.stepping is not None
        stepping, read = self.stepping()

        def step(state: Tensor, x: Tensor) -> Tensor:
            self._add(1.0)
            return stepping.step(state, x)

        return replace(stepping, step=step), read


def _seconds_of_probes(view: View, sample: Sample) -> float:
    """Of the readouts: a decomposition for each network and each lag that needs states of its own."""
    with torch.no_grad():
        one = sample.part(0, 1).to(view.device)
        size = sum(values.shape[-1] for values in probes.state_of(view.trace(one.inputs, one.lengths)))
    asked, shared = (lag for lag in probes.LAGS if lag < _longest(sample)), probes.shared_lag(sample)
    fits = len({max(lag, shared) for lag in asked})
    rows = min(probes.STATES, _steps(sample) // 2)
    less, more = min(size, rows), max(size, rows)
    return (1 + view.has_weights) * fits * (more * less**2 + 9 * less**3) / RATE


def _seconds_of_dynamics(view: View, sample: Sample, *, sought: bool) -> float:
    """From one step of each kind that dynamics takes many of, and from what its matrices take."""
    assert view.stepping is not None
    with torch.no_grad():
        stepping, _ = view.stepping()
    directions = dynamics.exponents(stepping.size)
    spectrum, points = min(dynamics.SEQUENCES, len(sample)), min(dynamics.STARTS, _steps(sample))
    seconds = []
    kinds = [(spectrum, directions), (points, 1), (1, stepping.size)] if sought else [(spectrum, directions)]
    # The first of each is not counted: torch loads what it needs.
    for count, kept in kinds:
        states = stepping.start.repeat(count, 1)
        inputs = torch.zeros(count, stepping.features, dtype=states.dtype)
        along = torch.ones(count, stepping.size, kept, dtype=states.dtype)
        for _ in range(2):
            began = time.perf_counter()
            stepping.push(states, inputs, along)
            spent = time.perf_counter() - began
        seconds.append(spent)
    pushed, descended, whole = (*seconds, 0.0, 0.0)[:3]
    steps = min(dynamics.STEPS, _longest(sample))
    every = steps * spectrum if directions == stepping.size else 0
    spread = 20 * stepping.size**3 / RATE  # of the states, in their principal directions
    return 2 * steps * pushed + 400 * descended + (2 * every + 8 * 5) * whole + spread


def _longest(sample: Sample) -> int:
    return max(sample.length(row) for row in range(len(sample)))


def _steps(sample: Sample) -> int:
    return sum(sample.length(row) for row in range(len(sample)))
