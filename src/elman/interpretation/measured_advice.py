"""Advice from what was found inside: each rule is a finding beyond a threshold, and the change that tests it.

A rule is silent where the finding is missing, where the threshold is not passed by the whole interval, or where the recipe has the change already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elman.core.results import Finding

# Where a number has no source it is ours: a line drawn where, in our runs, the change was worth a try.
STUCK = 0.5  # ours: share of values at a bound, where sigmoid and tanh keep a fifth and a tenth of their greatest slope
UNUSED = 0.5  # ours: share of the context beyond the upper end of the memory horizon's interval
SURE = 2.0  # ours: times the calibration error that chance gives (a reliability diagram of chance looks calibrated, Bröcker and Smith 2007)
SMOOTHING = 0.1  # share that Szegedy et al. (2016) spread; networks trained so are calibrated better (Müller et al. 2019)
REPEATS = 0.2  # ours: share of the errors that a memory of the text before would have got
FRAIL = 0.1  # ours: share of examples that fail an invariance, at the lower end of its interval
DROPPED = 0.1  # share of tokens to hide in training: word dropout, as Iyyer et al. (2015); the share is ours
FADED = 0.01  # ours: gradient half of the looked-at steps back, as a share of that at the step itself
SPARE = 0.02  # ours: share by which the loss rises without a third of the units or more
CHAOS = 1e-3  # above 0 small differences grow (Engelken et al. 2020); ours: slower than this is rounding, or holding still

Found = Iterator[tuple[str, dict[str, Any]]]


def inside(
    findings: Sequence[Finding],
    settings: Mapping[str, Any],
    context_length: int | None,
    beats_best_rival: bool | None = None,
) -> Found:
    """Observations and changes, in the order of the findings; `settings` are the recipe's by bare name."""
    for finding in findings:
        rule = RULES.get(finding.question)
        if rule is not None:
            yield from rule(finding, settings, context_length, beats_best_rival)


def _gates(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    if (finding.value or 0) > STUCK and not settings.get("layer_norm"):
        first = finding.sentence.split(" By the mean", 1)[0]
        yield f"{first} What never moves does not learn.", {"layer_norm": True}


def _memory(finding: Finding, settings: Mapping[str, Any], context_length: int | None, *_: Any) -> Found:
    if not finding.interval or not context_length:
        return
    given = ("context_length", "truncation_length", "max_length")
    name = next((one for one in given if settings.get(one)), "max_length")
    if finding.interval[1] < UNUSED * context_length:
        yield (
            f"Most of the context is unused: the memory horizon is {finding.value:.0f} of {context_length} steps "
            f"(95% interval {finding.interval[0]:.0f} to {finding.interval[1]:.0f}).",
            {name: max(2, int(2 * finding.interval[1]))},
        )
    elif finding.interval[0] >= context_length and name != "max_length":
        yield (
            f"It uses all the context it gets: the memory horizon is {finding.value:.0f} of {context_length} steps.",
            {name: 2 * context_length},
        )


def _calibration(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    if (
        finding.interval
        and finding.control is not None
        and finding.interval[0] > SURE * finding.control
        and "too sure" in finding.sentence
        and not settings.get("label_smoothing")
    ):
        yield (
            f"It is too sure: its confidence is off by {finding.value:.1%}, where chance gives {finding.control:.1%}.",
            {"label_smoothing": SMOOTHING},
        )


def _ngrams(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    kinds, length = finding.arrays.get("kind"), settings.get("truncation_length")
    if kinds is None or not length or not (kinds >= 0).any():
        return
    share = float((kinds[kinds >= 0] == REPEAT).mean())
    if share > REPEATS:
        yield (
            f"Of its errors {share:.0%} repeat what stood in the text before: a longer memory would have got them.",
            {"truncation_length": 2 * int(length)},
        )


def _behaviour(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    if settings.get("token_dropout"):
        return
    frail = [row for row in finding.table if row["test"] in ("typos", "missing words") and row["low"] > FRAIL]
    if frail:
        worst = max(frail, key=lambda row: float(row["low"]))
        yield (
            f"Its answer hangs on single words: {worst['failing']:.0%} of the examples fail in {worst['test']} (95% interval "
            f"{worst['low']:.0%} to {worst['high']:.0%}).",
            {"token_dropout": DROPPED},
        )


def _training(finding: Finding, settings: Mapping[str, Any], length: int | None, beats: bool | None) -> Found:
    """Only where it loses to a rival: gradients that fade are no fault where nothing lies far back."""
    gated = settings.get("cell") in ("lstm", "gru") and settings.get("initialisation") != "chrono"
    if finding.value is not None and finding.value < FADED and beats is False and gated and length:
        yield (
            f"Gradients fade: half of the steps back that were looked at, {finding.value:.2g} of the gradient is left. Gates that start out "
            "remembering let it pass (Tallec and Ollivier 2018).",
            {"initialisation": "chrono", "longest_memory": float(length)},
        )


def _interventions(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    sizes, random, whole = (finding.arrays.get(name) for name in ("sizes", "loss_random", "loss_whole"))
    units, size = finding.arrays.get("units"), settings.get("hidden_size")
    if sizes is None or random is None or whole is None or units is None or not size:
        return
    rise = float(random[-1].mean() - whole.mean()) / max(abs(float(whole.mean())), 1e-12)
    if 3 * sizes[-1] >= len(units) and rise < SPARE and int(size) >= 16:
        yield (
            f"It has units to spare: without {int(sizes[-1])} of {len(units)} drawn at random the loss rises by {max(0.0, rise):.1%}.",
            {"hidden_size": int(size) // 2},
        )


def _dynamics(finding: Finding, settings: Mapping[str, Any], *_: Any) -> Found:
    if finding.interval and finding.interval[0] > CHAOS and settings.get("initialisation") == "cell":
        yield (
            f"It is chaotic: small differences in its state grow by {finding.value:.2g} nats a step (95% interval "
            f"{finding.interval[0]:.2g} to {finding.interval[1]:.2g}).",
            {"initialisation": "orthogonal"},
        )


REPEAT = 1  # the place of "repeat" in ngrams.KINDS
RULES = {
    "gates": _gates, "memory": _memory, "calibration": _calibration, "ngrams": _ngrams, "behaviour": _behaviour, "training": _training,
    "interventions": _interventions, "dynamics": _dynamics,
}  # fmt: skip
