"""What a table means: the guess as a complete command with its reasons, and a question where two readings are plausible."""

from __future__ import annotations

import sys
from pathlib import Path

from elman.cli._flags import interactive
from elman.cli._terminal import Terminal
from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.data.load import is_table
from elman.data.proposal import Proposal, Reading, propose


def agreed(recipe: Recipe, terminal: Terminal, *, yes: bool = False) -> Recipe:
    """The recipe with what its table means written in; any other source as it is.

    Prints the guess, asks a person where it is open, and raises DataError with the commands to choose from where
    nobody can be asked.
    """
    if not is_table(recipe.data.source):
        return recipe
    proposal = propose(recipe.data.source, recipe.data, recipe.task)
    reading = proposal.best if yes or len(proposal.readings) == 1 else _ask(proposal)
    said = recipe.changed()
    if not terminal.quiet and any(name not in said for name in reading.settings):
        terminal.console.print("[bold]reads as[/]", end=" ")
        terminal.console.print(reading.command(recipe.data.source), markup=False, soft_wrap=True)
        for reason in reading.reasons:
            terminal.console.print(f"        {reason}", markup=False, soft_wrap=True)
    filled = recipe.fill(dict(reading.settings))
    return filled if recipe.task else filled.override({"task": reading.task})


def _ask(proposal: Proposal) -> Reading:
    """The reading that a person chooses; DataError where there is none to ask."""
    if not interactive():
        raise DataError(
            f"{proposal.source} can be read in several ways. Say which, or take the first with --yes:\n"
            + "\n".join(f"  {reading.command(proposal.source)}" for reading in proposal.readings)
        )
    print(f"{Path(proposal.source).name} can be read in several ways:")
    for number, reading in enumerate(proposal.readings, 1):
        print(f"  {number}  {reading.command(proposal.source)}")
    while True:
        try:
            answer = input(f"Which one? [1-{len(proposal.readings)}, Enter for 1] ").strip() or "1"
        except EOFError:
            sys.exit(2)
        if answer.isdigit() and 1 <= int(answer) <= len(proposal.readings):
            return proposal.readings[int(answer) - 1]
        print(f"{answer!r} is none of them.")
