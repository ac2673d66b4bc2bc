"""What the command line prints while the workbench works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman.asking import Asking
from elman.core.cell_file import label
from elman.core.recipe import Recipe
from elman.core.results import Advice, Finding, Score, Scores


class Terminal(Asking):
    """Prints what happens; with `quiet` the verdict and the report alone."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self.rivals_shown = False

    def say(self, text: str) -> None:
        """A line of the command's own."""
        self.console.print(text)

    def finished(self, folder: Path, history: dict[str, Any]) -> None:
        steps, where = history["steps"], folder.as_posix()
        why = {
            "patience": f"it stopped after {steps:,} steps, since validation got no better",
            "budget": f"the {steps:,} steps that fitted its time are done",
        }.get(history["stopped"], f"all {steps:,} steps are done")
        self.console.print(
            f"{where} is finished: {why}. Nothing is left to go on with, and nothing was changed.\n"
            f"        a longer training:  elman train {where}/recipe.toml --steps {2 * steps}\n"
            f"        to measure again:   elman evaluate {where}",
            markup=False,
            soft_wrap=True,
        )

    def data(self, recipe: Recipe, provenance: Any, sizes: dict[str, int], summary: Sequence[str]) -> None:
        if self.quiet:
            return
        counts = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
        self.console.print(f"[bold]data[/]    {provenance.source}: {counts}", soft_wrap=True)
        self.console.print(f"        split {provenance.split}", soft_wrap=True)
        chance = [f"chance on the test split: {provenance.chance}"] if provenance.chance else []
        for line in (*chance, *provenance.notes, *summary):
            self.console.print(f"        {line}", soft_wrap=True, markup=False)
        if recipe.evaluation.rivals != ():
            limit = f"{recipe.evaluation.rival_seconds:.0f} s"
            self.console.print(
                f"        rivals are fitted first, in at most {limit} each ...", highlight=False
            )

    def rival(self, score: Score, primary: str) -> None:
        if self.quiet:
            return
        if not self.rivals_shown:
            self.console.print(f"[bold]rivals[/]  on the validation split, {primary.replace('_', ' ')}:")
            self.rivals_shown = True
        name = score.name.replace("_", " ")
        if not score.metrics:
            self.console.print(f"        {name:<22} {score.note}", soft_wrap=True)
            return
        value = score.metrics[primary]
        self.console.print(
            f"        {name:<22} {value.value:.4f}  [{value.low:.4f}, {value.high:.4f}]  {score.seconds:.1f} s"
            + (f"  {score.note}" if score.note else ""),
            markup=False,
            soft_wrap=True,
        )

    def training(self, recipe: Recipe, plan: str, parameters: int) -> None:
        if self.quiet:
            return
        model = recipe.model
        layers = f"{model.num_layers} x " if model.num_layers > 1 else ""
        both = ", both directions" if model.bidirectional else ""
        self.console.print(
            f"[bold]network[/] {layers}{label(model.cell)}-{model.hidden_size}{both}, {parameters:,} parameters"
        )
        for line in plan.splitlines():
            self.console.print(f"        engine {line}", markup=False)

    def progress(self) -> Any:
        from elman.training.progress import Progress, for_terminal

        return Progress() if self.quiet else for_terminal()

    def trained(self, history: Any) -> None:
        if self.quiet:
            return
        speed = history.steps / max(history.seconds - history.validation_seconds, 1e-9)
        self.console.print(
            f"        {history.stopped} after {history.steps:,} steps, {history.seconds:.0f} s ({speed:.0f} steps/s); "
            f"best {history.monitor.replace('_', ' ')} {history.best_value:.4f} at step {history.best_step:,}"
        )

    def scores(self, scores: Scores) -> None:
        from elman.report.terminal import render_scores, render_verdict

        if not self.quiet:
            self.console.print(render_scores(scores))
        if scores.split == "test" or not self.quiet:
            self.console.print(render_verdict(scores))

    def asking(self, cost: Any) -> None:
        if self.quiet:
            return
        super().asking(cost)

    def findings(self, findings: Sequence[Finding], advice: Sequence[Advice]) -> None:
        from elman.report.terminal import print_advice, render_findings

        if self.quiet:
            return
        self.console.print(render_findings(findings))
        print_advice(self.console, advice)

    def report(self, path: Path) -> None:
        self.console.print(f"[bold]report[/]  {path}", soft_wrap=True)
