"""Charts: Vega-Lite specifications, and their drawing as inline SVG that follows the page's light or dark text.

Drawn once when the report is written, so that the page needs no script and no network to show them.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from elman.core.showing import styled
from elman.report.numbers import words

# Mid-tones with at least 3:1 against both the white and the near-black page (Okabe and Ito's hues, adjusted).
COLOURS = ("#2f7dd1", "#d9700f", "#149a7c", "#c05aa5", "#a0801a", "#7d72d8", "#cf4d4d", "#6d8796")
NETWORK, RIVAL = COLOURS[0], COLOURS[1]
WIDTH = 390  # pixels, where a chart leaves it open
BESIDE = 620  # pixels up to which a chart can be read in the 478 of a column beside its text

CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "padding": {"left": 12, "right": 5, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.13,
        "domainColor": "currentColor",
        "domainOpacity": 0.4,
        "tickColor": "currentColor",
        "tickOpacity": 0.4,
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
    },
    "axisQuantitative": {"tickCount": 5},
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "symbolStrokeWidth": 3,
        "labelLimit": 300,
        "orient": "top",
        "columnPadding": 26,
    },
    "header": {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 13},
    "title": {
        "color": "currentColor",
        "fontSize": 13,
        "anchor": "start",
        "fontWeight": 600,
        "subtitleColor": "currentColor",
    },
    "line": {"strokeJoin": "round"},
    "text": {"color": "currentColor"},
    "rule": {"color": "currentColor"},
    "mark": {"color": NETWORK},
    "range": {"category": list(COLOURS)},
    "style": {"guide-label": {"fill": "currentColor"}, "guide-title": {"fill": "currentColor"}},
}
_serial = itertools.count()


class ChartError(Exception):
    """A specification that Vega-Lite cannot draw; the message is Vega-Lite's first line."""


def draw(spec: Mapping[str, Any]) -> str:
    """A Vega-Lite specification as inline SVG; raises ChartError where it cannot be drawn.

    Data must be inside the specification: addresses are refused, so that nothing is ever fetched.
    """
    import vl_convert

    whole = {**styled(spec, CONFIG, WIDTH), "background": None}
    try:
        svg: str = vl_convert.vegalite_to_svg(whole, allowed_base_urls=[])
    except ValueError as error:
        lines = str(error).splitlines()
        raise ChartError(lines[1] if len(lines) > 1 else str(error)) from None
    return _inline(svg)


def _inline(svg: str) -> str:
    """Names inside one SVG must not meet those of the next on the same page; black follows the text's colour."""
    prefix = f"c{next(_serial)}-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}', svg)
    svg = re.sub(r'"(?:#000|#000000|black)"', '"currentColor"', svg)
    width = re.search(r'width="([\d.]+)"', svg)
    wide = " data-wide" if width and float(width[1]) > BESIDE else ""
    style = f'<svg style="--w:{width[1]}px"{wide} ' if width else "<svg "
    return svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").replace("<svg ", style, 1)


def curves(
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    axis: str,
    x: str = "step",
    rival: tuple[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Lines over `x`, one per name in `names`, and a dashed rule where the best rival stands.

    `labels` renames curves in the legend. Rows without a name simply have no point there. None where no row has any of the names.
    """
    said = labels or {}
    points = [
        {"x": row[x], "y": row[name], "curve": said.get(name, words(name))}
        for row in rows
        for name in names
        if isinstance(row.get(x), (int, float)) and isinstance(row.get(name), (int, float))
    ]
    if not points:
        return None
    few = len(points) <= 80 * len(names)
    names = [name for name in names if any(isinstance(row.get(name), (int, float)) for row in rows)]
    legend = [said.get(name, words(name)) for name in names] + (
        [f"best rival: {words(rival[0])}"] if rival else []
    )
    hues = [NETWORK, *COLOURS[2:]][: len(names)] + ([RIVAL] if rival else [])
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": points},
            "mark": {"type": "line", "point": {"size": 22} if few else False, "strokeWidth": 2},
            "encoding": {
                "x": {"field": "x", "type": "quantitative", "title": words(x), "axis": {"grid": False}},
                "y": {"field": "y", "type": "quantitative", "title": axis, "scale": {"zero": False}},
                "color": {
                    "field": "curve",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": legend, "range": hues},
                    "legend": {"symbolType": "stroke", "symbolStrokeWidth": 3},
                },
            },
        }
    ]
    if rival is not None:
        layers.append(
            {
                "data": {"values": [{"y": rival[1], "curve": f"best rival: {words(rival[0])}"}]},
                "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5},
                "encoding": {
                    "y": {"field": "y", "type": "quantitative"},
                    "color": {"field": "curve", "type": "nominal"},
                },
            }
        )
    return {"layer": layers, "width": 330, "height": 190}


def calibration(bins: Sequence[tuple[float, float, int]]) -> dict[str, Any]:
    """Reliability: (mean confidence, share right, count) of each bin; on the diagonal, confidence is earned.

    Each share has its 95% interval (Wilson 1927), so that a bin with two examples does not look like a fault.
    """
    rows = [
        {"confidence": confidence, "accuracy": right, "count": count, "low": low, "high": high}
        for confidence, right, count in bins
        for low, high in [_wilson(right, count)]
    ]
    domain = {"scale": {"domain": [0, 1]}, "type": "quantitative"}
    return {
        "width": 260,
        "height": 230,
        "layer": [
            {
                "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": "currentColor", "opacity": 0.5},
                "encoding": {"x": {"field": "x", **domain}, "y": {"field": "y", **domain}},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.45, "color": NETWORK},
                "encoding": {
                    "x": {"field": "confidence", "title": "how sure it is (confidence)", **domain},
                    "y": {"field": "low", "title": "how often it is right", **domain},
                    "y2": {"field": "high"},
                },
            },
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "opacity": 0.9},
                "encoding": {
                    "x": {"field": "confidence", **domain},
                    "y": {"field": "accuracy", **domain},
                    "size": {
                        "field": "count",
                        "type": "quantitative",
                        "legend": None,
                        "scale": {"range": [25, 260]},
                    },
                },
            },
        ],
    }


def abstention(curve: Sequence[tuple[float, float, float]]) -> dict[str, Any]:
    """Accuracy on the surest examples: (share answered, share right, least confidence) from few to all."""
    rows = [
        {"answered": 100 * share, "accuracy": 100 * right, "confidence": sure} for share, right, sure in curve
    ]
    return {
        "width": 260,
        "height": 230,
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"size": 30}, "color": NETWORK},
        "encoding": {
            "x": {"field": "answered", "type": "quantitative", "title": "answered, the surest first (%)"},
            "y": {
                "field": "accuracy",
                "type": "quantitative",
                "title": "right among those (%)",
                "scale": {"zero": False},
            },
            "tooltip": [{"field": "confidence", "type": "quantitative"}],
        },
    }


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """95% interval of a share of `count` examples (Wilson 1927)."""
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)
