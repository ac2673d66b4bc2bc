"""Rivals: which fit a problem, and running them within their time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elman.core.catalogue import catalogue, find
from elman.core.errors import ElmanError
from elman.evaluation.contract import Predictor, Problem


@dataclass(frozen=True)
class Rival:
    """A fitted rival: `predict(split)`, how long fitting took, or (predict None) why it is out."""

    name: str
    predict: Predictor | None
    seconds: float
    note: str = ""


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
