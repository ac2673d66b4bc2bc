"""What a report shows: one frozen value, so that the page and the terminal need nothing but this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from elman.core.results import Advice, Finding, Paired, Scores

Outcome = Literal["better", "undecided", "worse", "unmeasured"]


@dataclass(frozen=True)
class ReportContent:
    """Everything about one run. Only `name` is required: an unfinished run has a report, too.

    recipe       the resolved recipe: section -> setting -> value
    scores       by split ("validation", "test")
    history      rows of metrics.jsonl: numbers by name, among them "step"
    provenance   source, data_hash, split, notes, licence, citation
    sizes        examples per split
    profile      what is in the data, before any training: (what, what there is to say); an empty what goes on
    plan         which executor ran and why the others did not, as text
    command      the line that repeats the run
    """

    name: str
    task: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Scores] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Finding] = ()
    advice: Sequence[Advice] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    summary: Sequence[str] = ()
    profile: Sequence[tuple[str, str]] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    plan: str = ""
    parameters: int | None = None
    command: str = ""
    started: str = ""
    seconds: float | None = None
    version: str = ""

    @property
    def headline(self) -> Scores | None:
        """The scores the verdict rests on: test, else validation."""
        return self.scores.get("test") or self.scores.get("validation")


@dataclass(frozen=True)
class Views:
    """What the page shows of one sequence, as it was: made by `elman.web.still_section` of escaped texts and the package's own scripts.

    html       the section
    style      of what stands in it
    scripts    whole script elements, which carry `nonce`; `body` what they read of the body, by name
    """

    html: str
    style: str
    scripts: str
    nonce: str
    body: Mapping[str, str]


def best_rival(scores: Scores) -> Paired | None:
    """The paired comparison with the rival that stands best on the primary metric; None where there is none."""
    pairs = {pair.rival: pair for pair in scores.paired if pair.metric == scores.primary.name}
    rivals = [
        row
        for row in scores.rows
        if row.is_rival and row.name in pairs and scores.primary.name in row.metrics
    ]
    if not rivals:
        return None
    sign = 1 if scores.primary.higher_is_better else -1
    return pairs[max(rivals, key=lambda row: sign * row.metrics[scores.primary.name].value).name]


def outcome(scores: Scores | None) -> Outcome:
    """Better or worse than the best rival when the paired interval excludes zero, else undecided."""
    if scores is None:
        return "unmeasured"
    if scores.beats_best_rival:
        return "better"
    pair = best_rival(scores)
    if pair is not None and pair.difference.high is not None and pair.difference.high < 0:
        return "worse"
    return "undecided"
