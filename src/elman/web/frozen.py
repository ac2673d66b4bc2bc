"""What a page shows where nothing computes: a run as plain HTML without scripts, to be read in a notebook without its kernel."""

from __future__ import annotations

import base64
import html
from typing import Any

from markupsafe import Markup

from elman.core.errors import ElmanError
from elman.core.results import Finding
from elman.core.showing import svg
from elman.report.assemble import assemble
from elman.report.numbers import interval, point
from elman.report.sanitize import sanitize
from elman.report.tables import in_words
from elman.run import Run
from elman.web import strip
from elman.web.assets import templates
from elman.web.still_section import FILE
from elman.web.subject import Subject

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = "font:15px/1.5 system-ui,sans-serif;margin:0;padding:1rem;color:CanvasText;background:Canvas"
FOR, AGAINST = "217,112,15", "47,125,209"


def frozen(subject: Subject) -> str:
    """The run's verdict, its table, a first sequence with what spoke for the answer, and its findings with their pictures.

    Every text from the data is escaped, pictures are images, styles stand in their elements: it reads the same wherever a notebook
    is shown, and asks nothing of the network.
    """
    content = assemble(subject.run)
    scores = None if content.headline is None else in_words(content.headline)
    rows = [] if scores is None else [
        (row.name, point(row.metrics[scores.primary.name]), interval(row.metrics[scores.primary.name]), row.is_rival)
        for row in scores.rows if scores.primary.name in row.metrics
    ]  # fmt: skip
    text: str = templates().get_template("frozen.html").render(
        name=subject.name, known=subject.run.facts.get("known", ""), scores=scores, rows=rows, read=_read(subject),
        findings=[(finding, Markup(sanitize(finding.html)), _picture(finding)) for finding in content.findings],
    )  # fmt: skip
    return text


def document(fragment: str) -> str:
    """A fragment as a whole document that runs no script and loads nothing."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"></head><body style="{STYLE}">{fragment}</body></html>'
    )


def _read(subject: Subject) -> dict[str, Any] | None:
    """A first sequence: (step, colour) for each, and the answer in the end; None where the run has none, or reads series."""
    if subject.kind != "text":
        return None
    try:
        text = subject.first or _kept(subject.run)
        if not text:
            return None
        told = strip.read(subject, {"text": text})
        found = strip.credit(subject, {"text": text})
    except ElmanError:
        return None
    most = max((abs(each) for each in found["credit"]), default=0.0) or 1.0
    steps = [
        (step, f"rgba({AGAINST if each < 0 else FOR},{0.6 * abs(each) / most:.3f})")
        for step, each in zip(told["steps"], found["credit"], strict=True)
    ]
    answer = [(label, f"{100 * share:.1f}%") for label, share in told["top"][-1][:3]] if "top" in told else []
    return {
        "steps": steps,
        "answer": answer,
        "label": found["label"],
        "residual": f"{100 * found['residual']:.1f}%",
    }


def _kept(run: Run) -> str:
    """The text that the report's views are of, where there are some."""
    views = run.stored(FILE, None)
    try:
        return str(views["start"]["first"])
    except (KeyError, TypeError):
        return ""


def _picture(finding: Finding) -> Markup:
    """The finding's chart as an image, in which no script runs."""
    if finding.chart is None:
        return Markup()
    drawn = base64.b64encode(svg(finding.chart).encode()).decode()
    return Markup(
        f'<img alt="{html.escape(finding.title)}" style="max-width:100%" src="data:image/svg+xml;base64,{drawn}">'
    )
