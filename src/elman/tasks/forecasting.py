"""Series: forecast all steps of the horizon at once, from a window of the past."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import Recipe
from elman.core.results import Predictions
from elman.data.contract import Dataset, SeriesTable, SplitName
from elman.encoding.batch import Batch
from elman.encoding.series import SeriesEncoder
from elman.evaluation.contract import SeriesProblem
from elman.interpretation.stepping import stepping_view
from elman.interpretation.view import Sample, View
from elman.models.heads import LEVELS, forecast_loss, point, quantiles
from elman.models.network import ForecastNetwork
from elman.tasks.contract import Encoded, Task, run_batches
from elman.training.loop import Objective, Step


class Forecasting(Task):
    """Windows of the past in, the future of every target out; predictions in the data's own unit."""

    name = "forecasting"
    own = frozenset(
        {
            "data.time",
            "data.target",
            "data.entity",
            "data.known",
            "data.static",
            "data.holidays",
            "data.observed",
            "data.frequency",
            "data.gaps",
            "data.sentinels",
            "data.delays",
            "encoding.context_length",
            "encoding.horizon",
            "encoding.stride",
            "encoding.scaler",
            "encoding.window_norm",
            "encoding.patch_length",
            "encoding.channels",
            "encoding.calendar",
            "model.distribution",
            "model.embedding_size",
            "training.loss",
        }
    )

    def defaults(self, dataset: Dataset) -> dict[str, Any]:
        assert isinstance(dataset, SeriesTable)
        season = max(1, dataset.season)
        returns, counts = dataset.kind == "return", dataset.kind == "count"
        return {
            "encoding.horizon": 1 if returns else max(season, 7),
            "encoding.context_length": 60 if returns else 4 * max(season, 7),
            # Counts of many entities stay counts; each window is read by its own size.
            "encoding.scaler": "none" if counts else "standard",
            "encoding.window_norm": "none" if returns else "scale" if counts else "last",
            "encoding.patch_length": 1,
            "encoding.channels": "joint",
            "model.pooling": "last",
            "training.loss": "mse",
            "training.batch_size": 64,
            "training.learning_rate": 1e-3,
            "training.epochs": 10.0,
            "training.patience": 4,
        }

    def encode(self, dataset: Dataset, recipe: Recipe, encoder: SeriesEncoder | None = None) -> Encoded:
        if not isinstance(dataset, SeriesTable):
            raise DataError(f"forecasting needs a table of series; {recipe.data.source!r} gives none.")
        length, patch = recipe.encoding.context_length or 1, recipe.encoding.patch_length or 1
        if patch > length:
            raise RecipeError(
                f"patch_length={patch} is longer than what is read, context_length={length}; expected at most {length}."
            )
        if recipe.model.distribution == "negative_binomial":
            _check_counts(dataset, recipe)
        encoder = encoder or SeriesEncoder.fit(dataset, recipe.encoding, recipe.data.gaps)
        encoded = encoder.encode(dataset)
        raw = encoded.problem
        problem = SeriesProblem(**raw)
        return Encoded(encoder, encoded.feeds, problem, encoded.summary)

    def encoder(self, stored: dict[str, Any]) -> SeriesEncoder:
        return SeriesEncoder.from_dict(stored)

    def network(self, encoder: SeriesEncoder, recipe: Recipe) -> nn.Module:
        options = recipe.encoding
        return ForecastNetwork(
            recipe.model,
            features=encoder.features,
            series=encoder.series_in_window,
            known=encoder.known_features,
            horizon=encoder.horizon,
            patch_length=options.patch_length or 1,
            window_norm=options.window_norm or "none",
            season=encoder.season,
        )

    def objective(self, encoded: Encoded, recipe: Recipe) -> Objective:
        distribution, loss = recipe.model.distribution, recipe.training.loss or "mse"

        def objective(model: nn.Module, batch: Batch, state: Any) -> Step:
            parameters = model(batch.inputs, batch.future).values
            each = forecast_loss(distribution, parameters, batch.targets, loss)
            return Step(each.mean(), len(batch.targets), None)

        return objective

    def predict(self, network: nn.Module, encoded: Encoded, split: SplitName, recipe: Recipe) -> Predictions:
        problem = encoded.problem
        assert isinstance(problem, SeriesProblem)
        parameters = run_batches(
            network, encoded.feeds[split], 512, lambda batch: network(batch.inputs, batch.future).values
        )
        outputs, intervals = self.unscale(
            parameters, encoded.encoder, recipe, problem.origins[split], problem
        )
        levels = LEVELS if intervals is not None else ()
        return Predictions("forecasts", outputs, problem.future(split), problem.series, intervals, levels)

    def unscale(
        self,
        parameters: np.ndarray,
        encoder: SeriesEncoder,
        recipe: Recipe,
        origins: np.ndarray,
        problem: SeriesProblem,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Head parameters (windows, horizon, series, p) to point forecasts and quantiles in the data's unit."""
        distribution, tensor = recipe.model.distribution, torch.from_numpy(parameters)
        last = problem.values[origins - 1]
        outputs = encoder.unscale(self._by_series(point(distribution, tensor).numpy(), encoder), last)
        if distribution == "point":
            return outputs, None
        bands = quantiles(distribution, tensor).numpy()
        each = [
            encoder.unscale(self._by_series(bands[..., k], encoder), last) for k in range(bands.shape[-1])
        ]
        return outputs, np.stack(each, -1)

    def _by_series(self, values: np.ndarray, encoder: SeriesEncoder) -> np.ndarray:
        """(windows * series, horizon, 1) of independent channels to (windows, horizon, series)."""
        series = len(encoder.series)
        if encoder.series_in_window == series:
            return values
        return values.reshape(-1, series, values.shape[1]).transpose(0, 2, 1)

    def view(self, network: nn.Module, encoder: SeriesEncoder, recipe: Recipe) -> View:
        assert isinstance(network, ForecastNetwork)
        distribution, loss = recipe.model.distribution, recipe.training.loss or "mse"

        def flat(embedded: Tensor, lengths: Tensor | None) -> Tensor:
            return network(embedded).values.flatten(1)

        def loss_each(outputs: Tensor, targets: Tensor) -> Tensor:
            parameters = outputs.reshape(*targets.shape, -1)
            return forecast_loss(distribution, parameters, targets, loss).flatten(1).mean(1)

        def ahead(outputs: Tensor) -> Tensor:
            each = outputs.reshape(len(outputs), network.horizon, network.series, -1)
            return point(distribution, each)

        def past(inputs: Tensor) -> Tensor:
            """What the layers read of the window, without the horizon that they may run on over."""
            return network.vectors(inputs)[:, : -(-inputs.shape[1] // network.patch_length)]

        return View(
            model=network,
            embed=network.embed,
            read=flat,
            read_steps=None,
            trace=lambda inputs, lengths: network.rnn.trace(network.vectors(inputs)),
            loss=loss_each,
            baseline=None,
            labels=(),
            step_names=None,
            feature_names=encoder.feature_names,
            stepping=stepping_view(network.rnn, past),
            ahead=ahead,
        )

    def sample(self, encoded: Encoded, split: SplitName, count: int, seed: int = 0) -> Sample:
        feed = encoded.feeds[split]
        rows = np.sort(np.random.default_rng(seed).permutation(len(feed))[:count])
        batch = feed.take(rows)
        return Sample(batch.inputs, None, batch.targets, rows)


def _check_counts(table: SeriesTable, recipe: Recipe) -> None:
    """A negative binomial law is one of whole numbers from 0 on, as they are."""
    wrong = []
    if recipe.encoding.scaler != "none":
        wrong.append("--scaler none")
    if recipe.encoding.window_norm != "scale":
        wrong.append("--window-norm scale")
    if wrong:
        raise RecipeError(
            f"--distribution negative_binomial is for counts as they are; add {' '.join(wrong)}."
        )
    for name in table.targets:
        values = table.frame[name].drop_nulls()
        bad = values.filter((values < 0) | (values != values.round(0)))
        if len(bad):
            raise DataError(
                f"--distribution negative_binomial is for counts; {name!r} holds {bad[0]:g}. "
                "Use --distribution quantiles or student_t."
            )


task = Forecasting()
