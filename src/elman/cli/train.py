"""Train a network on a source or your own file, hold it against its rivals, explain and report it.

elman train syllables --cell lstm --hidden-size 64
elman train sales.csv                     # proposes what the columns mean, and asks where it cannot know
elman train sales.csv --time date --target units --horizon 28
elman train recipe.toml --budget 10m
elman train syllables --cell mycell.py    # a cell of your own, after elman check cell mycell.py
elman train imdb --rival predictions.csv --rival majority nb_svm
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from elman.cli._flags import Given, first_word, parse, rivals_given
from elman.core.errors import RecipeError
from elman.core.recipe import Recipe


@dataclass(frozen=True)
class Train:
    """Train a recurrent network."""

    recipe: Recipe
    rival: Given = ()  # names: hold it against these alone; files: an outside model's predictions, in addition
    out: Path | None = None  # the run's folder; default runs/NAME-NUMBER
    resume: Path | None = None  # go on with an interrupted run
    dry_run: bool = False  # load, encode, build, run three steps, print what would happen
    find_rate: bool = False  # only search for a good learning rate
    yes: bool = False  # a table that can be read in several ways: take the first
    quiet: bool = False  # print the verdict alone


def main(arguments: list[str]) -> int:
    """Run the verb."""
    word = first_word(arguments)
    from elman.recipes import as_recipe

    if word is not None:
        base, arguments = as_recipe(word), arguments[1:]
    else:
        base = Recipe()
    if any(flag in arguments for flag in ("-h", "--help")) and word is None:
        print(
            "usage: elman train SOURCE [options]     SOURCE: a name from `elman data`, a file, a folder or a .toml recipe\n"
        )
    options = parse(Train, arguments, f"train {word or 'SOURCE'}", Train(base))
    recipe = options.recipe.override(rivals_given(options.rival))
    if not recipe.data.source and options.resume is None:
        raise RecipeError(
            "what shall it train on? Give a source (see `elman data`), a file or a recipe: elman train syllables"
        )

    from elman import trial, workbench
    from elman.run import new_folder, vacant

    if options.resume is not None:
        if recipe != Recipe():
            raise RecipeError(
                f"a resumed run keeps its own source and settings: elman train --resume {options.resume}"
            )
    elif not (options.dry_run or options.find_rate):
        vacant(options.out or new_folder(Path("runs"), "run"))
    from elman.cli._terminal import Terminal

    listener = Terminal(quiet=options.quiet)
    if options.resume is None:
        from elman.cli._proposal import agreed
        from elman.preparation import check

        check(recipe)
        given = [word for word in arguments if word != "--yes"]
        recipe = agreed(recipe, listener, yes=options.yes, rest=given)
    if options.find_rate:
        found = trial.find_rate(recipe)
        listener.say(
            f"try --learning-rate {found.suggested:.1e} (a third of the rate with the least loss, {min(found.losses):.3f})"
        )
        return 0
    if options.dry_run:
        listener.console.print(trial.dry_run(recipe), markup=False, soft_wrap=True)
        return 0
    run = workbench.fit(recipe, out=options.out, resume=options.resume, listener=listener)
    if not options.quiet:
        # The findings have moved it out of sight.
        from elman.report.assemble import as_scores
        from elman.report.terminal import render_verdict

        where = shlex.quote(run.folder.as_posix())
        listener.console.print(f"[bold]page[/]    elman open {where}", soft_wrap=True)
        if (run.facts.get("history") or {}).get("stopped") == "interrupted":
            listener.console.print(f"[bold]go on[/]   elman train --resume {where}", soft_wrap=True)
        listener.console.print(render_verdict(as_scores(run.scores["test"])))
    return 0
