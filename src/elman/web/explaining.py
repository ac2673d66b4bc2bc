"""The questions of `elman explain`, asked from the page: which a run has, what each costs, and its answer, written into the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elman.analyses import QUESTIONS
from elman.core.busy import is_busy
from elman.core.errors import RunError
from elman.interpretation.cost import Cost, Watch
from elman.listener import Listener
from elman.report.assemble import assemble
from elman.run import Run

# Those that read the whole validation split once, and count; the others say what they cost (see interpretation.cost).
ONCE = ("errors", "ngrams", "behaviour")


def questions_of(run: Run) -> tuple[str, ...]:
    """What can be asked of a run, those without an answer yet first."""
    left_out = run.task.left_out(run.recipe)
    recipe = run.recipe
    fits = [
        name
        for name in QUESTIONS
        if name not in left_out
        and (name != "ngrams" or recipe.task == "language_modelling")
        and (name != "training" or recipe.training.watch)
    ]
    known = {finding.question for finding in assemble(run).findings}
    return tuple(sorted(fits, key=lambda name: name in known))


def without_sample(question: str) -> str:
    """What a question takes that is not asked of a sample; nothing for the others, whose cost is measured."""
    if question == "training":
        return "training: what was kept while it trained is drawn, nothing is read"
    return f"{question}: the validation split is read once" if question in ONCE else ""


Explain = Callable[
    ..., Any
]  # workbench.explain, which stands below this room: who opens the page hands it over


def answer(run: Run, question: str, watch: Watch, explain: Explain) -> None:
    """Ask a run as `elman explain RUN QUESTION` does. Raises RunError for one in training."""
    if is_busy(run.folder):
        raise RunError(f"{run.name} is in training; ask when that has ended.")
    explain(Run(run.folder), [question], listener=Heard(watch))


class Heard(Listener):
    """A listener that tells a watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def asking(self, cost: Cost) -> None:
        """It is about to be asked."""
        self.watch.asking(cost)

    def answering(self, share: float) -> None:
        """So much is done."""
        self.watch.answering(share)
