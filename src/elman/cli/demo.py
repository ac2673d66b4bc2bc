"""Train two networks on a real task that came with the install, explain them, and let you try them.

How many syllables has a word, read letter by letter? A vanilla RNN and a GRU learn it from 99,711 English words.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elman.cli._flags import interactive, parse

INTRO = """[bold]How many syllables has a word?[/] Two recurrent networks learn it letter by letter from English words.
Whole words are all they ever see: nobody tells them where a syllable begins. Test words share no stem with training words."""

SHOWN = ("memory", "attribution", "gates")  # findings told here; all are in the report


@dataclass(frozen=True)
class Demo:
    """Train the demo networks, a vanilla RNN and a GRU."""

    out: Path = Path("runs")  # where the two run folders go
    epochs: float | None = None  # passes over the training words, for a shorter demo
    seed: int = 0


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Demo, arguments, "demo")
    from elman import workbench
    from elman.cli._terminal import Terminal
    from elman.evaluation.rivals import hold
    from elman.preparation import check
    from elman.recipes import as_recipe
    from elman.run import new_folder, vacant

    vacant(new_folder(options.out, "demo-rnn"))
    changes: dict[str, Any] = {"seed": options.seed} | (
        {"epochs": options.epochs} if options.epochs is not None else {}
    )
    recipe = as_recipe("syllables", **changes)
    screen = Terminal()
    check(recipe)
    screen.say(INTRO + "\n")
    prepared = workbench.prepare(recipe)
    task, encoded = prepared.task, prepared.encoded
    sizes: dict[str, int] = {split: len(feed) for split, feed in encoded.feeds.items()}
    screen.data(prepared.recipe, prepared.dataset.provenance, sizes, encoded.summary)
    rivals = hold(task.name, encoded.problem, prepared.recipe.evaluation, told=screen.rival)
    runs = {}
    for cell in ("rnn", "gru"):
        screen.say(f"\n[bold]{'Vanilla RNN' if cell == 'rnn' else 'GRU'}[/]")
        mine = replace(prepared, recipe=prepared.recipe.override({"cell": cell}))
        folder = new_folder(options.out, f"demo-{cell}")
        listener = Brief(screen)
        runs[cell] = workbench.fit(mine.recipe, out=folder, prepared=mine, held=rivals, listener=listener)
    screen.say("")
    summarise(screen, runs)
    try_words(screen, runs["gru"])
    if shutil.which("elman") is None:
        found = Path(sys.executable).parent / "activate"
        screen.say(f"\nSo that the shell finds elman: source {found}")
    screen.say(
        f"\n[bold]Next[/]    {'elman open ' + runs['gru'].folder.as_posix():<36}type at it, look inside (a browser)\n"
        "        elman train syllables --cell lstm   another cell\n"
        "        elman train YOUR.csv                a table or a text of yours\n"
        "        elman data                          other sources"
    )
    return 0


def Brief(screen: Any) -> Any:
    """A listener that leaves out what the demo has said before."""
    from elman.cli._terminal import Terminal

    class Listening(Terminal):
        def data(self, *arguments: Any) -> None:
            pass

        def findings(self, *arguments: Any) -> None:
            pass

        def scores(self, scores: Any) -> None:
            if scores.split == "test":
                self.console.print(f"        {scores.verdict}", soft_wrap=False)

    return Listening()


def summarise(screen: Any, runs: dict[str, Any]) -> None:
    """Both networks beside the rivals on the test words, the count climbing along some, and three of the findings in the GRU."""
    from elman.comparison import compare
    from elman.core.results import Paired
    from elman.report.assemble import as_scores, assemble
    from elman.report.terminal import print_advice, render_findings, render_scores, render_verdict

    scores = as_scores(runs["gru"].scores["test"])
    other = as_scores(runs["rnn"].scores["test"]).network
    rows = [*scores.rows, replace(other, is_rival=True)]
    rows.sort(key=lambda row: -row.metrics["accuracy"].value)
    ahead = compare([runs["rnn"], runs["gru"]], "test").rows[1]
    pairs = scores.paired
    if ahead.difference is not None:
        pairs = (*pairs, Paired(other.name, "accuracy", ahead.difference, ahead.p))
    screen.console.print(render_scores(replace(scores, rows=tuple(rows), paired=pairs)))
    screen.console.print(render_verdict(scores))
    screen.say("")
    screen.say(
        "[bold]The count it expects after each letter[/], if the word ended there. Nobody told it these: it saw whole words alone."
    )
    for word in ("elephant", "beautiful", "strengths"):
        screen.say(staircase(runs["gru"], word))
    content = assemble(runs["gru"])
    screen.say("")
    screen.console.print(render_findings([one for one in content.findings if one.question in SHOWN]))
    print_advice(screen.console, content.advice)
    screen.say(f"All {len(content.findings)} findings, with their pictures, are in the report:")
    for name, run in runs.items():
        screen.say(f"[bold]report[/]  {name}: {run.folder.as_posix()}/report.html")


def staircase(run: Any, word: str) -> str:
    """A word letter by letter with the expected count after each: the readout climbs though only whole words were trained."""
    import torch

    encoder = run.encoder
    inputs = torch.from_numpy(encoder.text.encode(word).astype("int64"))[None]
    with torch.no_grad():
        shares = run.network.read_steps(run.network.embed(inputs))[0].softmax(-1)
    counts = torch.tensor([float(label.rstrip("+")) for label in encoder.labels])
    climb = (shares @ counts).tolist()
    letters = "".join(f"{letter:>5}" for letter in encoder.text.tokens(word))
    heights = "".join(f"{value:>5.1f}" for value in climb)
    best = int(shares[-1].argmax())
    return f"        {letters}\n        {heights}   -> {encoder.labels[best]} ({shares[-1, best]:.0%} sure)"


def try_words(screen: Any, run: Any) -> None:
    """Let the user type words, where somebody sits at a terminal."""
    if not interactive():
        return
    screen.say("\nType a word or a name and see it counted (an empty line ends):")
    while True:
        try:
            word = input("  word> ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            break
        if not word:
            break
        screen.console.print(staircase(run, word[:40]), markup=False)
