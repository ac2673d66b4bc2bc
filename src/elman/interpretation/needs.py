"""Needs: what each question needs of a network and its sequences, said where it has no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.interpretation.view import View

# Questions that may have no answer; the others answer always.
NEEDS = {
    "readout": "an answer after every step, and names for the steps",
    "errors": "targets other than its own answers",
    "calibration": "classes, one answer for each sequence or step, and at least 30 answers",
    "context": "a network that reads from both ends and answers at every step, such as a tagger (of others, ask memory)",
    "connectivity": "an answer about the last step that it has read (of a network that answers in the middle, ask context), and a vector for every step",
    "attribution": "a vector for every step that is read",
    "dynamics": "one stack of recurrent layers, with biases, that reads forward",
    "probes": "a state for every step that is read, and some sequences longer than what is asked",
    "interventions": "recurrent layers of which a unit can be held",
    "units": "a state for every step that is read, and something that changes along the sequences and that a unit could follow",
    "spans": "a state for every step that is read, and sequences with enough spans to choose from",
    "saturation": "gates, or states that are bounded",
    "behaviour": "series of numbers, or a suite of your own whose changes are functions (row, random numbers) -> row",
}
NO_LAST_STEP = (
    "it reads from both ends, so no step is the last one that it has read (context says how far it looks)"
)
READS_FROM_BOTH_ENDS = "it reads from both ends, so no state follows from the one before alone"


def answerable(question: str, view: View) -> bool:
    """Whether the network may have an answer, as far as that can be seen without reading anything: what has none, costs nothing."""
    without = {
        "readout": view.read_steps is None or view.step_names is None,
        "calibration": len(view.labels) < 2 or view.asked is not None,
        "context": view.asked is None,
        "connectivity": view.asked is not None,
        "dynamics": view.stepping is None,
    }
    return not without.get(question, False)


def unanswered(question: str, name: str) -> str:
    """Why a question that has no answer has none for the network called `name`."""
    need = NEEDS.get(question)
    return f"{question} has no answer for {name}" + (f": it needs {need}." if need else ".")


def not_answered(silent: Mapping[str, str], found: Sequence[Finding]) -> list[Finding]:
    """What is told of the questions asked by name that have no answer, question -> why, beside those that have one.

    Raises RecipeError, with every reason, where there is no other answer.
    """
    if silent and not found:
        raise RecipeError(" ".join(silent.values()))
    return [Finding("not_answered", "Not answered", " ".join(silent.values()))] if silent else []


def reads_from_both_ends(view: View) -> bool:
    """Whether layers of the network read from the end, too: ours and torch's have `bidirectional` among what they were made with."""
    return any(
        bool(getattr(module, "bidirectional", False)) or len(getattr(module, "directions", ())) == 2
        for module in view.model.modules()
    )
