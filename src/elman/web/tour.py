"""The guided tour: a handful of steps over the pages, each one sentence and one thing to do, in the words of the run at hand."""

from __future__ import annotations

from typing import Any

from elman.web.pages import see
from elman.web.subject import Subject

# What each gate decides, by the name the cells give it; and what is made where there is none.
GATES = {
    "forget_gate": "the forget gate says how much of the memory stays: 1 keeps all of it, 0 forgets",
    "update_gate": "the update gate says how much of the state is kept, and how much made anew",
    "input_gate": "the input gate says how much of what is new is written down",
    "reset_gate": "the reset gate says how much of the state the new candidate may see",
    "output_gate": "the output gate says how much of the memory is shown",
}
READS = {
    "forecast": "reads the past one step at a time, and says from what it has kept what comes next",
    "words": "reads one word at a time, and gives each a tag",
    "language_modelling": "reads one step at a time, and says after each what may come next",
}
# What to do where the answer is known: by shipped network, then by step.
KNOWN: dict[str, dict[str, str]] = {
    "bracket-counter": {
        "read": "Type brackets in Your sequence, some left open, such as ((a)( and see them counted.",
        "gate": "Type a full stop at the end of Your sequence: the forget gate falls to 0, and the count with it.",
        "state": "Choose state c in All units over the steps, and pick a place there: the count paints the sequence.",
        "change": "Take the full stop away, choose state c, hold it at 10, and press Change: the answer becomes 5+.",
    },
    "parity": {
        "read": "Type ones and zeros in Your sequence, such as 1011, and see whether the ones are odd.",
        "change": "Hold units 0 and 1 at 0 up to some step and press Change: only the ones behind it count.",
    },
}


def steps(subject: Subject) -> list[dict[str, Any]]:
    """The steps: on which page, `words`, what to `do`, where to `point` (a selector), the events that mean it was `done`, and
    where to look `then`, if it is not there.

    Steps about what a network does not have are left out; one without events asks only to be read.
    """
    facts, shown = subject.facts, see.shown(subject)
    known = KNOWN.get(facts.get("shipped", ""), {})
    readings = [name for layer in shown["layers"] for name in layer["readings"]]
    typed = subject.kind in ("text", "words")
    sequence = "#tokens" if typed else "#track"
    reads = READS.get(subject.kind) or READS.get(subject.task)
    found = [
        _step(
            "play", f"A recurrent network {reads or 'reads one step at a time, and says after each what it would answer'}.",
            known.get("read") or ("Type something in Your sequence, and watch the answer form."
                                  if typed else "Pick another sequence, and see what the network says of it."),
            "#text" if typed else "#pick", ("input", "#text") if typed else ("change", "#choices"),
        ),
        _step(
            "play", "All it knows of what it has read is its state: a few numbers that it carries from step to step.",
            "Point at a step, or move along them with the arrow keys, and read what it says there.",
            sequence,
            *((("pointerover", "#tokens li"), ("focusin", "#tokens li"))
              if typed else (("pointermove", "#track"), ("keydown", "#track"))),
        ),
    ]  # fmt: skip
    if shown["layers"]:
        gate = next((name for name in GATES if name in readings), None)
        about = f"A gate is a number between 0 and 1: {GATES[gate]}." if gate else (
            "This cell has no gates: at every step its whole state is made anew, from the state before and what it reads."
        )  # fmt: skip
        step = (("click", "#back, #on, #run-through"), ("input", "#at"))
        found.append(
            _step("see", about, known["gate"], "#text", ("input", "#text")) if "gate" in known
            else _step("see", about, "Go back and forth with ◀ and ▶, and watch the bars beside the equations.", ".steps", *step)
        )  # fmt: skip
        about = (
            facts.get("known")
            or "Each unit of the state holds one number, and may follow something of its own."
        )
        found.append(
            _step("see", about, known["state"], "#map", ("click", "#map"), ("keydown", "#map"), then=sequence) if "state" in known
            else _step("see", about, "Press Paint the sequence with it, and see what a unit holds from step to step.", "#paint", ("click", "#paint"), then=sequence)
        )  # fmt: skip
        if shown["parts"]:
            found.append(
                _step(
                    "see", "What matters to the answer moves it when it is changed, more than other units do.",
                    known.get("change") or "Press Change: a unit of the state is held at 0, and the answer stands beside the one before.",
                    "#change", ("submit", "#change"), then="#moved",
                )
            )  # fmt: skip
    if "rivals" not in subject.missing:
        found.append(
            _step("trust", "Believe a network when it beats simple rivals on examples that it has never seen.", "Read the verdict, and what it is held against.", "main > .verdict")
        )  # fmt: skip
    return found


def _step(
    page: str, words: str, do: str, point: str, *done: tuple[str, str], then: str | None = None
) -> dict[str, Any]:
    return {"page": page, "words": words, "do": do, "point": point, "done": done, "then": then}
