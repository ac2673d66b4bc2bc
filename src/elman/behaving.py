"""A run's answers to examples that a behaviour test changes or brings, and the suite that fits its task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import polars as pl
import torch

from elman.core.errors import RecipeError
from elman.core.results import Finding
from elman.evaluation.contract import MultiLabelProblem, SeriesProblem, TextProblem, ValueProblem
from elman.interpretation.behaviour import behaviour
from elman.interpretation.cost import Watch, whole_split
from elman.interpretation.suite import Behaviour, default_suite, read_suite
from elman.interpretation.view import Sample, View, untouched
from elman.prediction import predict
from elman.run import Run
from elman.tasks.contract import Encoded

EXAMPLES = 300  # of the validation split

Suite = Sequence[Behaviour] | str | Path


def behave(
    run: Run,
    view: View,
    encoded: Encoded,
    sample: Sample,
    suite: Suite | None = None,
    watch: Watch | None = None,
) -> Finding | None:
    """A suite (tests, or the TOML file that holds them) asked of a run; the one that fits its task where none is given.

    `sample` are the windows that a forecaster is asked about. None where no suite fits; RecipeError for a given one that cannot be asked.
    """
    problem = encoded.problem
    tests = read_suite(suite) if isinstance(suite, (str, Path)) else suite
    if not _fits(problem):
        if tests is None:
            return None
        raise RecipeError(
            f"{run.name} is one of {run.recipe.task}; behaviour tests are for classes, numbers and forecasts."
        )
    if isinstance(problem, SeriesProblem):
        tests = default_suite("series", whole_windows=True) if tests is None else tests
        named = [test.name for test in tests if test.examples]
        if named:
            raise RecipeError(
                f"{named[0]!r} brings examples; a forecaster is asked about windows of its own series. Use changes."
            )
        lengths = np.full(len(sample), sample.inputs.shape[1])
        with whole_split("behaviour", view, sample, lengths, watch, 1.0 + len(tests)):
            return behaviour(_ahead(view), list(sample.inputs.numpy()), tests)
    if isinstance(problem, TextProblem):
        examples: list[Any] = list(problem.splits["validation"].texts)
        usual = () if problem.characters else default_suite("texts", problem.labels or ())
    else:
        examples, usual = list(problem.splits["validation"].values), default_suite("series")
    tests = usual if tests is None else tests
    rows = np.sort(np.random.default_rng(run.recipe.training.seed).permutation(len(examples))[:EXAMPLES])
    if not tests:
        return None
    lengths = encoded.feeds["validation"].lengths[rows]  # type: ignore[attr-defined]
    with whole_split("behaviour", view, sample, lengths, watch, 1.0 + len(tests)):
        return behaviour(_said(run), [examples[row] for row in rows], tests, problem.labels or ())


def without_tests(run: Run, problem: Any, suite: Suite | None = None) -> str:
    """Why `behave` has no answer, and what would give one."""
    if not _fits(problem):
        return (
            f"behaviour is not asked of {run.name}, which is one of {run.recipe.task}: its tests are for networks that answer with one class, a "
            "number or a forecast; errors shows where it is wrong."
        )
    if suite is None and isinstance(problem, TextProblem) and problem.characters:
        return (
            f"behaviour is not answered for {run.name}: in single characters, whose order is the signal, no change can be known beforehand to "
            "leave the answer as it is; give a suite of your own: --suite FILE, in Python suite=[...]."
        )
    return (
        f"behaviour is not answered for {run.name}: no example of its validation split can be changed as the tests say; give a suite that "
        "fits them: --suite FILE, in Python suite=[...]."
    )


def _fits(problem: Any) -> TypeGuard[TextProblem | ValueProblem | SeriesProblem]:
    """Whether the network answers with one class, a number or a forecast."""
    one = isinstance(problem, TextProblem | ValueProblem | SeriesProblem)
    return one and not isinstance(problem, MultiLabelProblem)


def _said(run: Run) -> Any:
    """Texts or series -> probabilities of the classes (n, classes), or numbers (n, 1)."""

    def answer(examples: Sequence[Any]) -> np.ndarray:
        given: list[Any] = [one if isinstance(one, str) else np.asarray(one, np.float32) for one in examples]
        said = predict(run, given)
        shares = [name for name in said.columns if name.startswith("p(")]
        return said.select(pl.col(shares or ["prediction"]).cast(pl.Float64)).to_numpy()

    return answer


def _ahead(view: View) -> Any:
    """Windows -> forecasts (n, horizon * series), as the network scales them."""

    def answer(windows: Sequence[Any]) -> np.ndarray:
        with untouched(view), torch.no_grad():
            inputs = torch.from_numpy(np.stack(windows)).to(view.device)
            outputs = view.read(view.embed(inputs), None)
            ahead = outputs if view.ahead is None else view.ahead(outputs)
        return ahead.flatten(1).double().cpu().numpy()

    return answer
