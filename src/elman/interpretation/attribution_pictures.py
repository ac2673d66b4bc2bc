"""How attribution looks: coloured text, the map of feature and time, how far back credit reaches, the deletion curve."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.interpretation.pictures import COLOURS, coloured, field, finish, heat, hue, lines, visible
from elman.interpretation.view import Sample, View

SHOWN_STEPS = 120  # of a sequence that is shown as text
REACH = 60  # steps before the end that the reach is drawn for
Rows = list[dict[str, Any]]


def reach(curves: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Share of the credit by distance from the end, one line for each curve (time,)."""
    rows = [
        {"step, counted from the end": back + 1, "share of the credit": float(value), "network": name}
        for name, values in curves.items()
        for back, value in enumerate(values[:REACH])
    ]
    title = "How far back credit reaches"
    return lines(rows, "step, counted from the end", "share of the credit", "network", points=False, height=150, title=title)  # fmt: skip


def deletion(
    shares: np.ndarray, curves: Mapping[str, np.ndarray], chance: np.ndarray, what: str
) -> dict[str, Any]:
    """What is left of the answer against the share of the steps taken out (points,): a line for each curve (points,), and a band
    between the least and the greatest of `chance` (orders, points). The lower, the better the order.
    """
    import altair as alt

    x, y = "% of the steps taken out", what
    low, high = np.percentile(chance, [2.5, 97.5], axis=0)
    band = [{x: 100 * float(at), "low": float(a), "high": float(b)} for at, a, b in zip(shares, low, high)]
    rows = [
        {x: 100 * float(at), y: float(value), "order": name}
        for name, curve in curves.items()
        for at, value in zip(shares, curve)
    ]
    axis = alt.X(f"{field(x)}:Q", title=x, axis=alt.Axis(grid=False))
    scale = alt.Scale(zero=False)
    area = alt.Chart(alt.Data(values=band)).mark_area(color="#808080", opacity=0.35)
    line: Any = alt.Chart(alt.Data(values=rows)).mark_line(point=True, color=COLOURS[0])
    picture: Any = alt.layer(
        area.encode(x=axis, y=alt.Y("low:Q", title=y, scale=scale), y2="high:Q"),
        line.encode(
            x=axis, y=alt.Y(f"{field(y)}:Q", title=y, scale=scale), color=hue(rows, "order", "stroke")
        ),
    )
    return finish(picture, 150, "The answer without the steps credited most (grey: random orders)")


def feature_map(features: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Mean absolute credit by feature and time (time, size), in at most 48 columns."""
    back = -(-len(features) // 48)
    rows = [
        {
            "step, counted from the end": len(features) - start,
            "feature": names[k] if k < len(names) else f"input {k + 1}",
            "mean size of credit": float(features[start : start + back, k].mean()),
        }
        for start in range(0, len(features), back)
        for k in range(features.shape[1])
    ]
    title = "Which inputs count, from the past on the left to now"
    height = max(60, min(320, 20 * features.shape[1]))
    return heat(rows, "step, counted from the end", "feature", "mean size of credit", height=height, title=title, descending=True)  # fmt: skip


def painted(
    view: View, sample: Sample, credit: np.ndarray, chosen: Sequence[int], shown: int, *, signed: bool = True
) -> str:
    """The first `shown` sequences as text, orange where a step speaks for the output, blue where against it."""
    what = "predicted next step" if view.names_next_step else "prediction" if view.labels else "value"
    deep = coloured(["for" if signed else "of weight"], [1.0], 1.0)
    against = f" it or {coloured(['against'], [-1.0], 1.0)} it" if signed else " to it, whichever way"
    spoke = "that spoke" if signed else "that are"
    text = f"<p><small>The {what}, and the steps {spoke} {deep}{against}:</small></p>"
    return text + "".join(_text(view, sample, row, credit, chosen) for row in range(min(shown, len(sample))))


def loudest(view: View, sample: Sample, credit: np.ndarray, chosen: Sequence[int]) -> Rows:
    """The steps that speak loudest for an answer: mean credit where seen at least three times; not for language models."""
    assert view.step_names is not None
    if view.names_next_step:
        return []
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in range(len(sample)):
        label = view.labels[chosen[row]] if view.labels else "a higher value"
        names = view.step_names(sample.inputs[row][: sample.length(row)])
        for name, value in zip(names, credit[row]):
            seen[name, label].append(float(value))
    often = [(float(np.mean(values)), *key, len(values)) for key, values in seen.items() if len(values) >= 3]
    return [
        {"step": visible(name), "speaks for": label, "mean credit": mean, "times": times}
        for mean, name, label, times in sorted(often, key=lambda one: -one[0])[:12]
        if mean > 0
    ]


def words_table(rows: Rows) -> str:
    """The loudest steps as a table; nothing where there are none."""
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(f'{value:.3g}' if isinstance(value, float) else str(value))}</td>" for value in row.values()) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><caption>Loudest over all sequences</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(view: View, sample: Sample, row: int, credit: np.ndarray, chosen: Sequence[int]) -> str:
    assert view.step_names is not None
    length = sample.length(row)
    each = credit[row, :length]
    first = max(0, length - SHOWN_STEPS)
    names = view.step_names(sample.inputs[row][:length])[first:]
    label = html.escape(visible(view.labels[chosen[row]])) if view.labels else "value"
    before = "… " if first else ""
    return (
        f"<p><b>{label}</b>: {before}{coloured(names, each[first:].tolist(), float(np.abs(each).max()))}</p>"
    )
