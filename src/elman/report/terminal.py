"""Results for a terminal: rich tables that stay readable at 60 columns and without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from elman.core.results import Advice, Finding, Scores
from elman.report.content import outcome
from elman.report.numbers import number, words
from elman.report.page import badges
from elman.report.tables import scores_table

# A sign beside each colour, so that the outcome reads without colours, too.
SIGNS = {
    "better": ("▲", "green"),
    "undecided": ("◆", "yellow"),
    "worse": ("▼", "red"),
    "unmeasured": ("○", "dim"),
}


def render_scores(scores: Scores) -> RenderableType:
    """One split: rivals first, best first, then the network."""
    table = scores_table(scores)
    unit = f" in {table.unit}" if table.unit else ""
    rich = _table(f"{table.split}: {table.metric}{unit}, {table.direction}")
    rich.add_column("", no_wrap=False, ratio=3, min_width=12)
    rich.add_column(table.metric, justify="right", no_wrap=True)
    rich.add_column("95% interval", no_wrap=True)
    rich.add_column("network ahead by", ratio=3)
    for row in sorted(table.rows, key=lambda row: row.is_network):
        name = Text(row.name, style="bold" if row.is_network else "")
        if row.note:
            name.append(f"\n{row.note}", style="dim")
        ahead = Text(
            " ".join(filter(None, (row.difference, row.p))),
            style={"better": "green", "worse": "red"}.get(row.sign, ""),
        )
        rich.add_row(name, row.value, Text(row.interval, style="dim"), ahead, end_section=False)
    return rich


def render_verdict(scores: Scores) -> RenderableType:
    """The verdict with its sign."""
    sign, style = SIGNS[outcome(scores)]
    return Text.assemble((f"{sign} ", style), (scores.verdict, "bold"))


def render_findings(findings: Sequence[Finding]) -> RenderableType:
    """One line for each finding, what was measured and its control under it."""
    lines: list[RenderableType] = []
    for finding in findings:
        lines.append(Text.assemble((finding.title, "bold"), "  ", finding.sentence))
        proof = ", ".join(f"{label} {text}" for label, text, _ in badges(finding))
        if proof:
            lines.append(Padding(Text(proof, style="dim"), (0, 0, 0, 2)))
    return Group(*lines)


def print_advice(console: Console, advice: Sequence[Advice]) -> None:
    """What to try next: the observation, the change, and the command on a line of its own.

    The command is never broken, however narrow the terminal, so that it can be copied.
    """
    if advice:
        console.print("What to try next", style="bold")
    for item in advice:
        console.print(Text.assemble("• ", item.observation, " ", (item.change, "bold")))
        console.print(Text(f"  {item.command}", style="cyan"), soft_wrap=True)


def render_history(rows: Sequence[Mapping[str, Any]], metric: str, most: int = 8) -> RenderableType:
    """A few evenly spaced validations, always with the first and the last."""
    count = len(rows)
    chosen = (
        sorted({round(i * (count - 1) / max(1, most - 1)) for i in range(most)})
        if count > most
        else range(count)
    )
    table = _table("training")
    for name in ("step", "train loss", words(metric)):
        table.add_column(name, justify="right")
    for index in chosen:
        row = rows[index]
        table.add_row(f"{row.get('step', 0):,}", number(row.get("train_loss")), number(row.get(metric)))
    return table


def _table(title: str) -> RichTable:
    return RichTable(
        title=escape(title),
        title_justify="left",
        title_style="dim",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
