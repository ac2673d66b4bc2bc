"""Questions about a long sequence: what they cost is measured before, and those that would keep the page waiting run as jobs.

Such a job asks a copy of the network, so that the page goes on meanwhile, and reads in pieces: it says how far it is, ends where it is
cancelled, and holds the gates of one piece.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch

from elman.core.errors import ElmanError
from elman.interpretation.pieces import in_pieces, runs_whole
from elman.interpretation.view import View, untouched
from elman.web.jobs import Job
from elman.web.sequence import sequence_of
from elman.web.subject import Subject

LONG = 4_000  # steps from which curves have fewer points
PATIENCE = 1.5  # seconds that one may take on the page itself
TRIED, ROWS = (
    200,
    32,
)  # steps that are read to learn the pace: of one sequence, and of several at once, as short ones are


@dataclass(frozen=True)
class Work:
    """What a question takes of a sequence: how often it is read, and what that costs, in passes without gradients.

    `at_once`: many versions of a short sequence are read together, which costs less for each.
    """

    reads: float
    passes: float
    at_once: bool = False


_paces: WeakKeyDictionary[Subject, tuple[float, float]] = WeakKeyDictionary()
Weigh = Callable[[View, int], Work]  # of a sequence of so many steps
T = TypeVar("T")
Told = Callable[[float, str], None]  # how far something is, 0 to 1, and with what; ends it by an error


@dataclass(frozen=True)
class Cost:
    """Of one question: its steps, how many it reads in all, about how many seconds."""

    steps: int
    reads: float
    seconds: float


def cost(subject: Subject, body: Mapping[str, Any], weigh: Weigh) -> Cost | None:
    """What a question takes, or None where it is answered at once. Short sequences of small networks cost nothing to look at."""
    most = _at_most(subject, body)
    if not most or _seconds(subject, weigh, most, body) <= PATIENCE:
        return None
    try:
        count = int(sequence_of(subject, body).inputs.shape[1]) + _behind(body)
    except ElmanError:
        return None  # it is refused where it is answered
    seconds = _seconds(subject, weigh, count, body)
    return Cost(count, count * weigh(subject.view, count).reads, seconds) if seconds > PATIENCE else None


def _seconds(subject: Subject, weigh: Weigh, count: int, body: Mapping[str, Any]) -> float:
    work, (alone, together) = weigh(subject.view, count), _pace(subject, body)
    return (together if work.at_once and count < TRIED * ROWS / 4 else alone) * count * work.passes


def _pace(subject: Subject, body: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds that a step of a pass takes in a sequence read alone, and in one of several; measured once."""
    if subject not in _paces:
        view, found = subject.view, []
        try:
            inputs = sequence_of(subject, body).inputs
        except ElmanError:
            return 0.0, 0.0
        inputs = inputs.repeat(1, -(-TRIED // inputs.shape[1]), *(1 for _ in inputs.shape[2:]))[:, :TRIED]
        with subject.lock, untouched(view), torch.no_grad():
            embedded = view.embed(inputs)
            for rows, steps in ((1, TRIED), (ROWS, TRIED // 4)):
                spent = []
                for _ in range(2):  # torch loads what it needs in the first
                    began = time.perf_counter()
                    view.read(embedded[:, :steps].expand(rows, -1, -1), None)
                    spent.append(time.perf_counter() - began)
                found.append(min(spent) / (rows * steps))
        _paces[subject] = found[0], min(found)
    return _paces[subject]


def _at_most(subject: Subject, body: Mapping[str, Any]) -> int:
    """No fewer steps than the sequence has; 0 where it is none."""
    text, key = body.get("text"), body.get("series")
    if isinstance(text, str):
        return len(text) + _behind(body)
    try:
        return len(subject.kept(key)) if isinstance(key, str) else 0
    except ElmanError:
        return 0


def _behind(body: Mapping[str, Any]) -> int:
    """Steps that stand behind the text already: what was written after it."""
    after = body.get("after")
    return len(after) if isinstance(after, list) else 0


@dataclass(frozen=True)
class Rest:
    """What is left of an answer that took longer than the page waits: told of a job, it goes on to the whole of it."""

    go_on: Callable[[Told], Any]


def whole(found: Any, told: Told) -> Any:
    """An answer to its end."""
    return found.go_on(told) if isinstance(found, Rest) else found


def in_time(parts: Iterator[T], of: Callable[[list[T]], Any], total: int, words: str) -> Any:
    """What `of` makes of all parts, of which there are `total`; where they take longer than the page waits, what is left of that.

    `words` say how far it is: "written {done} of {total} tokens".
    """
    found: list[T] = []
    until = time.monotonic() + PATIENCE
    for part in parts:
        found.append(part)
        if time.monotonic() > until and len(found) < total:
            break
    else:
        return of(found)

    def go_on(told: Told) -> Any:
        told(len(found) / total, words.format(done=len(found), total=total))
        for part in parts:
            found.append(part)
            told(len(found) / total, words.format(done=len(found), total=total))
        return of(found)

    return Rest(go_on)


def answered(subject: Subject, body: Mapping[str, Any], ask: Any, cost: Cost, job: Job) -> Any:
    """The answer to a question, found beside the page."""
    other = subject.aside
    view, done = other.view, 0.0
    words = f"reading {cost.steps:,} steps, about {max(1, round(cost.seconds)):,} s"
    with other.lock, untouched(view):
        if not view.has_weights or any(map(runs_whole, view.model.modules())):
            words += ", each time in one go"  # a bare step function, or layers that cannot be cut: the bar moves after each

    def told(steps: float) -> None:
        nonlocal done
        done += steps
        job(min(0.99, done / cost.reads), words)

    job(0.0, words)
    with other.lock, in_pieces(view.model, told):
        return whole(ask(other, body), job)
