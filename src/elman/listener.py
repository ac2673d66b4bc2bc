"""Who the workbench tells what happens. This one stays silent; the command line has one that prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.core.recipe import Recipe
from elman.core.results import Advice, Finding, Score, Scores

if TYPE_CHECKING:
    from elman.interpretation.cost import Cost


class Listener:
    """Every method is called once at its moment, in this order, and may do nothing."""

    def finished(self, folder: Path, history: dict[str, Any]) -> None:
        """A run that was to be resumed has nothing left to do; `history` is the summary in its run.json. Nothing else is told."""

    def data(self, recipe: Recipe, provenance: Any, sizes: dict[str, int], summary: Sequence[str]) -> None:
        """The data are read and encoded; `sizes` are examples per split."""

    def rival(self, score: Score, primary: str) -> None:
        """A rival is fitted and measured on the validation split."""

    def training(self, recipe: Recipe, plan: str, parameters: int) -> None:
        """Training starts; `plan` says which engine runs the cell and why the others do not."""

    def progress(self) -> Any:
        """What the loop reports its steps to (see training.progress), or None."""
        return None

    def trained(self, history: Any) -> None:
        """Training has ended; see training.history.History."""

    def scores(self, scores: Scores) -> None:
        """One split is measured."""

    def asking(self, cost: Cost) -> None:
        """A question is about to be asked of the network; printed, the cost says of how many sequences and for how long."""

    def answering(self, share: float) -> None:
        """So much of the work on the question is done, from 0 to 1."""

    def findings(self, findings: Sequence[Finding], advice: Sequence[Advice]) -> None:
        """The analyses are done."""

    def report(self, path: Path) -> None:
        """The report is written."""
