"""What a table means: the guess as a complete command with its reasons, and a question where two readings are plausible."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from elman.cli._flags import interactive
from elman.cli._terminal import Terminal
from elman.core.errors import DataError
from elman.core.recipe import Recipe
from elman.data.load import is_table
from elman.data.proposal import Proposal, Reading, propose


def agreed(
    recipe: Recipe, terminal: Terminal, *, yes: bool = False, rest: Sequence[str] = (), asks: bool = True
) -> Recipe:
    """The recipe with what its table means written in; any other source as it is.

    Prints the guess as a command, with the flags `rest` that were given; asks a person where it is open, and raises
    DataError with the commands to choose from where nobody can be asked. Without `asks` the first reading is taken, and the
    others are named.
    """
    if not is_table(recipe.data.source, recipe.task):
        return recipe
    proposal = propose(recipe.data.source, recipe.data, recipe.task)
    said = {*recipe.changed(), *(["task"] if recipe.task else [])}
    commands = [reading.command(proposal.source, rest, said) for reading in proposal.readings]
    first = yes or not asks or len(commands) == 1
    reading = proposal.best if first else _ask(proposal, commands)
    if not terminal.quiet and any(name not in said for name in reading.settings):
        terminal.console.print("[bold]reads as[/]", end=" ")
        terminal.console.print(commands[proposal.readings.index(reading)], markup=False, soft_wrap=True)
        for reason in reading.reasons:
            terminal.console.print(f"        {reason}", markup=False, soft_wrap=True)
        for command in () if asks else commands[1:]:
            terminal.console.print(f"or as    {command}", markup=False, soft_wrap=True)
    filled = recipe.fill(dict(reading.settings))
    return filled if recipe.task else filled.override({"task": reading.task})


def _ask(proposal: Proposal, commands: Sequence[str]) -> Reading:
    """The reading that a person chooses; DataError where there is none to ask."""
    if not interactive():
        raise DataError(proposal.question(commands))
    print(f"{Path(proposal.source).name} can be read in several ways:")
    for number, command in enumerate(commands, 1):
        print(f"  {number}  {command}")
    while True:
        try:
            answer = input(f"Which one? [1-{len(commands)}, Enter for 1] ").strip() or "1"
        except EOFError:
            sys.exit(2)
        if answer.isdigit() and 1 <= int(answer) <= len(commands):
            return proposal.readings[int(answer) - 1]
        print(f"{answer!r} is none of them.")
