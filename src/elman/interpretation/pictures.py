"""How findings look: colours that colour-blind readers can tell apart, titles that say what is seen, axes with units.

Charts are Vega-Lite specifications with their data inside; the page that shows them sets fonts and follows light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

# Hues of Okabe and Ito (2008), as mid-tones that keep 3:1 against a white page and a near-black one.
COLOURS = ("#2f7dd1", "#d9700f", "#149a7c", "#c05aa5", "#a0801a", "#7d72d8")
FOR, AGAINST = "217,112,15", "47,125,209"  # orange speaks for, blue against
WIDTH = 480  # pixels, inside joined charts, where "as wide as the page" cannot be said
VISIBLE = {" ": "␣", "\t": "⇥", "\n": "↵", "\r": "␍", "": "∅"}
Rows = Sequence[Mapping[str, Any]]


def lines(
    rows: Rows, x: str, y: str, colour: str | None = None, *, log_x: bool = False, points: bool = True,
    height: int = 220, title: str = "", mark: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A line chart; column names are the axis titles. `mark` draws a dashed rule at that x."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_line(point=points, color=COLOURS[0])
    scale = alt.Scale(type="log", nice=False) if log_x else alt.Scale(zero=False)
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x, scale=scale, axis=alt.Axis(labelOverlap=True, grid=False)),
        "y": alt.Y(f"{field(y)}:Q", title=y, scale=alt.Scale(zero=False)),
    }
    if colour:
        parts["color"] = hue(rows, colour)
    picture: Any = chart.encode(**parts)
    if mark is not None:
        place = alt.Chart(alt.Data(values=[{x: mark}])).mark_rule(strokeDash=[5, 4], color="#808080")
        picture = alt.layer(picture, place.encode(x=alt.X(f"{field(x)}:Q", title=x, scale=scale)))
    return finish(picture, height, title)


def bars(
    rows: Rows, x: str, y: str, colour: str | None = None, *, height: int = 220, title: str = ""
) -> dict[str, Any]:
    """Horizontal bars: `y` names, `x` numbers, in the order given."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_bar(color=COLOURS[0])
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
    }
    if colour:
        parts["color"] = hue(rows, colour)
    return finish(chart.encode(**parts), height, title)


def steps(rows: Rows, x: str, y: str, facet: str, *, height: int = 90) -> dict[str, Any]:
    """One small step chart per sequence, under each other: the staircase. `x` are labelled steps in the order given."""
    import altair as alt

    hidden = alt.Axis(labels=False, ticks=False)
    base = alt.Chart().encode(x=alt.X("place:O", title=None, axis=hidden), y=alt.Y(f"{field(y)}:Q", title=y))
    whole = alt.layer(
        base.mark_line(interpolate="step-after", color=COLOURS[0]),
        base.mark_point(filled=True, color=COLOURS[0], size=35),
        base.mark_text(dy=-9, fontSize=13).encode(text=f"{field(x)}:N"),
        data=alt.Data(values=list(rows)),
    ).properties(height=height, width=560)
    header = alt.Header(labelAngle=0, labelAlign="left")
    rowed = whole.facet(row=alt.Row(f"{field(facet)}:N", title=None, sort=None, header=header))
    return dict(rowed.resolve_scale(x="independent").to_dict())


def heat(
    rows: Rows, x: str, y: str, colour: str, *, height: int = 220, title: str = "", descending: bool = False
) -> dict[str, Any]:
    """A signed map, blue below zero and orange above; `descending` puts the largest x on the left."""
    import altair as alt

    encoding = {
        "x": alt.X(
            f"{field(x)}:O", title=x, axis=alt.Axis(labelOverlap=True, labelAngle=0),
            sort="descending" if descending else "ascending",
        ),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None),
        "color": alt.Color(
            f"{field(colour)}:Q", title=colour, scale=alt.Scale(scheme="blueorange", domainMid=0)
        ),
    }  # fmt: skip
    return finish(alt.Chart(alt.Data(values=list(rows))).mark_rect().encode(**encoding), height, title)


def stack(*charts: dict[str, Any]) -> dict[str, Any]:
    """Charts under each other, as one specification."""
    shared = ("$schema", "config")
    inside = [{key: value for key, value in chart.items() if key not in shared} for chart in charts]
    for chart in inside:
        chart["width"] = WIDTH
    outside = {key: charts[0][key] for key in shared if key in charts[0]}
    return {**outside, "vconcat": inside, "resolve": {"scale": {"color": "independent"}}}


def hue(rows: Rows, name: str) -> Any:
    """The colour of a column's values, in the order they first appear."""
    import altair as alt

    domain = list(dict.fromkeys(row[name] for row in rows))
    scale = alt.Scale(domain=domain, range=list(COLOURS[: len(domain)]))
    return alt.Color(f"{field(name)}:N", title=None, scale=scale)


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
        style = f"background:rgba({FOR if value > 0 else AGAINST},{0.7 * share:.2f})"
        shown = html.escape(visible(name) if name.isspace() and name != " " else name)
        spans.append(
            f'<span style="{style}" title="{value:+.3g}{html.escape(unit)}">{shown}</span>'
            + ("<br>" if name == "\n" else "")
        )
    return ("" if single else " ").join(spans)
