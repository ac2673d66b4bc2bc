from __future__ import annotations

import io

import pytest
from rich.console import Console

from elman.core.results import Metric, Paired, Score, Scores, Value
from elman.evaluation import forecast, language, regression
from elman.report.glossary import meaning, metric
from elman.report.numbers import column, difference, duration, interval, moment, number, point
from elman.report.tables import confusion_table, entity_table, scores_table, slice_tables
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
    assert interval(Value(1.755, 1.755, 1.755 + 1e-13)) == "" and difference(Value(0.0, 0.0, 0.0)) == "0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.01, "< 0.1 s"), (3.14, "3.1 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_column_shares_its_decimals_and_hides_no_small_number_as_zero() -> None:
    assert column([0.1364, 0.2535, 0.5928, 1.343]) == ["0.136", "0.254", "0.593", "1.343"]
    assert column([0.9, 0.00001, 0.0, None]) == ["0.900", "< 0.001", "0", "–"]
    assert column([3e-7, 5e-7]) == ["3e−07", "5e−07"]


def test_a_time_is_told_in_utc() -> None:
    assert moment("2026-03-01T15:05:59+0100") == "2026-03-01 14:05 UTC"
    assert moment("today") == "today"


def test_a_far_better_rival_keeps_two_digits() -> None:
    rows = (
        Score("linear", "test", True, {"mse": Value(0.000067, 0.000055, 0.000081)}),
        Score("net", "test", False, {"mse": Value(0.0522, 0.0478, 0.0558)}),
    )
    shown = scores_table(Scores("test", Metric("mse", "", False), rows, (), "", False)).rows
    assert [row.value for row in shown] == ["0.000067", "0.0522"]


def test_equal_answers_have_no_p_value() -> None:
    rows = (
        Score("net", "test", False, {"mse": Value(1.0)}),
        Score("mean", "test", True, {"mse": Value(1.0)}),
    )
    pair = Paired("mean", "mse", Value(0.0, 0.0, 0.0), 0.001)
    shown = scores_table(Scores("test", Metric("mse", "", False), rows, (pair,), "", False)).rows
    assert shown[1].p == "" and shown[1].sign == ""


def test_slices_lie_on_one_scale_beside_the_whole() -> None:
    rows = (Score("net", "test", False, {"mse": Value(2.0)}),)
    parts = {"length": (("short", 5, 1.0), ("long", 5, 3.0), ("none", 0, float("nan")))}
    made = slice_tables(Scores("test", Metric("mse", "", False), rows, (), "", False, slices=parts))["length"]
    assert [part.dot for part in made] == [0.0, 100.0, None] and made[0].whole == 50.0


def test_every_primary_metric_is_explained() -> None:
    for primary in (forecast.PRIMARY, language.PRIMARY, regression.PRIMARY):
        assert meaning(primary.name), primary.name
    assert metric("mse") == "MSE" and metric("own_metric") == "own metric" and not meaning("own_metric")


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


def test_a_metric_that_is_its_own_unit_is_said_once() -> None:
    rows = (Score("net", "test", False, {"nats_per_character": Value(1.0)}),)
    named = Scores("test", Metric("nats_per_character", "nats per character", False), rows, (), "", False)
    Console(file=(stream := io.StringIO()), width=80).print(render_scores(named))
    assert "test: nats per character, lower is better" in stream.getvalue()


def test_entities_of_a_panel_are_told_in_their_order():
    rows = [["AA", 12, 88.5, 4.25, 6.5], ["<b>", 12, 0.03, 0.5, 0.25]]
    found = entity_table({"ahead": {"rival": "seasonal_mean", "won": 1, "entities": 2, "rows": rows}})
    assert [(row.label, row.count, row.ahead) for row in found] == [("AA", 12, True), ("<b>", 12, False)]
    assert [row.network for row in found] == ["4.250", "0.500"]
    assert entity_table({}) == [] and metric("rmsse") == "RMSSE" and meaning("wape")
