"""Cross-validation of a forecast: the same recipe at several origins, trained anew at each or once at the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.core.errors import RecipeError
from elman.core.recipe import Recipe
from elman.core.results import Predictions, Scores
from elman.evaluation.contract import SeriesProblem
from elman.evaluation.rivals import hold
from elman.evaluation.verdict import judge
from elman.recipes import as_recipe
from elman.run import Run, new_folder
from elman.workbench import Prepared, fit, prepare


@dataclass(frozen=True)
class CrossValidation:
    """Test scores of every fold, in order of time; `runs` are the folders of what was trained."""

    folds: tuple[Scores, ...]
    runs: tuple[Path, ...]

    def values(self, name: str | None = None) -> np.ndarray:
        """The primary metric of the network, or of the rival called `name`, in every fold (folds,)."""
        rows = [
            next(r for r in one.rows if (not r.is_rival if name is None else r.name == name))
            for one in self.folds
        ]
        return np.array([row.metrics[one.primary.name].value for row, one in zip(rows, self.folds)])

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        names = [row.name for row in self.folds[0].rows if row.is_rival]
        shared = [name for name in names if all(name in {row.name for row in one.rows} for one in self.folds)]
        best = sum(one.beats_best_rival for one in self.folds)
        lines = [
            f"{label}: {values.mean():.4g} +- {values.std(ddof=1):.2g} over {len(values)} folds"
            for label, values in sorted(
                [("network", self.values()), *((name, self.values(name)) for name in shared)], key=lambda pair: pair[1].mean()
            )
        ]  # fmt: skip
        return "\n".join([*lines, f"The network beats the best rival in {best} of {len(self.folds)} folds."])


def cross_validate(
    source: str | Path | Recipe,
    *,
    folds: int = 5,
    refit: bool = True,
    out: str | Path | None = None,
    **settings: Any,
) -> CrossValidation:
    """Measure a forecasting recipe at `folds` origins that move forward (expanding; with `history=STEPS` rolling).

    With `refit` every fold trains a network of its own and rivals of its own, on what lies before it. Without, both are
    fitted once, before the first origin, and tested on all parts: how a model ages. Raises RecipeError for fewer than
    two folds or data that are no series.
    """
    if folds < 2:
        raise RecipeError(f"folds={folds}; expected 2 or more.")
    recipe = as_recipe(source, **settings)
    folder = Path(out or new_folder(Path("runs"), "cross-validation"))
    numbers = range(1, folds + 1) if refit else range(1, 2)
    runs, scores = [], []
    for number in numbers:
        data = replace(recipe.data, fold=f"{number}/{folds}")
        if not refit:  # one long test split, scored part by part
            data = replace(
                recipe.data, test_share=folds / (folds + 1), validation_share=_share(recipe, folds)
            )
        prepared = prepare(replace(recipe, data=data))
        if not isinstance(prepared.encoded.problem, SeriesProblem):
            raise RecipeError(
                f"folds in order of time are for forecasting; {prepared.task.name} has no time."
            )
        run = fit(
            replace(recipe, data=data), out=folder / f"fold-{number}", prepared=prepared, explained=False
        )
        runs.append(run.folder)
        scores += list(_measured(run, replace(prepared, recipe=run.recipe), 1 if refit else folds))
    return CrossValidation(tuple(scores), tuple(runs))


def _share(recipe: Recipe, folds: int) -> float:
    """The validation share of the whole that is the recipe's share of the first part."""
    return (0.1 if recipe.data.validation_share is None else recipe.data.validation_share) / (folds + 1)


def _measured(run: Run, prepared: Prepared, parts: int) -> Iterator[Scores]:
    """Scores on the test split, cut into `parts` equal parts by time."""
    problem, recipe = prepared.encoded.problem, prepared.recipe
    assert isinstance(problem, SeriesProblem)
    rivals = hold(prepared.task.name, problem, recipe.evaluation)
    predictions = prepared.task.predict(run.network, prepared.encoded, "test", recipe)
    others = rivals.predict("test")
    times = problem.time[problem.origins["test"]]
    stamps = np.unique(times)
    for part in np.array_split(stamps, parts):
        rows = np.flatnonzero((times >= part[0]) & (times <= part[-1]))
        origins = {**problem.origins, "test": problem.origins["test"][rows]}
        yield judge(
            "test", _rows(predictions, rows), {name: _rows(one, rows) for name, one in others.items()},
            replace(problem, origins=origins), name=run.name, bootstrap=recipe.evaluation.bootstrap, seed=recipe.training.seed,
            left_out=rivals.left_out,
        )  # fmt: skip


def _rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    bands = predictions.quantiles
    return replace(
        predictions, outputs=predictions.outputs[rows], targets=predictions.targets[rows],
        quantiles=None if bands is None else bands[rows],
    )  # fmt: skip
