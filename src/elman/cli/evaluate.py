"""Measure a run and its rivals again, on the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from elman.cli._flags import Given, parse, rivals_given


@dataclass(frozen=True)
class Evaluate:
    """Measure a run and its rivals on the same examples; every look at the test split is counted."""

    run: Annotated[Path, tyro.conf.Positional]
    split: Literal["validation", "test"] = "test"
    rival: Given = ()  # names: hold it against these alone; files: an outside model's predictions, in addition


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Evaluate, arguments, "evaluate")
    from dataclasses import replace

    from elman import workbench
    from elman.cli._terminal import Terminal
    from elman.run import Run

    run = Run.open(options.run)
    prepared = workbench.prepare(run.recipe, run.encoder)
    prepared = replace(prepared, recipe=prepared.recipe.override(rivals_given(options.rival)))
    workbench.evaluate(run, splits=[options.split], prepared=prepared, listener=Terminal())
    return 0
