"""Rivals: which fit a problem, and running them within their time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.core.catalogue import catalogue, find
from elman.core.errors import ElmanError, RecipeError, UnknownName, nearest
from elman.core.recipe import EvaluationOptions
from elman.core.results import Metric, Predictions, Score
from elman.data.contract import SplitName
from elman.data.download import local
from elman.evaluation.contract import Predictor, Problem
from elman.evaluation.embeddings import SUFFIXES as VECTORS
from elman.evaluation.embeddings import embedded, order_of
from elman.evaluation.intervals import Resamples
from elman.evaluation.measure import block_length, errors, groups, primary_metric
from elman.evaluation.outside import SUFFIXES, outside
from elman.evaluation.verdict import score


@dataclass(frozen=True)
class Rival:
    """A fitted rival: `predict(split)` for its `splits`, how long fitting took; without splits: why it is out."""

    name: str
    predict: Predictor | None
    seconds: float
    note: str = ""
    splits: tuple[SplitName, ...] = ("validation", "test")


@dataclass(frozen=True)
class Rivals:
    """The rivals of one problem, fitted once; asked for any split."""

    all: tuple[Rival, ...]
    scores: tuple[Score, ...]  # on validation, best first
    primary: Metric
    left_out: tuple[str, ...] = ()  # that suit the problem, where others were asked for by name

    def best(self, metric: Metric) -> tuple[str, float] | None:
        """Name and validation value of the best one by a metric."""
        values = [(score.name, score.metrics[metric.name].value) for score in self.scores]
        sign = 1 if metric.higher_is_better else -1
        return max(values, key=lambda one: sign * one[1]) if values else None

    def predict(self, split: SplitName) -> dict[str, Predictions]:
        """Predictions of every rival that could be fitted."""
        return {one.name: one.predict(split) for one in self.all if one.predict and split in one.splits}

    @property
    def seconds(self) -> dict[str, float]:
        """How long fitting took."""
        return {rival.name: rival.seconds for rival in self.all}


def hold(
    task: str,
    problem: Problem,
    options: EvaluationOptions,
    seed: int = 0,
    told: Callable[[Score, str], None] | None = None,
) -> Rivals:
    """Fit the rivals (all that suit, or those the options name) and measure them on validation; `told` hears of each.

    Raises RecipeError for a name that is no rival of this problem, DataError for an outside file that does not fit.
    """
    primary = primary_metric(problem)
    names = suiting = suitable(task, problem)
    if options.rivals is not None:
        names = [_known(name, names, task) for name in options.rivals]
    outside_ones = [
        _outside(path, problem, names, options.rival_seconds) for path in options.rival_predictions
    ]
    fitted, scores = [], []
    for rival in [*(fit_rival(name, problem, options.rival_seconds) for name in names), *outside_ones]:
        fitted.append(rival)
        row = Score(rival.name, "validation", True, {}, rival.seconds, rival.note)
        if rival.predict and "validation" in rival.splits:
            predictions = rival.predict("validation")
            each = errors(predictions, problem)
            draws = Resamples.draw(
                len(each), 200, block_length(problem, len(each)), seed, groups(problem, "validation")
            )
            row = score(
                rival.name,
                "validation",
                predictions,
                problem,
                is_rival=True,
                resamples=draws,
                seconds=rival.seconds,
                note=rival.note,
            )
            scores.append(row)
        if told:
            told(row, primary.name)
    sign = 1 if primary.higher_is_better else -1
    scores.sort(key=lambda row: -sign * row.metrics[primary.name].value)
    return Rivals(tuple(fitted), tuple(scores), primary, tuple(name for name in suiting if name not in names))


def check(options: EvaluationOptions) -> None:
    """Before there is a problem: UnknownName for a rival that suits none, DataError where a file is not there."""
    everywhere = catalogue("evaluation.baselines")
    for name in options.rivals or ():
        if name.strip().lower().replace("-", "_") not in everywhere:
            raise UnknownName("rival", name, everywhere)
    for path in options.rival_predictions:
        local(path)


def chosen(values: Sequence[str]) -> dict[str, list[str]]:
    """Recipe settings for rivals as a user gives them: names choose which are held against the network, files with
    an outside model's predictions or vectors (by their suffix, or because they exist) come in addition."""
    files = [
        one for one in values if Path(one).suffix.lower() in (*SUFFIXES, *VECTORS) or Path(one).is_file()
    ]
    names = [one for one in values if one not in files]
    return ({"rivals": names} if names else {}) | ({"rival_predictions": files} if files else {})


def _known(name: str, names: Sequence[str], task: str) -> str:
    key = name.strip().lower().replace("-", "_")
    if key in names:
        return key
    everywhere = catalogue("evaluation.baselines")
    problem = "does not suit this data" if key in everywhere else "does not exist"
    close = None if key in everywhere else nearest(key, names)
    hint = f" Did you mean {close!r}?" if close else ""
    file = " A file with predictions is given as --rival FILE." if set(chosen([name])) != {"rivals"} else ""
    raise RecipeError(
        f"the rival {name!r} {problem}.{hint}{file} Rivals for {task.replace('_', ' ')} here: {', '.join(names)}."
    )


def _outside(path: str, problem: Problem, names: Sequence[str], seconds: float) -> Rival:
    name = Path(path).stem if Path(path).stem not in names else Path(path).name
    if Path(path).suffix.lower() in VECTORS:
        began = time.perf_counter()
        predict = embedded(path, problem, seconds)
        return Rival(name, predict, time.perf_counter() - began, order_of(path, problem))
    given = outside(path, problem)
    note = "" if "validation" in given else f"holds predictions for {' and '.join(given)} only"
    return Rival(name, lambda split: given[split], 0.0, note, tuple(given))


def suitable(task: str, problem: Problem) -> list[str]:
    """Names of the rivals whose TASKS hold this task and whose `fits(problem)`, if they have one, says yes."""
    names = []
    for name in catalogue("evaluation.baselines"):
        module: Any = find("evaluation.baselines", name, "rival")
        if task in module.TASKS and getattr(module, "fits", lambda problem: True)(problem):
            names.append(name)
    return names


def fit_rival(name: str, problem: Problem, seconds: float) -> Rival:
    """Fit one rival on the training split. A rival that fails is a note in the table, never the end of a run."""
    module: Any = find("evaluation.baselines", name, "rival")
    began = time.perf_counter()
    try:
        fit: Callable[[Problem, float], Predictor] = module.fit
        predict = fit(problem, seconds)
    except (ElmanError, ValueError, MemoryError, ArithmeticError) as error:
        return Rival(name, None, time.perf_counter() - began, f"could not be fitted: {error}")
    return Rival(name, predict, time.perf_counter() - began)
