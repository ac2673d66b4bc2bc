"""What the loop tells while it runs: a bar in a terminal, lines elsewhere, nothing when not wanted."""

from __future__ import annotations

import sys
import time
from typing import Any


class Progress:
    """Silent; the base of the others. `rival` is (name, value) of the best rival on validation."""

    def start(self, steps: int, done: int, monitor: str | None, rival: tuple[str, float] | None) -> None:
        """Training starts at step `done` of `steps`."""

    def step(self, step: int, loss: float, speed: float) -> None:
        """Some steps later: mean training loss since the last call, steps per second."""

    def validated(self, row: dict[str, Any], monitor: str, best: bool) -> None:
        """A validation is in."""

    def stop(self) -> None:
        """Training has ended, in whatever way."""


class Lines(Progress):
    """One line per validation."""

    def start(self, steps: int, done: int, monitor: str | None, rival: tuple[str, float] | None) -> None:
        self.steps, self.rival, self.began, self.first = steps, rival, time.monotonic(), done

    def validated(self, row: dict[str, Any], monitor: str, best: bool) -> None:
        gap = f"  {self.rival[0]} {self.rival[1]:.4f}" if self.rival else ""
        # No loss where no step was done since the last validation: Ctrl-C right after it.
        loss = "" if row["train_loss"] is None else f"  loss {row['train_loss']:.4f}"
        value = row[monitor]
        elapsed = time.monotonic() - self.began
        left = elapsed / max(1, row["step"] - self.first) * (self.steps - row["step"])
        print(
            f"step {row['step']:>6}/{self.steps}{loss}  {monitor} {value:.4f}{' *' if best else '  '}{gap}"
            f"  {elapsed:.0f}s, {left:.0f}s left",
            flush=True,
        )


class Bar(Progress):
    """A rich bar: loss, validation with the gap to the best rival, steps per second, time left."""

    def start(self, steps: int, done: int, monitor: str | None, rival: tuple[str, float] | None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.rival = rival
        self.bar = RichProgress(
            TextColumn("[bold]train"), BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
        )  # fmt: skip
        self.task = self.bar.add_task("", total=steps, completed=done, text="")
        self.loss, self.value = "", ""
        self.bar.start()

    def step(self, step: int, loss: float, speed: float) -> None:
        self.loss = f"loss {loss:.3f} {speed:.0f}/s"
        self.bar.update(self.task, completed=step, text=f"{self.loss} {self.value}")

    def validated(self, row: dict[str, Any], monitor: str, best: bool) -> None:
        gap = f" ({row[monitor] - self.rival[1]:+.4f} to {self.rival[0]})" if self.rival else ""
        self.value = f"{monitor} {row[monitor]:.4f}{gap}"
        self.bar.update(self.task, completed=row["step"], text=f"{self.loss} {self.value}")

    def stop(self) -> None:
        if hasattr(self, "bar"):
            self.bar.stop()


def for_terminal() -> Progress:
    """A bar where there is a terminal, lines where there is none."""
    return Bar() if sys.stdout.isatty() else Lines()
