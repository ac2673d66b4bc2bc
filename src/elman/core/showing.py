"""A finding as a picture of its own (SVG, PNG, an HTML page that works offline) and as a notebook shows it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.core.errors import RecipeError
from elman.core.files import write_bytes, write_text

if TYPE_CHECKING:
    from elman.core.results import Finding

WIDTH = 480  # pixels, where a chart leaves it open
ROWS = 20  # of a table
KINDS = (".svg", ".png", ".html")
PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><body style="{style}">{body}</body></html>'
# Legends lie above a chart, so that it fits narrow pages; lines turn without spikes.
CONFIG: dict[str, Any] = {
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"orient": "top", "labelFontSize": 12, "labelLimit": 300, "symbolStrokeWidth": 3, "columnPadding": 20},
    "line": {"strokeJoin": "round"},
    "title": {"anchor": "start", "fontSize": 13},
}  # fmt: skip
STYLE = "font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em"


def as_html(finding: Finding) -> str:
    """Title, sentence, what stands beside it as proof, the picture drawn, and the table; words from the data are escaped."""
    picture = "" if finding.chart is None else svg(finding.chart)
    return (
        f"<div><b>{html.escape(finding.title)}</b><p>{html.escape(finding.sentence)}</p><p><small>{html.escape(proof(finding))}</small></p>"
        f"{picture}{finding.html}{_table(finding.table)}</div>"
    )


def proof(finding: Finding) -> str:
    """What stands beside a finding as its proof, in a line: value, interval, control, residual, sample."""
    facts = [
        f"{name} {value:.4g}"
        for name, value in (
            ("value", finding.value),
            ("control", finding.control),
            ("residual", finding.residual),
        )
        if value is not None
    ]
    if finding.value is not None and finding.unit:
        facts[0] += f" {finding.unit}"
    if finding.interval is not None:
        facts[0] += f" (95% interval {finding.interval[0]:.4g} to {finding.interval[1]:.4g})"
    return "; ".join([*facts, *([finding.sample] if finding.sample else [])])


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first ROWS rows, a column for every name that one of them has."""
    columns = list(dict.fromkeys(name for row in rows[:ROWS] for name in row))
    if not columns:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in columns)}</tr>" for row in rows[:ROWS])  # fmt: skip
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def ending(path: Path) -> None:
    """RecipeError for a name that no picture can have."""
    if path.suffix not in KINDS:
        raise RecipeError(f"{path.name} is no name for a picture; expected an ending of {', '.join(KINDS)}.")


def save(finding: Finding, path: Path) -> None:
    """Write the picture of a finding, or with .html all of it. Raises RecipeError for another ending, or where there is no picture."""
    ending(path)
    if path.suffix == ".html":
        write_text(path, PAGE.format(title=html.escape(finding.title), style=STYLE, body=as_html(finding)))
        return
    if finding.chart is None:
        raise RecipeError(
            f"{finding.question} has no chart; what it has to show is in its page: name it .html."
        )
    if path.suffix == ".svg":
        write_text(path, svg(finding.chart))
        return
    import vl_convert

    write_bytes(path, vl_convert.vegalite_to_png(_alone(finding.chart), scale=2, allowed_base_urls=[]))


def svg(chart: dict[str, Any]) -> str:
    """A Vega-Lite specification drawn; addresses in it are refused, so that nothing is ever fetched."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(_alone(chart), allowed_base_urls=[])
    return drawn


def styled(chart: Mapping[str, Any], config: Mapping[str, Any], width: int) -> dict[str, Any]:
    """A specification with these settings where it has none of its own, and this width (pixels) where it leaves it open."""
    joined = any(key in chart for key in ("hconcat", "vconcat", "concat", "facet", "repeat", "spec"))
    whole = {**chart, "config": _merged(config, chart.get("config", {}))}
    if whole.get("width") == "container" or not (joined or "width" in whole):
        whole["width"] = width
    return whole


def _alone(chart: Mapping[str, Any]) -> dict[str, Any]:
    return {**styled(chart, CONFIG, WIDTH), "background": "white"}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
