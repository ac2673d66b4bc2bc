from __future__ import annotations

import io

import pytest
from rich.console import Console

from elman.core.results import Metric, Score, Scores, Value
from elman.report.numbers import difference, duration, interval, number, point
from elman.report.tables import confusion_table, scores_table
from elman.report.terminal import print_advice, render_findings, render_history, render_scores, render_verdict

from .sample import content, scores


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.87312, "0.8731"), (0, "0"), (8.0, "8"), (123456.0, "123,456"), (-1.5, "−1.500"), (None, "–"), (float("nan"), "–"),
     (float("inf"), "∞"), (3e-7, "3e−07"), (2.5e9, "2.5e+09")],
)  # fmt: skip
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_an_interval_sets_the_digits() -> None:
    value = Value(0.87312, 0.86520, 0.88071)
    assert point(value) == "0.873" and interval(value) == "0.865 to 0.881"
    assert difference(Value(0.0213, 0.0091, 0.0334)) == "+0.021 (0.009 to 0.033)"
    assert difference(Value(-12.0, -30.0, 6.0)) == "−12 (−30 to 6)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.01, "< 0.1 s"), (3.14, "3.1 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_bars_share_one_scale_that_a_guess_does_not_squeeze() -> None:
    rows = {row.name: row for row in scores_table(scores()).rows}
    network, rival, guess = rows["reviews-gru-0001"].bar, rows["tfidf logistic"].bar, rows["majority"].bar
    assert network and rival and guess
    assert network.dot - rival.dot > 20 and guess.beyond == -1
    assert 0 <= network.low <= network.dot <= network.low + network.width <= 100


def test_lower_is_better_keeps_the_low_end_in_view() -> None:
    rows = tuple(
        Score(name, "test", name != "net", {"mse": Value(v)})
        for name, v in (("a", 0.40), ("net", 0.41), ("b", 0.5), ("mean", 9.0))
    )
    bars = {
        row.name: row.bar
        for row in scores_table(Scores("test", Metric("mse", "", False), rows, (), "", False)).rows
    }
    assert bars["mean"] is not None and bars["mean"].beyond == 1
    assert bars["a"] is not None and bars["a"].beyond == 0


def test_confusion_shades_by_row() -> None:
    table = confusion_table({"confusion": [[8, 2], [0, 5]], "labels": ["no", "yes"]})
    assert table is not None
    assert table.labels == ("no", "yes") and table.cells == (((8, 0.8), (2, 0.2)), ((0, 0.0), (5, 1.0)))
    assert confusion_table({}) is None


@pytest.mark.parametrize("width", [40, 60, 120])
def test_the_terminal_stays_in_its_width_without_colour(width: int) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True, color_system=None)
    whole = content()
    console.print(render_scores(scores()))
    console.print(render_verdict(scores()))
    console.print(render_findings(whole.findings))
    console.print(render_history(whole.history, "accuracy"))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text and "▲" in text
    assert text.index("tfidf") < text.index("reviews-gru") or width < 50


def test_advice_keeps_its_command_on_one_line() -> None:
    stream = io.StringIO()
    print_advice(Console(file=stream, width=30), content().advice)
    assert "elman train reviews --dropout 0.3 --seed 7" in stream.getvalue()


def test_markup_in_names_is_shown_as_it_is() -> None:
    stream = io.StringIO()
    rows = (Score("net[bold]", "test", False, {"mse": Value(1.0)}),)
    named = Scores("test", Metric("mse", "", False), rows, (), "fine [red]", False)
    Console(file=stream, width=80).print(render_scores(named), render_verdict(named))
    assert "net[bold]" in stream.getvalue() and "fine [red]" in stream.getvalue()
