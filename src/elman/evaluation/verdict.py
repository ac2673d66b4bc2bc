"""The verdict: network and rivals on the same examples, with intervals, and one sentence that says what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from elman.core.results import Metric, Paired, Predictions, Score, Scores, Value
from elman.data.contract import Chance, SplitName
from elman.evaluation.classification import abstention, calibration, confusion
from elman.evaluation.contract import (
    LabelledProblem,
    MultiLabelProblem,
    Problem,
    SeriesProblem,
    TaggedProblem,
)
from elman.evaluation.forecast import echo_lag
from elman.evaluation.intervals import Resamples, interval, p_value
from elman.evaluation.looks import ordinal
from elman.evaluation.measure import block_length, errors, from_errors, groups, metrics, primary_metric
from elman.evaluation.multilabel import per_label
from elman.evaluation.panel import ahead
from elman.evaluation.slices import slices
from elman.evaluation.tagging import per_tag

NOTHING = {
    "majority",
    "frequent_labels",
    "most_frequent_tag",
    "train_mean",
    "mean_value",
    "unigram",
    "zero_return",
}  # who beats only these has learnt nothing


def score(
    name: str,
    split: str,
    predictions: Predictions,
    problem: Problem,
    *,
    is_rival: bool,
    resamples: Resamples,
    seconds: float = 0.0,
    note: str = "",
) -> Score:
    """One row: all metrics, the primary one with its bootstrap interval."""
    primary = primary_metric(problem)
    values = {key: Value(value) for key, value in metrics(predictions, problem).items()}
    draws = from_errors(resamples.means(errors(predictions, problem)), problem)
    values[primary.name] = interval(draws, values[primary.name].value)
    return Score(name, split, is_rival, values, seconds, note)


def judge(
    split: SplitName,
    network: Predictions,
    rivals: Mapping[str, Predictions],
    problem: Problem,
    *,
    name: str = "network",
    seconds: Mapping[str, float] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    looks: int | None = None,
    chance: Chance | None = None,
    left_out: Sequence[str] = (),
) -> Scores:
    """Rows best first, paired differences to every rival (positive: the network is better), slices, the verdict.

    `chance` is a row of its own: no predictions were made for it, so it has no interval and no difference. `left_out` are rivals that
    suit the problem and were not asked for: where there are any, the best of those that were is not called the best.
    """
    seconds, primary = seconds or {}, primary_metric(problem)
    mine = errors(network, problem)
    resamples = Resamples.draw(
        len(mine), bootstrap, block_length(problem, len(mine)), seed, groups(problem, split)
    )
    rows = [
        score(
            name, split, network, problem, is_rival=False, resamples=resamples, seconds=seconds.get(name, 0.0)
        )
    ]
    paired = []
    own = from_errors(resamples.means(mine), problem)
    sign = 1 if primary.higher_is_better else -1
    for rival, predictions in rivals.items():
        rows.append(
            score(
                rival,
                split,
                predictions,
                problem,
                is_rival=True,
                resamples=resamples,
                seconds=seconds.get(rival, 0.0),
            )
        )
        theirs = from_errors(resamples.means(errors(predictions, problem)), problem)
        gain = sign * (own - theirs)
        value = sign * (rows[0].metrics[primary.name].value - rows[-1].metrics[primary.name].value)
        paired.append(Paired(rival, primary.name, interval(gain, value), p_value(gain)))
    if chance is not None and chance.metric == primary.name:
        rows.append(Score("chance", split, True, {chance.metric: Value(chance.value)}, note="in closed form"))
    rows.sort(key=lambda row: -sign * row.metrics[primary.name].value)
    ranked = [row.name for row in rows if row.is_rival]
    paired.sort(key=lambda pair: ranked.index(pair.rival))
    details = _details(network, problem)
    if isinstance(problem, SeriesProblem) and len(problem.entities) > 1 and paired:
        best = paired[0].rival
        details["ahead"] = {"rival": best, **ahead(network, rivals[best], problem)}
    if left_out:
        details["left_out"] = list(left_out)
    sentence, beats = _verdict(name, split, rows, paired, primary, problem, details, chance)
    if looks is not None:
        sentence += f" This was the {ordinal(looks)} look at this test set."
    return Scores(
        split,
        primary,
        tuple(rows),
        tuple(paired),
        sentence,
        beats,
        slices(network, problem, split),
        details,
        looks,
    )


def _details(network: Predictions, problem: Problem) -> dict[str, object]:
    if isinstance(problem, MultiLabelProblem):
        return {"labels": list(problem.labels or ()), "per_tag": per_label(network)}
    if isinstance(problem, LabelledProblem | TaggedProblem) and problem.labels is not None:
        return {
            "confusion": confusion(network),
            "labels": list(problem.labels),
            "calibration": calibration(network),
            "abstention": abstention(network),
        } | ({"per_tag": per_tag(network)} if isinstance(problem, TaggedProblem) else {})
    if isinstance(problem, SeriesProblem):
        lag, at_lag, at_zero = echo_lag(network)
        return {"echo_lag": lag, "echo_correlation": at_lag, "correlation": at_zero}
    return {}


def show(metric: Metric, value: float) -> str:
    """A metric's value as people say it: shares in percent, else four digits."""
    return f"{100 * value:.1f}%" if metric.unit.startswith("share") else f"{value:.4g}"


def _verdict(
    name: str,
    split: str,
    rows: list[Score],
    paired: list[Paired],
    primary: Metric,
    problem: Problem,
    details: dict[str, Any],
    chance: Chance | None,
) -> tuple[str, bool]:
    own = next(row for row in rows if not row.is_rival).metrics[primary.name]
    low, high = (math.nan if end is None else end for end in (own.low, own.high))
    head = f"{primary.words} {show(primary, own.value)} [{show(primary, low)}, {show(primary, high)}]"
    told = primary.unit.startswith("share") or primary.unit in primary.words
    unit = "" if told else f" ({primary.unit})"
    where = {"test": "the test split", "validation": "the validation split", "train": "the training split"}[
        split
    ]
    by_chance = ""
    if chance is not None and chance.metric == primary.name:
        by_chance = f" Chance is {show(primary, chance.value)}: {chance.why}."
        # By luck of a finite split a guess can lie ahead of every rival, and none may have been run.
        if not (low > chance.value if primary.higher_is_better else high < chance.value):
            return f"{name} has learnt nothing that shows: {head}{unit} on {where}.{by_chance}", False
    if not paired:
        alone = "so chance alone says" if by_chance else "so nothing says"
        verdict = f"{name}: {head}{unit} on {where}; no rival was run, {alone} whether that is good."
        return verdict + by_chance, False
    best = paired[0]
    gain = best.difference
    gap = (
        f"{show(primary, abs(gain.value))}"
        if not primary.unit.startswith("share")
        else f"{100 * abs(gain.value):.1f} points"
    )
    bounds = f"95% interval {_signed(primary, gain.low)} to {_signed(primary, gain.high)}"
    against = f"95% interval {_signed(primary, gain.high, -1)} to {_signed(primary, gain.low, -1)}"
    weak = [pair for pair in paired if pair.rival in NOTHING]
    if weak and (weak[0].difference.low or 0) <= 0:
        nothing = weak[0].rival.replace("_", " ")
        return (
            f"{name} has learnt nothing that shows: {head}{unit} on {where} is no better than {nothing} "
            f"(difference {_signed(primary, weak[0].difference.value)}, 95% interval "
            f"{_signed(primary, weak[0].difference.low)} to {_signed(primary, weak[0].difference.high)})."
        ), False
    rival = best.rival.replace("_", " ")
    left_out = [one.replace("_", " ") for one in details.get("left_out", ())]
    the_best = "the best of the rivals asked for" if left_out else "the best rival"
    if (gain.low or 0) > 0:
        sentence, beats = f"{name} beats {the_best}, {rival}, by {gap} ({bounds})", True
    elif (gain.high or 0) < 0:
        sentence, beats = (
            f"{name} does not beat {the_best}: {rival} is better by {gap} ({against})",
            False,
        )
    else:
        sentence, beats = (
            f"{name} and {the_best}, {rival}, cannot be told apart: difference {_signed(primary, gain.value)} ({bounds})",
            False,
        )
    sentence += f". {head[0].upper() + head[1:]}{unit} on {where}.{by_chance}"
    if left_out:
        sentence += f" Left out {'was' if len(left_out) == 1 else 'were'} {', '.join(left_out)}."
    if "ahead" in details:
        table = details["ahead"]
        sentence += f" By mean absolute error it is ahead in {table['won']} of {table['entities']} entities."
    lag = details.get("echo_lag")
    if (
        isinstance(problem, SeriesProblem)
        and lag == 1
        and float(details["echo_correlation"]) > float(details["correlation"]) + 0.02
        # The best forecast of a series that hangs on its last value follows that, too, but beats repeating it.
        and not any(pair.rival == "last_value" and (pair.difference.low or 0) > 0 for pair in paired)
    ):
        sentence += (
            " Its one-step forecasts follow the value before more closely than the value to come: an echo."
        )
    return sentence, beats


def _signed(primary: Metric, value: float | None, sign: int = 1) -> str:
    value = math.nan if value is None else sign * value
    return f"{100 * value:+.1f}" if primary.unit.startswith("share") else f"{value:+.3g}"
