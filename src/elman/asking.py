"""Who sits before a screen hears what each question costs and of how many sequences it is asked, before it is, and then how far it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from elman.listener import Listener

if TYPE_CHECKING:
    from elman.interpretation.cost import Cost


class Asking(Listener):
    """Prints a line for each question; in a terminal a bar until it is answered."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.bar: Any = None

    def asking(self, cost: Cost) -> None:
        self.console.print(f"[bold]asking[/]  {cost}", soft_wrap=True, highlight=False)
        if self.console.is_terminal:
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            self.bar = Progress(
                TextColumn("       "), BarColumn(bar_width=24), TaskProgressColumn(), transient=True, console=self.console
            )  # fmt: skip
            self.bar.add_task(cost.question, total=1.0)
            self.bar.start()

    def answering(self, share: float) -> None:
        if self.bar is None:
            return
        self.bar.update(self.bar.task_ids[0], completed=share)
        if share >= 1.0:
            self.bar.stop()
            self.bar = None


class InNotebook(Listener):
    """Shows a line for each question, which says how far it is until it is answered."""

    def asking(self, cost: Cost) -> None:
        from IPython.display import display

        self.line, self.percent = f"asking  {cost}", 0
        self.shown = display({"text/plain": self.line}, raw=True, display_id=True)

    def answering(self, share: float) -> None:
        percent = int(100 * share)
        if percent != self.percent:
            self.percent = percent
            line = self.line if percent == 100 else f"{self.line}: {percent}%"
            self.shown.update({"text/plain": line}, raw=True)


def screen(quiet: bool = False) -> Asking | InNotebook | None:
    """Who tells a person before a terminal or a notebook; None where there is no such person, and with `quiet`."""
    if quiet:
        return None
    if _in_notebook():
        return InNotebook()
    return Asking() if sys.stdout is not None and sys.stdout.isatty() else None


def _in_notebook() -> bool:
    """Whether a kernel runs this: IPython in a terminal has none."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
