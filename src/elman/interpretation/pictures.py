"""How findings look: one theme, colours that colour-blind readers can tell apart, axes with units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito 2008.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
Rows = Sequence[Mapping[str, Any]]


def lines(
    rows: Rows,
    x: str,
    y: str,
    colour: str | None = None,
    *,
    log_x: bool = False,
    points: bool = True,
    height: int = 220,
) -> dict[str, Any]:
    """A line chart as a Vega-Lite specification; column names are the axis titles, `x` kept in order of size."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_line(point=points)
    scale = alt.Scale(type="log") if log_x else alt.Scale(zero=False)
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x, scale=scale),
        "y": alt.Y(f"{field(y)}:Q", title=y, scale=alt.Scale(zero=False)),
    }
    if colour:
        parts["color"] = alt.Color(f"{field(colour)}:N", title=None, scale=alt.Scale(range=list(COLOURS)))
    return finish(chart.encode(**parts), height)


def bars(rows: Rows, x: str, y: str, colour: str | None = None, *, height: int = 220) -> dict[str, Any]:
    """Horizontal bars: `y` names, `x` numbers, in the order given."""
    import altair as alt

    chart = alt.Chart(alt.Data(values=list(rows))).mark_bar()
    parts: dict[str, Any] = {
        "x": alt.X(f"{field(x)}:Q", title=x),
        "y": alt.Y(f"{field(y)}:N", title=None, sort=None),
    }
    if colour:
        parts["color"] = alt.Color(f"{field(colour)}:N", title=None, scale=alt.Scale(range=list(COLOURS)))
    return finish(chart.encode(**parts), height)


def steps(rows: Rows, x: str, y: str, facet: str, *, height: int = 90) -> dict[str, Any]:
    """One small step chart per sequence, under each other: the staircase. `x` are labelled steps in the order given."""
    import altair as alt

    base = alt.Chart().encode(
        x=alt.X(
            "place:O",
            title=None,
            axis=alt.Axis(labelExpr="split(datum.label, '')[0]", labels=False, ticks=False),
        ),
        y=alt.Y(f"{field(y)}:Q", title=y),
    )
    text = base.mark_text(dy=-9, fontSize=13).encode(text=f"{field(x)}:N")
    chart = alt.layer(
        base.mark_line(interpolate="step", color=COLOURS[0]),
        base.mark_point(filled=True, color=COLOURS[0], size=35),
        text,
    )
    whole = alt.layer(*chart.layer, data=alt.Data(values=list(rows))).properties(height=height, width=560)
    return dict(
        whole.facet(
            row=alt.Row(
                f"{field(facet)}:N", title=None, sort=None, header=alt.Header(labelAngle=0, labelAlign="left")
            )
        )
        .resolve_scale(x="independent")
        .to_dict()
    )


def heat(rows: Rows, x: str, y: str, colour: str, *, height: int = 220) -> dict[str, Any]:
    """A signed map: blue below zero, orange above."""
    import altair as alt

    chart = (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_rect()
        .encode(
            x=alt.X(f"{field(x)}:O", title=x, axis=alt.Axis(labelOverlap=True)),
            y=alt.Y(f"{field(y)}:N", title=None, sort=None),
            color=alt.Color(
                f"{field(colour)}:Q", title=colour, scale=alt.Scale(scheme="blueorange", domainMid=0)
            ),
        )
    )
    return finish(chart, height)


def field(name: str) -> str:
    """A column name that Vega-Lite does not read as a path."""
    return (
        name.replace("\\", "\\\\")
        .replace(".", "\\.")
        .replace("[", "\\[")
        .replace("]", "\\]")
        .replace(":", "\\:")
    )


def finish(chart: Any, height: int) -> dict[str, Any]:
    """The chart's specification at the report's width."""
    return dict(chart.properties(width="container", height=height).to_dict())
