"""The report: one HTML file that asks nothing of the network and no script to be read."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from elman.core.files import write_text
from elman.core.results import Finding, Scores
from elman.report import charts
from elman.report.content import ReportContent, Views, best_rival, outcome
from elman.report.glossary import CONTROLS, RESIDUALS, meaning, metric
from elman.report.numbers import column, difference, duration, interval, moment, number, p_value, point, words
from elman.report.sanitize import sanitize
from elman.report.tables import (
    confusion_table,
    coverage_rows,
    entity_table,
    flat,
    in_words,
    scores_table,
    slice_tables,
    tag_table,
)

OUTCOMES = {
    "better": "Beats its best rival",
    "undecided": "No clear difference from its best rival",
    "worse": "Worse than its best rival",
    "unmeasured": "Not evaluated yet",
}


def outcome_words(scores: Scores | None) -> str:
    """How it came out; where rivals were left out, the others are not called the best."""
    told = OUTCOMES[outcome(scores)]
    return (
        told.replace("its best rival", "the rivals asked for")
        if scores and scores.details.get("left_out")
        else told
    )


# Columns of metrics.jsonl in the unit of the training loss, so that they can share an axis with it.
SAME_UNIT = ("train_loss", "validation_loss", "log_loss", "cross_entropy")
UNITS = {"mse": "MSE (scaled)", "rmse": "RMSE (target's unit)"}
TABLE_ROWS = 200  # of a finding's table; the rest is in findings.json


def write_report(folder: Path, content: ReportContent, views: Views | None = None) -> Path:
    """Write `folder/report.html` atomically and return its path. Raises StorageError when the disk refuses."""
    path = folder / "report.html"
    write_text(path, render(content, views))
    return path


def render(content: ReportContent, views: Views | None = None) -> str:
    """The page as text: charts drawn, styles and the small script inside, every text from the data escaped."""
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    text: str = (
        _templates()
        .get_template("report.html")
        .render(
            **_context(content),
            views=views
            and replace(
                views, html=Markup(views.html), style=Markup(views.style), scripts=Markup(views.scripts)
            ),
            curves=_curves(content),
            settings={
                name: flat(value) for name, value in content.recipe.items() if isinstance(value, Mapping)
            },
            environment=flat(content.environment),
            style=Markup(_asset("report.css")),
            script=Markup(script),
            script_hash=digest,
        )
    )
    return text


def part(content: ReportContent, name: str) -> str:
    """One section of the page alone, "results", "where" or "findings", for a page that has the style already."""
    text: str = _templates().get_template(f"part_{name}.html").render(**_context(content))
    return text


def _context(content: ReportContent) -> dict[str, Any]:
    """What the sections show."""
    scores = content.headline
    shown = in_words(scores) if scores else None
    state = outcome(scores)
    return {
        "content": content,
        "scores": shown,
        "outcome": state,
        "verdict": _sentences(scores.verdict if scores and scores.verdict else "This run has no scores yet."),
        "outcome_label": outcome_words(scores),
        "best": best_rival(shown) if shown else None,
        "tables": [
            scores_table(content.scores[split]) for split in ("test", "validation") if split in content.scores
        ],
        "glossary": _glossary(content),
        "slices": slice_tables(scores) if scores else {},
        "confusion": confusion_table(scores.details) if scores else None,
        "per_tag": tag_table(scores.details) if scores else [],
        "per_entity": entity_table(scores.details) if scores else [],
        "ahead": scores.details.get("ahead") if scores else None,
        "calibration": _calibration(scores.details if scores else {}),
        "abstention": _abstention(scores.details if scores else {}),
        "surest": coverage_rows(scores.details) if scores else [],
        "findings": [
            (finding, _chart(finding.chart), Markup(sanitize(finding.html))) for finding in content.findings
        ],
        "table_rows": TABLE_ROWS,
    }


def _sentences(text: str) -> tuple[str, str]:
    """The first sentence, which is the headline, and the others."""
    first, *others = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text, maxsplit=1)
    return first, "".join(others)


def _curves(content: ReportContent) -> list[Markup | str]:
    """Learning curves: the training loss with the validation loss of the same unit, then the primary metric and
    where its best rival stands.
    """
    scores = content.scores.get("validation") or content.headline
    share = scores is not None and scores.primary.unit.startswith("share")
    scores, rows = in_words(scores) if scores else None, list(content.history)
    if len(rows) < 2:
        return []
    if scores and share:
        name = scores.primary.name
        rows = [{**row, name: 100 * row[name]} if isinstance(row.get(name), float) else row for row in rows]
    present = {name for row in rows for name in row}
    x = "step" if "step" in present else "epoch"
    losses = [name for name in SAME_UNIT if name in present]
    losses += sorted(name for name in present if name.startswith("nats_per_") and name not in losses)
    primary = scores.primary.name if scores else ""
    line = _rival_line(scores) if scores else None
    curve_names = dict.fromkeys(losses, "validation") | {"train_loss": "training"}
    unit = "loss (nats)" if "log_loss" in losses or any("nats" in name for name in losses) else "loss"
    specs = [charts.curves(rows, losses, unit, x, line if primary in losses else None, curve_names)]
    if scores and primary in present and primary not in losses:
        named = {primary: f"network, {scores.split}"}
        axis = UNITS.get(primary, metric(primary) + (" (%)" if share else ""))
        specs.append(charts.curves(rows, [primary], axis, x, line, named))
    return [_chart(spec) for spec in specs if spec]


def _glossary(content: ReportContent) -> list[tuple[str, str]]:
    """(metric, meaning) for every column of the tables of scores."""
    names = dict.fromkeys(
        name for scores in content.scores.values() for row in scores.rows for name in row.metrics
    )
    return [(metric(name), meaning(name)) for name in names if meaning(name)]


def _rival_line(scores: Scores) -> tuple[str, float] | None:
    pair = best_rival(scores)
    row = next((row for row in scores.rows if pair and row.name == pair.rival), None)
    return (row.name, row.metrics[scores.primary.name].value) if row else None


def _calibration(details: Mapping[str, Any]) -> Markup | str:
    bins = details.get("calibration")
    return _chart(charts.calibration(bins)) if bins else ""


def _abstention(details: Mapping[str, Any]) -> Markup | str:
    curve = details.get("abstention")
    return _chart(charts.abstention(curve)) if curve else ""


def _chart(spec: Mapping[str, Any] | None) -> Markup | str:
    """The drawn chart, or the reason why there is none: one bad picture must not cost the report."""
    if not spec:
        return ""
    try:
        return Markup(charts.draw(spec))
    except charts.ChartError as error:
        return f"This chart could not be drawn: {error}"


def badges(finding: Finding) -> list[tuple[str, str, str]]:
    """(label, value, explanation) for what stands beside a finding as its proof."""
    found: list[tuple[str, str, str]] = []
    if finding.value is not None:
        text = _with_unit(finding.value, finding.unit)
        if finding.interval:
            text += f" (95% interval {' to '.join(_bare(end, finding.unit) for end in finding.interval)})"
        found.append(("measured", text, "the value, with its 95% interval where computed"))
    if finding.control is not None:
        label = CONTROLS.get(finding.question, "control")
        text = _with_unit(finding.control, finding.unit)
        found.append((label, text, "control: the same quantity where there should be nothing to find"))
    if finding.residual is not None:
        label = RESIDUALS.get(finding.question, "residual")
        text = f"{100 * finding.residual:.1f}%" if finding.residual >= 0.0005 else "< 0.1%"
        found.append((label, text, "residual: the part of an identity that does not add up; 0 is exact"))
    if finding.sample:
        found.append(("sample", finding.sample, "what was looked at"))
    return found


def _bare(value: float, unit: str) -> str:
    """A value without its unit: shares in percent, three digits."""
    if unit.startswith("share"):
        return number(100 * value, 2)
    return number(value) if value == round(value) else number(value, 3)


def _with_unit(value: float, unit: str) -> str:
    """A value in words: "31% of errors", "13 steps"."""
    sign = "%" if unit.startswith("share") else " "
    named = unit.removeprefix("share")
    if value == 1 and unit.startswith("steps"):
        named = "step" + unit.removeprefix("steps")
    return f"{_bare(value, unit)}{sign}{named}".strip()


def _cells(table: Sequence[Mapping[str, Any]]) -> list[list[tuple[str, bool]]]:
    """(text, whether a number) of a finding's table, row by row; numbers of a column share their decimals."""
    columns = []
    for key in table[0] if table else ():
        values = [row.get(key) for row in table]
        if any(isinstance(value, float) for value in values):
            shown = column([None if value is None else float(value) for value in values])
            columns.append(
                [("" if value is None else text, True) for value, text in zip(values, shown, strict=True)]
            )
        else:
            columns.append(
                [("" if value is None else str(value), isinstance(value, int)) for value in values]
            )
    return [list(row) for row in zip(*columns, strict=True)]


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("elman.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(badges=badges, cells=_cells)
    environment.filters.update(
        number=number,
        point=point,
        interval=interval,
        difference=difference,
        duration=duration,
        words=words,
        metric=metric,
        moment=moment,
        p_value=p_value,
    )
    return environment


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
