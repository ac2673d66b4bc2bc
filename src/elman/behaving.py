"""The answers of a run, or of a network made elsewhere, to examples that a behaviour test changes or brings, and the suite that fits."""

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
from elman.interpretation.changes import OF_SERIES
from elman.interpretation.cost import SIZES, Watch, whole_split
from elman.interpretation.suite import Behaviour, default_suite, read_suite
from elman.interpretation.view import Sample, View, untouched
from elman.prediction import predict
from elman.run import Run
from elman.tasks.contract import Encoded

EXAMPLES = SIZES["behaviour"]  # of the validation split
TOGETHER = 64  # that are answered at once

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


def tests_elsewhere(sample: Sample, suite: Suite | None = None) -> tuple[Behaviour, ...]:
    """The behaviour tests of a network made elsewhere: the usual ones for series, all of one length where it is not told lengths.

    Of tokens, whose words are not known, those of a given suite alone. RecipeError where one makes a change that rows of inputs do not have.
    """
    series = sample.inputs.is_floating_point()
    if suite is None:
        return default_suite("series", whole_windows=sample.lengths is None) if series else ()
    tests = tuple(read_suite(suite) if isinstance(suite, (str, Path)) else suite)
    known = OF_SERIES if series else {}
    for test in tests:
        if test.replace is not None or (isinstance(test.change, str) and test.change not in known):
            reads = "values" if series else "tokens"
            raise RecipeError(
                f"the change of the behaviour test {test.name!r} is none of rows of {reads}; give it in Python: change=a function "
                "(row, random numbers) -> row."
            )
    return tests


def behave_elsewhere(view: View, sample: Sample, tests: Sequence[Behaviour] | None = None) -> Finding | None:
    """Behaviour tests of a network made elsewhere, whose examples are rows of its inputs (time, ...), without padding.

    Its answers are probabilities where its targets are classes, numbers otherwise. None where no test has an example. The usual
    tests where none are given.
    """
    tests = tests_elsewhere(sample) if tests is None else tests
    classes = not sample.targets.is_floating_point()
    rows = [sample.inputs[row, : sample.length(row)].cpu().numpy() for row in range(len(sample))]

    def answer(examples: Sequence[Any]) -> np.ndarray:
        given = [torch.as_tensor(np.asarray(one), dtype=sample.inputs.dtype) for one in examples]
        outputs: dict[int, torch.Tensor] = {}
        for length in sorted({len(one) for one in given}):
            alike = [place for place, one in enumerate(given) if len(one) == length]
            for start in range(0, len(alike), TOGETHER):
                part = alike[start : start + TOGETHER]
                inputs = torch.stack([given[place] for place in part]).to(view.device)
                lengths = None if sample.lengths is None else torch.full((len(part),), length)
                with untouched(view), torch.no_grad():
                    outputs |= zip(part, view.read(view.embed(inputs), lengths).double().cpu())
        said = torch.stack([outputs[place] for place in range(len(given))])
        return (said.softmax(1) if classes else said.flatten(1)).numpy()

    return behaviour(answer, rows, tests, view.labels if classes else ())
