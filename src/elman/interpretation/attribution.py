"""Attribution: which steps, and which features at them, made the output what it is.

Six methods, each in a file of its own: `gradients`, `occlusion`, `shapley`, `decomposition`. Integrated gradients are shown unless another is
asked for: they are the one that says something of every step and feature and proves that it adds up. Which of them to trust on this
network is measured: `faithfulness` takes steps out in the order of their credit, against random orders. Control: the same network with its
weights shuffled, after the model randomization tests of Adebayo et al. (2018). Its map should not look alike: credit leans to the last steps in
untrained networks too (Ismail et al. 2019), so how far back credit reaches is shown for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.core.results import Finding
from elman.interpretation.attribution_pictures import (
    deletion,
    feature_map,
    loudest,
    painted,
    reach,
    words_table,
)
from elman.interpretation.comparison import Compared, compare, reads, table, trust
from elman.interpretation.credit import ask, horizons
from elman.interpretation.faithfulness import SHARES
from elman.interpretation.methods import AT_ONCE, METHODS, Credits, Method, credits_of, method_of, recency_of
from elman.interpretation.pictures import stack
from elman.interpretation.view import Sample, View, one_for_each, shuffled, untouched

LEVEL = 1e-6  # spread of a map relative to its mean, below which it is rounding: nothing to correlate
ROUGH = 0.05  # of the change of the output that may be missing in the credit; ours: beyond it, a warning
FEW = 16  # sequences on which the shuffled network is asked
ALIKE, UNLIKE = (
    0.7,
    0.3,
)  # correlations of two maps; ours: half of the variance is shared at 0.7, a tenth at 0.3


def attribution(
    view: View, sample: Sample, *, method: str = "integrated_gradients", horizon: int | None = None, steps: int = 32,
    compared: Sequence[str] = tuple(METHODS), shown: int = 6, seed: int = 0,
) -> Finding | None:  # fmt: skip
    """Which steps count for the predicted output: a coloured text for tokens, a map of step and feature for series.

    method    one of METHODS; `steps` are the points on the path of integrated gradients
    horizon   of a forecast, the step ahead that is explained; the first when None, with the last one's reach beside it
    compared  methods whose faithfulness is measured beside that of `method`

    The value is how many of the last steps hold half of the credit, the control the same in the shuffled network. None where steps have no vectors of their own. Raises
    UnknownName for a method, RecipeError for one that does not suit the network, and for a horizon that is not there.
    """
    kind = method_of(method)
    names = [method, *(name for name in compared if method_of(name) is not kind)]
    sample = sample.to(view.device)
    few = sample.part(0, min(FEW, len(sample)))
    with untouched(view):
        if not one_for_each(view, sample):
            return None
        found = credits_of(view, sample, method, horizon, steps, seed)
        last = horizons(view, few)
        beside = {1, last} - {horizon or 1}
        ahead = {at: credits_of(view, few, method, at, steps, seed) for at in sorted(beside)}
        other = None
        if view.has_weights:
            with shuffled(view, seed):
                other = credits_of(view, few, method, horizon, fewer(steps), seed)
        held = compare(view, few, names, other, horizon, steps, seed)
    recency = recency_of(found.steps, sample)
    control = None if other is None else recency_of(other.steps, few)
    half = _half(recency.mean(0))
    picks = np.random.default_rng(seed).integers(0, len(sample), (200, len(sample)))
    spread = [_half(recency[rows].mean(0)) for rows in picks]
    low, high = np.percentile(spread, 2.5, method="lower"), np.percentile(spread, 97.5, method="higher")
    wanted = None if control is None else _half(control.mean(0))
    gap = float(np.abs(found.residual).sum() / max(np.abs(found.whole).sum(), 1e-12))
    sentence = " ".join(filter(None, (
        _where(view, kind, half, wanted, last, horizon), _alike(found, other, few), _sum(kind, gap, found), trust(held, method),
    )))  # fmt: skip
    curves = {
        (f"{horizon or 1} step{'s' * ((horizon or 1) > 1)} ahead" if last > 1 else "trained"): recency.mean(0)
    }
    curves |= {
        f"{at} step{'s' * (at > 1)} ahead": recency_of(each.steps, few).mean(0) for at, each in ahead.items()
    }
    if control is not None:
        curves["weights shuffled"] = control.mean(0)
    charts, text = [reach(curves), _deletion(held, method, kind)], ""
    if view.step_names is None:
        charts.insert(0, feature_map(found.features, view.feature_names))
    else:
        text = painted(view, sample, found.steps, found.chosen, shown, signed=kind.signed)
        text += words_table(loudest(view, sample, found.steps, found.chosen) if kind.signed else [])
    for name, reason in held.refused.items():
        text += f"<p><small>Not compared: {METHODS[name].words}; {reason}.</small></p>"
    return Finding(
        "attribution", "Attribution", sentence, float(half), "steps", (float(low), float(high)),
        None if wanted is None else float(wanted), gap if kind.adds_up else None,
        f"{len(sample)} sequences by {kind.words}{f', {steps} points on the path' * (method == 'integrated_gradients')}; "
        f"methods compared on {held.count}",
        stack(*charts), text, table(held), _arrays(found, recency, control, ahead, few, held),
    )  # fmt: skip


def passes(
    view: View, sample: Sample, *, method: str = "integrated_gradients", horizon: int | None = None, steps: int = 32,
    compared: Sequence[str] = tuple(METHODS), beside: bool = False,
) -> float:  # fmt: skip
    """Passes over the sample that attribution takes, those with gradients counted three times; arguments as there.

    With `beside`, what it does beside reading counts, too, as the passes that it takes as long as.
    """
    kind = method_of(method)
    with untouched(view):
        few = sample.part(0, min(FEW, len(sample)))
        asked = ask(view, sample.part(0, min(AT_ONCE, len(sample))), horizon)
        more = len({1, horizons(view, few)} - {horizon or 1})
        each = 3 + kind.work(asked, steps, beside)  # and the answer itself, and its change from the baseline
        read = each * (len(sample) + more * len(few))
        if view.has_weights:
            read += len(few) * (3 + kind.work(asked, fewer(steps), beside))
        read += reads(view, few, [method, *compared], horizon, steps, beside)
    return read / len(sample)


def fewer(steps: int) -> int:
    """Points on the path for the shuffled network."""
    return max(4, steps // 4)


def _where(view: View, kind: Method, half: int, wanted: int | None, last: int, horizon: int | None) -> str:
    of = (
        "the chosen output"
        if view.labels
        else "the value predicted"
        if last == 1
        else "the first value predicted"
        if horizon in (None, 1)
        else f"the value {horizon} steps ahead"
    )
    told = f"; with shuffled weights, in the last {wanted}" if wanted is not None else ""
    return f"Half of the credit for {of} (how much each step moved it) lies in the last {half} step{'s' * (half > 1)}{told}."


def _alike(found: Credits, other: Credits | None, few: Sample) -> str:
    if other is None:
        return (
            "There are no weights that could be shuffled, so random orders of the steps are its only control."
        )
    likeness = _likeness(found.steps[: len(few)], other.steps, few)
    likeness = likeness + 0.0 if abs(likeness) >= 0.005 else 0.0
    verdict = (
        "much like this one, so beware: it may not be learnt" if likeness > ALIKE
        else "unlike this one, as it should be for what is learnt" if likeness < UNLIKE
        else "partly like this one, so part of it is not learnt"
    )  # fmt: skip
    return f"The map of that shuffled network is {verdict} (correlation {likeness:.2f})."


def _sum(kind: Method, gap: float, found: Credits) -> str:
    if (
        found.error is not None
        and (error := float(found.error.mean() / max(np.abs(found.steps).mean(), 1e-12))) > 0
    ):
        return f"Credit adds up to the output; a step's is known within {error:.0%} (standard error of the sample)."
    if kind.adds_up and gap > ROUGH:
        return (
            f"Beware: {gap:.0%} of the change of the output is credited to no step. On the path from the empty input it changes too "
            "abruptly for so few points; occlusion and Shapley values need no path."
        )
    return f"Credit adds up to the output {_within(gap)}." if kind.adds_up else ""


def _deletion(held: Compared, method: str, kind: Method) -> dict[str, Any]:
    curves = {kind.words: held.methods[method].curve.mean(1)}
    if held.shuffled is not None:
        curves["weights shuffled"] = held.shuffled.curve.mean(1)
    chance = np.stack([each.curve.mean(1) for each in held.random])
    return deletion(np.array([0.0, *SHARES, 1.0]), curves, chance, "probability" if held.shares else "answer")


def _arrays(
    found: Credits,
    recency: np.ndarray,
    control: np.ndarray | None,
    ahead: dict[int, Credits],
    few: Sample,
    held: Compared,
) -> dict[str, np.ndarray]:
    arrays = {"recency": recency.mean(0), "credit": found.steps, "features": found.features}
    if control is not None:
        arrays["recency_shuffled"] = control.mean(0)
    if found.cells is not None:
        arrays["cells"] = found.cells
    if found.error is not None:
        arrays["standard_error"] = found.error
    for at, each in ahead.items():
        arrays |= {
            f"credit_ahead_{at}": each.steps,
            f"recency_ahead_{at}": recency_of(each.steps, few).mean(0),
        }
    arrays["shares"] = np.array([0.0, *SHARES, 1.0])
    arrays |= {f"deletion_{name}": each.curve.mean(1) for name, each in held.methods.items()}
    arrays["deletion_random"] = np.stack([each.curve.mean(1) for each in held.random])
    if held.shuffled is not None:
        arrays["deletion_shuffled"] = held.shuffled.curve.mean(1)
    return arrays


def _half(recency: np.ndarray) -> int:
    """How many of the last steps hold half of the credit."""
    return int(np.searchsorted(np.cumsum(recency), 0.5 * recency.sum())) + 1


def _within(gap: float) -> str:
    return f"within {gap:.1%}" if gap >= 0.0005 else "within 0.1%"


def _likeness(credit: np.ndarray, other: np.ndarray, sample: Sample) -> float:
    """Mean correlation of absolute credit per step between two networks."""
    found = []
    for row in range(len(sample)):
        length = sample.length(row)
        a, b = (np.abs(each[row, :length]).astype(np.float64) for each in (credit, other))
        if length > 2 and all(each.std() > LEVEL * each.mean() for each in (a, b)):
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return float(np.mean(found)) if found else 0.0
