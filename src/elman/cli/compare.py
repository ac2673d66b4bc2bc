"""Lay runs side by side, with a paired test on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from elman.cli._flags import parse
from elman.core.errors import RunError
from elman.core.results import Value


@dataclass(frozen=True)
class Compare:
    """Lay runs side by side; differences are to the first."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    split: Literal["validation", "test"] = "validation"
    memory: Path | None = None  # draw their memory side by side into this file: .svg, .png or .html


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Compare, arguments, "compare")
    if len(options.runs) < 2:
        raise RunError("compare needs at least two runs: elman compare RUN RUN")
    from rich.console import Console
    from rich.table import Table

    from elman.comparison import compare
    from elman.core.showing import ending
    from elman.run import Run

    runs = [Run.open(path) for path in options.runs]
    for number, run in enumerate(runs):
        if any(run.folder.samefile(other.folder) for other in runs[:number]):
            raise RunError(f"{run.folder} is given twice; compare needs different runs.")
    if options.memory is not None:
        ending(options.memory)
    result = compare(runs, options.split)
    table = Table(title=f"{options.split}: {result.metric}", box=None, title_justify="left")
    table.add_column(
        "run", min_width=max(len(row.name) for row in result.rows)
    )  # what tells them apart is at its end
    for title in ("value", "95% interval"):
        table.add_column(title, no_wrap=True)
    remembered = any(row.memory is not None for row in result.rows)
    if remembered:
        table.add_column("memory horizon (steps)")
    for row in result.rows:
        table.add_row(
            row.name,
            f"{row.value.value:.4g}",
            f"{row.value.low:.4g} to {row.value.high:.4g}",
            *([_steps(row.memory)] if remembered else []),
        )
    console = Console(highlight=False)
    console.print(table)
    for row in result.rows[1:]:
        console.print(f"{row.name}: {row.against}; {result.changes[row.name]}", soft_wrap=True, markup=False)
    if options.memory is not None:
        from elman.interpretation.side_by_side import memories

        found = memories(runs)
        found.save(options.memory)
        console.print(f"{found.sentence} Drawn in {options.memory}", soft_wrap=True, markup=False)
    return 0


def _steps(memory: Value | None) -> str:
    if memory is None:
        return "not asked"
    return f"{memory.value:.0f}" + ("" if memory.low is None else f" [{memory.low:.0f}, {memory.high:.0f}]")
