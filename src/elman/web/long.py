"""Questions about a long sequence: what they cost is measured before, and those that would keep the page waiting run as jobs.

Such a job asks a copy of the network, so that the page goes on meanwhile, and reads in pieces: it says how far it is, ends where it is
cancelled, and holds the gates of one piece.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.core.errors import ElmanError
from elman.interpretation.pieces import in_pieces
from elman.interpretation.view import View, untouched
from elman.web.jobs import Job
from elman.web.sequence import sequence_of
from elman.web.subject import Subject

SHORT = 1_000  # steps up to which a question is answered without a look at what it costs
LONG = 4_000  # steps from which curves have fewer points
PATIENCE = 1.5  # seconds that one may take on the page itself
TRIED = 500  # steps that are read to learn the pace


@dataclass(frozen=True)
class Work:
    """What a question takes of a sequence: how often it is read, and what that costs, in passes without gradients."""

    reads: float
    passes: float


_paces: WeakKeyDictionary[Subject, float] = WeakKeyDictionary()
Weigh = Callable[[View, int], Work]  # of a sequence of so many steps


@dataclass(frozen=True)
class Cost:
    """Of one question: its steps, how many it reads in all, about how many seconds."""

    steps: int
    reads: float
    seconds: float


def cost(subject: Subject, body: Mapping[str, Any], weigh: Weigh) -> Cost | None:
    """What a question takes, or None where it is answered at once. Short sequences cost nothing to look at."""
    if _at_most(subject, body) < SHORT:
        return None
    try:
        given = sequence_of(subject, body)
    except ElmanError:
        return None  # it is refused where it is answered
    count, work = int(given.inputs.shape[1]), weigh(subject.view, int(given.inputs.shape[1]))
    seconds = _pace(subject, given.inputs) * count * work.passes
    return Cost(count, count * work.reads, seconds) if seconds > PATIENCE else None


def _pace(subject: Subject, inputs: Tensor) -> float:
    """Seconds that a step of a pass takes; measured once."""
    if subject not in _paces:
        view, spent = subject.view, []
        with subject.lock, untouched(view), torch.no_grad():
            for _ in range(3):  # torch loads what it needs in the first
                began = time.perf_counter()
                view.read(view.embed(inputs[:, :TRIED]), None)
                spent.append(time.perf_counter() - began)
        _paces[subject] = min(spent) / min(TRIED, inputs.shape[1])
    return _paces[subject]


def _at_most(subject: Subject, body: Mapping[str, Any]) -> int:
    """No fewer steps than the sequence has; 0 where it is none."""
    text, key = body.get("text"), body.get("series")
    if isinstance(text, str):
        return len(text)
    try:
        return len(subject.kept(key)) if isinstance(key, str) else 0
    except ElmanError:
        return 0


def answered(subject: Subject, body: Mapping[str, Any], ask: Any, cost: Cost, job: Job) -> Any:
    """The answer to a question, found beside the page."""
    words, done = f"reading {cost.steps:,} steps, about {max(1, round(cost.seconds)):,} s", 0.0

    def told(steps: float) -> None:
        nonlocal done
        done += steps
        job(min(0.99, done / cost.reads), words)

    job(0.0, words)
    other = subject.aside
    with other.lock, in_pieces(other.view.model, told):
        return ask(other, body)
