"""A finding on its own: as a file, in a notebook, and its arrays beside the run's findings."""

from __future__ import annotations

import numpy as np
import pytest

from elman.core.errors import RecipeError
from elman.core.results import Finding, Findings
from elman.core.showing import styled
from elman.interpretation.pictures import COLOURS, bars, histogram, hue, lines, ramp, stack
from elman.report.assemble import with_stored, write_findings

ROWS = [{"x": k, "y": k * k} for k in range(5)]
CHART = lines(ROWS, "x", "y", title="Squares")
FOUND = Finding(
    "memory", "Memory <b>", "It uses 3 & more.", 3.0, "steps", (2.0, 4.0), 1.0, 0.25, "40 sequences", CHART,
    arrays={"loss cut": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "b/c"])},
)  # fmt: skip


def test_a_list_of_findings_can_be_read():
    told = "Memory <b>: It uses 3 & more. [value 3 steps (95% interval 2 to 4); control 1; residual 0.25; 40 sequences]"
    assert repr(Findings([FOUND, FOUND])) == f"{told}\n{told}"


@pytest.mark.parametrize("chart", [CHART, stack(CHART, bars(ROWS, "x", "y"))])
def test_a_picture_becomes_a_file(tmp_path, chart):
    finding = Finding("memory", "Memory", "So.", chart=chart)
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!doctype html>")):
        finding.save(tmp_path / f"a.{kind}")
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content.startswith(start) and len(content) > 1000
        assert b"<script" not in content
    assert chart == finding.chart


def test_settings_of_a_chart_win_over_those_of_pictures():
    chart = {**CHART, "config": {"legend": {"orient": "left"}, "mark": {"color": "red"}}}
    whole = styled(chart, {"legend": {"orient": "top", "labelFontSize": 12}}, 100)
    assert whole["config"] == {"legend": {"orient": "left", "labelFontSize": 12}, "mark": {"color": "red"}}
    assert whole["width"] == 100 and styled({**chart, "width": 7}, {}, 100)["width"] == 7
    assert "width" not in styled(stack(CHART, CHART), {}, 100)


def test_ranked_values_go_from_blue_by_grey_to_orange():
    assert ramp(2) == list(COLOURS[:2]) and ramp(3) == [COLOURS[0], "#808080", COLOURS[1]]
    assert len(set(ramp(8))) == 8 and ramp(1) == [COLOURS[0]]
    rows = [{"level": name} for name in ("low", "high")]
    scale = hue(rows, "level", names=["low", "middle", "high"], ranked=True).to_dict()["scale"]
    assert scale == {"domain": ["low", "middle", "high"], "range": ramp(3)}
    assert hue(rows, "level").to_dict()["scale"]["domain"] == ["low", "high"]


def test_a_histogram_counts_shares_in_bins_that_all_names_have_in_common():
    chart = histogram({"a": [0.0, 0.1, 0.9, 0.95], "b": [0.6, 4.0]}, "x.y", bins=4)
    rows = chart["data"]["values"]
    assert [row["share (%)"] for row in rows] == [100, 0, 0, 0, 50, 0, 0, 50]
    assert (
        [(row["x.y"], row["to"]) for row in rows[:4]]
        == [(0, 1), (1, 2), (2, 3), (3, 4)]
        == [(row["x.y"], row["to"]) for row in rows[4:]]
    )


def test_the_page_says_what_was_found_and_escapes_it(tmp_path):
    FOUND.save(tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Memory &lt;b&gt;" in text and "It uses 3 &amp; more." in text and "<svg" in text
    assert "value 3 steps (95% interval 2 to 4); control 1; residual 0.25; 40 sequences" in text
    assert FOUND._repr_html_() in text


def test_tables_are_shown_and_escaped():
    rows = tuple({"what": f"<{k}>", "share": k / 3} | ({"odd": True} if k == 1 else {}) for k in range(30))
    text = Finding("errors", "Errors", "Some.", table=rows)._repr_html_()
    assert (
        "<tr><th>what</th><th>share</th><th>odd</th></tr><tr><td>&lt;0&gt;</td><td>0</td><td></td></tr>"
        in text
    )
    assert "<td>&lt;1&gt;</td><td>0.3333</td><td>True</td>" in text and text.count("<tr>") == 21


def test_findings_are_read_in_a_terminal_and_in_a_notebook():
    other = Finding("gates", "Gates", "None.")
    found = Findings([FOUND, other])
    assert repr(found).splitlines() == [repr(FOUND), "Gates: None."]
    assert repr(FOUND).endswith(
        "[value 3 steps (95% interval 2 to 4); control 1; residual 0.25; 40 sequences]"
    )
    assert found._repr_html_() == FOUND._repr_html_() + other._repr_html_() and found[1] is other


def test_a_finding_without_a_number_or_a_picture(tmp_path):
    bare = Finding("left_out", "Not asked", "Nothing.", html="<p>text</p>")
    assert "<svg" not in bare._repr_html_() and "<p>text</p>" in bare._repr_html_()
    with pytest.raises(RecipeError, match=r"name it \.html"):
        bare.save(tmp_path / "a.svg")
    with pytest.raises(RecipeError, match=r"expected an ending of \.svg"):
        FOUND.save(tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_arrays_lie_beside_the_findings(tmp_path):
    write_findings(tmp_path, [FOUND, Finding("gates", "Gates", "None.")], [])
    assert [path.name for path in (tmp_path / "findings").iterdir()] == ["memory.npz"]
    with np.load(tmp_path / "findings" / "memory.npz") as stored:
        assert set(stored) == {"loss cut", "names"}
        np.testing.assert_array_equal(stored["loss cut"], FOUND.arrays["loss cut"])
        assert stored["names"].tolist() == ["a", "b/c"]
    other = with_stored(tmp_path, [Finding("gates", "Gates", "Now some.", arrays={"x": np.ones(2)})])
    write_findings(tmp_path, other, [])
    assert sorted(path.name for path in (tmp_path / "findings").iterdir()) == ["gates.npz", "memory.npz"]
    with np.load(tmp_path / "findings" / "memory.npz") as stored:
        assert stored["loss cut"].shape == (2, 3)


def test_findings_are_written_into_a_folder(tmp_path):
    bare = Finding("errors", "Errors", "None.", html="<p>text</p>")
    both = Findings([bare, FOUND])
    both.save(tmp_path / "pages")
    both.save(str(tmp_path / "drawn"), "svg")
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {"errors.html", "memory.html"}
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["memory.svg"]
