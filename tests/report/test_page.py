from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from elman.core.results import Finding
from elman.report import charts
from elman.report.content import ReportContent, best_rival, outcome
from elman.report.page import render, write_report
from elman.report.sanitize import sanitize

from .sample import HOSTILE, content, scores

# fmt: off
EXPECTED = (
    "The GRU is right on 87.3%", "tfidf logistic", "86.5 to 88.1", "+2.1", "p ≤ 0.001", "best rival: tfidf logistic",
    "1 to 100 words", "2,685", "Is its confidence earned?", "How far back does it remember?", "control", "does not add up",
    "9f86d081884c7d65", "held out at random", "vendor: gru, float32, cpu", "elman train reviews --dropout 0.3",
    "Seed 7", "opened 2 times", "2,709,890", "2.13.0", "96 duplicates",
)
# fmt: on


class Page(HTMLParser):
    """Every tag, every address, the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"<{tag} {name}> would run code"
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return render(content())


def test_the_page_asks_nothing_of_the_network(page: str) -> None:
    parsed = Page(page)
    assert all(address.startswith("#") for address in parsed.addresses), parsed.addresses
    assert not {"link", "img", "iframe", "object", "embed", "image"} & set(parsed.tags)
    assert "@import" not in page and not re.search(r"url\(\s*['\"]?(?!#)", page)
    assert len(page.encode()) < 1_500_000


def test_text_from_the_data_is_escaped(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("<script>") == 1, "only our own script"
    assert "&lt;script&gt;alert" in page


def test_only_our_script_may_run(page: str) -> None:
    import base64
    import hashlib

    inside = re.search(r"<script>(.*?)</script>", page, re.S)
    assert inside
    digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_ids_are_unique_and_links_arrive(page: str) -> None:
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {address[1:] for address in parsed.addresses} <= set(parsed.ids)


def test_every_part_is_there(page: str) -> None:
    text = " ".join(" ".join(Page(page).words).split())
    for expected in EXPECTED:
        assert expected in text, expected


def test_an_unfinished_run_has_a_page() -> None:
    page = render(ReportContent("half-way"))
    assert "no scores yet" in page and "Not evaluated yet" in page


@pytest.mark.parametrize(
    ("difference", "expected"),
    [((0.02, 0.01, 0.03), "better"), ((0.01, -0.01, 0.03), "undecided"), ((-0.02, -0.03, -0.01), "worse")],
)
def test_the_outcome_follows_the_interval(difference: tuple[float, float, float], expected: str) -> None:
    result = scores(difference=difference)
    assert outcome(result) == expected
    assert f'class="verdict {expected}"' in render(content(scores={"test": result}))


def test_the_first_sentence_of_the_verdict_is_the_headline() -> None:
    long = replace(
        scores(), verdict="It beats nb_svm by 2.1 points (95% interval 0.9 to 3.3). This was the 2nd look."
    )
    page = render(content(scores={"test": long}))
    assert "<h1>It beats nb_svm by 2.1 points (95% interval 0.9 to 3.3).</h1>" in page
    assert "<p>This was the 2nd look.</p>" in page


def test_the_best_rival_is_the_best_on_the_primary_metric() -> None:
    pair = best_rival(scores())
    assert pair is not None and pair.rival == "tfidf_logistic"


def test_a_chart_that_cannot_be_drawn_says_so() -> None:
    finding = Finding("q", "A broken picture", "Still here.", chart={"mark": "nonsense"})
    page = render(content(findings=(finding,)))
    assert "could not be drawn" in page and "Still here." in page


def test_a_chart_never_fetches() -> None:
    spec = {"data": {"url": "https://example.org/a.csv"}, "mark": "point", "encoding": {"x": {"field": "a"}}}
    with pytest.raises(charts.ChartError, match="not allowed"):
        charts.draw(spec)


def test_words_in_a_chart_are_escaped() -> None:
    spec = {
        "data": {"values": [{"a": HOSTILE, "b": 1}]},
        "mark": "bar",
        "encoding": {"x": {"field": "b"}, "y": {"field": "a"}},
    }
    assert "<script" not in charts.draw(spec)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<b>bold</b> <script>alert(1)</script>", "<b>bold</b> "),
        (
            '<span onclick="x()" style="background:rgba(1,2,3,.5);position:fixed">a</span>',
            '<span style="background:rgba(1,2,3,.5)">a</span>',
        ),
        ('<p style="background:url(//e.org/x)">a', '<p style="">a</p>'),
        ('<a href="https://e.org">link</a>', "link"),
        ("a &lt;b&gt; c", "a &lt;b&gt; c"),
        ("</div></main><i>x", "<i>x</i>"),
        ('<img src=x onerror="alert(1)">', ""),
    ],
)
def test_sanitize(markup: str, expected: str) -> None:
    assert sanitize(markup) == expected


def test_write_report_gives_its_path(tmp_path: Path) -> None:
    path = write_report(tmp_path, content())
    assert path == tmp_path / "report.html" and path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_interval_of_a_share_is_wilsons() -> None:
    """The 95% interval of 1 of 10, as statsmodels' proportion_confint(1, 10, method="wilson") gives it."""
    assert charts._wilson(0.1, 10) == pytest.approx((0.01788, 0.40415), abs=1e-4)


def test_entities_of_a_panel_stand_on_the_page():
    rows = [["AA", 12, 88.5, 4.25, 6.5], [HOSTILE, 12, 0.03, 0.5, 0.25]]
    ahead = {"rival": "seasonal_mean", "won": 31, "entities": 40, "rows": rows}
    measured = replace(content().scores["test"], details={"ahead": ahead})
    page = render(replace(content(), scores={"test": measured}))
    assert "ahead of seasonal mean in 31 of 40" in page and "4.250" in page and HOSTILE not in page
