"""How findings look: colours that colour-blind readers can tell apart, titles that say what is seen, axes with units.

Charts are Vega-Lite specifications with their data inside; the page that shows them sets fonts and follows light or dark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

# Hues of Okabe and Ito (2008), as mid-tones that keep 3:1 against a white page and a near-black one.
COLOURS = ("#2f7dd1", "#d9700f", "#149a7c", "#c05aa5", "#a0801a", "#7d72d8")
FOR, AGAINST = "217,112,15", "47,125,209"  # orange speaks for, blue against
GREY = 0x80  # of the middle, in red, green and blue
WIDTH = 390  # pixels, inside joined charts, where "as wide as the page" cannot be said
LINE = 70  # letters of a legend, with its symbols, that fit in one line
VISIBLE = {" ": "␣", "\t": "⇥", "\n": "↵", "\r": "␍", "": "∅"}
Rows = Sequence[Mapping[str, Any]]


def lines(
    rows: Rows, x: str, y: str, colour: str | None = None, *, log_x: bool = False, points: bool = True,
    height: int = 220, title: str = "", mark: float | None = None, band: tuple[float, float] | None = None, names: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """A line chart; column names are the axis titles. `mark` draws a dashed rule at that x, `band` a shade from one x to another.

    `names` are all that have a colour, in order, also those without a line; those of the rows where it is empty.
    """
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_line(point=points, color=COLOURS[0])
    scale = alt.Scale(type="log", nice=False) if log_x else alt.Scale(zero=False)
    axis: Any = {"labelOverlap": True, "grid": False}
    if log_x:
        axis |= {"values": _round_numbers([float(row[x]) for row in rows])}
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x, scale=scale, axis=alt.Axis(**axis)),
        "y": alt.Y(f"{field(y)}:Q", title=y, scale=alt.Scale(zero=False)),
    }
    if colour:
        parts["color"] = hue(rows, colour, "stroke", names)
    picture: Any = chart.encode(**parts)
    at = alt.X(f"{field(x)}:Q", title=x, scale=scale)
    if band is not None and band[0] < band[1]:
        shade = alt.Chart(alt.Data(values=[{x: band[0], "to": band[1]}])).mark_rect(
            opacity=0.15, color="#808080"
        )
        picture = alt.layer(shade.encode(x=at, x2="to:Q"), picture)
    if mark is not None:
        place = alt.Chart(alt.Data(values=[{x: mark}])).mark_rule(strokeDash=[5, 4], color="#808080")
        picture = alt.layer(picture, place.encode(x=at))
    return finish(picture, height, title)


def bars(
    rows: Rows, x: str, y: str, colour: str | None = None, *,
    height: int = 220, title: str = "", most: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Horizontal bars: `y` names, `x` numbers up to `most`, in the order given."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_bar(color=COLOURS[0])
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x, scale=alt.Scale(domainMax=most) if most else alt.Scale()),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
    }
    if colour:
        parts["color"] = hue(rows, colour)
    return finish(chart.encode(**parts), height, title)


def dots(rows: Rows, x: str, y: str, colour: str, *, height: int = 220, title: str = "") -> dict[str, Any]:
    """Numbers beside names, one dot for each colour on the same line: a value and what it is held against."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, size=60, opacity=1)
    parts = {
        "x": alt.X(f"{field(x)}:Q", title=x),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, grid=True)),
        "color": hue(rows, colour, "circle"),
    }
    return finish(chart.encode(**parts), height, title)


def histogram(
    values: Mapping[str, Sequence[float]], x: str, *, bins: int = 30, height: int = 220, title: str = ""
) -> dict[str, Any]:
    """How the numbers of each name are spread: the share of them in each of `bins` equal bins over the range of all."""
    import altair as alt
    import numpy as np

    every = np.concatenate([np.asarray(each, dtype=float) for each in values.values()])
    edges = np.histogram_bin_edges(every, bins)
    y, name = "share (%)", "name"
    rows = [
        {x: float(first), "to": float(last), y: 100 * float(count) / max(1, len(each)), name: called}
        for called, each in values.items()
        for first, last, count in zip(edges[:-1], edges[1:], np.histogram(each, edges)[0])
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_rect(opacity=0.55)
    parts = {
        "x": alt.X(f"{field(x)}:Q", title=x, scale=alt.Scale(zero=False, nice=False)),
        "x2": alt.X2("to:Q"),
        "y": alt.Y(f"{field(y)}:Q", title=y, scale=alt.Scale(zero=True)),
        "y2": alt.Y2(datum=0),
        "color": hue(rows, name),
    }
    return finish(chart.encode(**parts), height, title)


def steps(
    rows: Rows, x: str, y: str, facet: str, *, height: int = 62, title: str = "", whole_numbers: bool = False
) -> dict[str, Any]:
    """One small step chart per sequence, under each other: the staircase. `x` are labelled steps in the order given,
    written under the axis; all sequences share both axes, so that a step is as wide in each.
    """
    import altair as alt

    hidden = alt.Axis(labels=False, ticks=False, domain=False)
    ticks = alt.Axis(tickMinStep=1, tickCount=4) if whole_numbers else alt.Axis(tickCount=3)
    at = alt.X("place:O", title=None, axis=hidden)
    base = alt.Chart().encode(x=at, y=alt.Y(f"{field(y)}:Q", title=None, axis=ticks))
    whole = alt.layer(
        base.mark_line(interpolate="step-after", color=COLOURS[0], strokeWidth=2),
        base.mark_point(filled=True, color=COLOURS[0], size=30, opacity=1),
        alt.Chart()
        .mark_text(fontSize=14, baseline="top")
        .encode(x=at, y=alt.value(height + 5), text=f"{field(x)}:N"),
        data=alt.Data(values=list(rows)),
    ).properties(height=height, width=WIDTH)
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontSize=13, labelPadding=4)
    rowed = whole.facet(row=alt.Row(f"{field(facet)}:N", title=None, sort=None, header=header), spacing=24)
    return dict(rowed.properties(title=alt.TitleParams(title, offset=10) if title else "").to_dict())


def _round_numbers(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, 20 ..., or 1, 3, 10, 30 ... where they are many, within the values: the ticks of a log axis."""
    low, high = min(values), max(values)
    digits = (1, 2, 5) if high < 30 * low else (1, 3)
    return [each * 10.0**power for power in range(7) for each in digits if low <= each * 10**power <= high]


def heat(
    rows: Rows, x: str, y: str, colour: str, *, height: int = 220, title: str = "", descending: bool = False
) -> dict[str, Any]:
    """A map, orange where positive, blue where negative; `descending` puts the largest x on the left."""
    import altair as alt

    signed = min((float(row[colour]) for row in rows), default=0.0) < 0
    hues = alt.Scale(scheme="blueorange", domainMid=0) if signed else alt.Scale(scheme="oranges")

    encoding = {
        "x": alt.X(
            f"{field(x)}:O", title=x, axis=alt.Axis(labelOverlap=True, labelAngle=0),
            sort="descending" if descending else "ascending",
        ),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None),
        "color": alt.Color(
            f"{field(colour)}:Q", title=colour, scale=hues
        ),
    }  # fmt: skip
    return finish(alt.Chart(alt.Data(values=list(rows))).mark_rect().encode(**encoding), height, title)


def plane(
    paths: Rows, dots: Rows, x: str, y: str, *, unit_circle: bool = False, height: int = 300, title: str = ""
) -> dict[str, Any]:
    """Ways through a plane, one line per "sequence" in the order of "step", and named "point"s on it."""
    import altair as alt

    def axis(kind: Any, name: str) -> Any:
        return kind(f"{field(name)}:Q", title=name, scale=alt.Scale(zero=False), axis=alt.Axis(grid=False))

    at, layers = {"x": axis(alt.X, x), "y": axis(alt.Y, y)}, []
    if unit_circle:
        ring = [{x: math.cos(k / 32 * math.pi), y: math.sin(k / 32 * math.pi), "step": k} for k in range(65)]
        line = alt.Chart(alt.Data(values=ring)).mark_line(color="#808080", strokeDash=[5, 4])
        layers.append(line.encode(**at, order=alt.Order("step:Q")))
    if paths:
        way = alt.Chart(alt.Data(values=list(paths))).mark_line(strokeWidth=1, opacity=0.6, color="#808080")
        layers.append(way.encode(**at, detail="sequence:N", order=alt.Order("step:Q")))
        ends = [row for row in paths if row["step"] == 0]
        layers.append(alt.Chart(alt.Data(values=ends)).mark_point(size=18, color="#808080").encode(**at))
    if dots:
        mark = alt.Chart(alt.Data(values=list(dots))).mark_point(filled=True, size=60, opacity=0.9)
        layers.append(mark.encode(**at, color=hue(dots, "point", "circle")))
    return finish(alt.layer(*layers), height, title)


def ranks(rows: Rows, x: str, y: str, *, height: int = 160, title: str = "") -> dict[str, Any]:
    """Numbers by rank, against a line at zero."""
    import altair as alt

    dots = alt.Chart(alt.Data(values=list(rows))).mark_point(filled=True, color=COLOURS[0], size=40)
    zero = alt.Chart(alt.Data(values=[{y: 0.0}])).mark_rule(strokeDash=[5, 4], color="#808080")
    at = alt.Y(f"{field(y)}:Q", title=y)
    ticks = alt.Axis(tickMinStep=1, grid=False)
    picture: Any = alt.layer(
        zero.encode(y=at), dots.encode(x=alt.X(f"{field(x)}:Q", title=x, axis=ticks), y=at)
    )
    return finish(picture, height, title)


def stack(*charts: dict[str, Any]) -> dict[str, Any]:
    """Charts under each other, as one specification."""
    shared = ("$schema", "config")
    inside = [{key: value for key, value in chart.items() if key not in shared} for chart in charts]
    for chart in inside:
        chart["width"] = WIDTH - 60  # names stand on the left of the bars
    outside = {key: charts[0][key] for key in shared if key in charts[0]}
    return {**outside, "vconcat": inside, "resolve": {"scale": {"color": "independent"}}}


def hue(rows: Rows, name: str, symbol: str = "square", names: Sequence[str] = (), *, ranked: bool = False) -> Any:  # fmt: skip
    """The colour of a column's values: of `names`, else in the order they first appear; `symbol` stands for each in the legend.

    Values that are `ranked`, lowest first, go from blue by grey to orange.
    """
    import altair as alt

    domain = list(names or dict.fromkeys(row[name] for row in rows))
    colours = ramp(len(domain)) if ranked else list(COLOURS[: len(domain)])
    scale = alt.Scale(domain=domain, range=colours)
    # Names that make a line longer than a chart is wide stand in two columns.
    columns = 2 if len(domain) > 2 and sum(len(str(each)) + 5 for each in domain) > LINE else alt.Undefined
    legend = alt.Legend(symbolType=symbol, columns=columns)
    return alt.Color(f"{field(name)}:N", title=None, scale=scale, legend=legend)


def ramp(count: int) -> list[str]:
    """Colours for `count` values from the lowest to the highest: blue by grey to orange, each at 3:1 against white and near-black."""
    found = []
    for k in range(count):
        place = 2 * k / (count - 1) - 1 if count > 1 else -1.0
        end = COLOURS[0] if place < 0 else COLOURS[1]
        mixed = [round(abs(place) * int(end[at : at + 2], 16) + (1 - abs(place)) * GREY) for at in (1, 3, 5)]
        found.append("#" + "".join(f"{part:02x}" for part in mixed))
    return found


def field(name: str) -> str:
    """A column name that Vega-Lite does not read as a path."""
    for sign in "\\.[]:":
        name = name.replace(sign, f"\\{sign}")
    return name


def finish(chart: Any, height: int, title: str = "") -> dict[str, Any]:
    """The chart's specification at the page's width."""
    titled = chart.properties(title=title) if title else chart
    return dict(titled.properties(width="container", height=height).to_dict())


def visible(name: str) -> str:
    """A step's name with white space made visible."""
    return VISIBLE.get(name, name)


def coloured(names: Sequence[str], values: Sequence[float], most: float, unit: str = "") -> str:
    """Steps as text, orange where the value is positive and blue where negative, full colour at `most`; escaped."""
    single = all(len(name) <= 1 for name in names)
    spans = []
    for name, value in zip(names, values):
        share = min(1.0, abs(value) / most) if most > 0 else 0.0
        style = f"background:rgba({FOR if value > 0 else AGAINST},{0.6 * share:.2f})"
        shown = html.escape(visible(name) if name.isspace() and name != " " else name)
        spans.append(
            f'<span style="{style}" title="{value:+.3g}{html.escape(unit)}">{shown}</span>'
            + ("<br>" if name == "\n" else "")
        )
    return ("" if single else " ").join(spans)
