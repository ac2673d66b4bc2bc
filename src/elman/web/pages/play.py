"""Play: the answer as you type, token by token."""

from __future__ import annotations

from typing import Any

from elman.core.errors import RunError
from elman.web.pages.contract import Page
from elman.web.subject import Subject

# A first sequence to look at, until the user types one.
FIRST = {"syllables": "elephant", "language_modelling": "The "}


def shown(subject: Subject) -> dict[str, Any]:
    """What kind of sequence to type, a first one, and what the answers are called."""
    source = subject.run.recipe.data.source
    labels = list(subject.view.labels)
    return {
        "kind": subject.kind, "task": subject.task, "first": FIRST.get(source) or FIRST.get(subject.task) or "",
        "labels": labels if len(labels) <= 50 else [], "verdict": _verdict(subject),
        "steps_read": subject.view.read_steps is not None,
    }  # fmt: skip


def _verdict(subject: Subject) -> str:
    """The verdict in one sentence, from the run's scores."""
    try:
        scores = subject.run.scores
    except RunError:
        return ""
    return str((scores.get("test") or scores.get("validation") or {}).get("verdict", ""))


page = Page(shown, place=0)
