"""Predictions for new sequences: texts and series to classes or numbers, words to tags, series to forecasts with intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from elman.core.errors import DataError, RecipeError, RunError
from elman.data.conllu import parse
from elman.data.contract import SeriesTable
from elman.data.derived import BEGUN, follows
from elman.data.derived import forward as derived
from elman.data.dialects import is_table
from elman.data.download import local, read_text
from elman.data.folder import named_in
from elman.data.rhythm import DAY, following, open_days
from elman.data.series import prepare as prepare_series
from elman.data.table import column, joined, read_table
from elman.data.values import read_values
from elman.encoding.openings import gap
from elman.encoding.sequences import SequenceFeed
from elman.encoding.tagged import TaggedFeed
from elman.evaluation.conformal import ENOUGH, offsets
from elman.evaluation.multilabel import named
from elman.models.heads import LEVELS, point, quantiles
from elman.run import Run
from elman.tasks._values import LabelledValueEncoder
from elman.tasks.contract import evaluating, run_batches
from elman.tasks.multilabel import sigmoid
from elman.tasks.tagging import shares, step_logits

INTERVAL = 0.9  # share of true values that a forecast's interval is meant to hold


def predict(
    run: Run | str | Path,
    source: str | Path | Iterable[str] | pl.DataFrame,
    future: str | Path | pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Predictions of a run as a table.

    Texts (a list of strings, a text file with one per line, a table with the run's text column): prediction and, for
    classes, a probability each. The same for series that have a label (a .ts file, a table with a row for each step and a column `series`,
    arrays (time, channels)). Series to forecast (a table with the run's columns): the steps after its last row, with an interval from the
    network's quantiles or from its errors on the validation split; `future` is a table of what is known of those steps. Tags: a row for each word of the texts, of lists of words, or of a
    .conllu file. Raises DataError for what does not fit the run.
    """
    run = Run.open(run)
    task = run.recipe.task
    if task == "forecasting":
        return _forecast(run, source, future)
    if future is not None:
        raise RecipeError(f"--future is for forecasts; this run is one of {task}.")
    if task == "tagging":
        return _tags(run, source)
    if task == "language_modelling":
        raise RecipeError(
            "a language model predicts the next token; let it write: elman generate RUN --prompt TEXT"
        )
    return _labelled(run, source)


def _labelled(run: Run, source: Any) -> pl.DataFrame:
    encoder = run.encoder
    if isinstance(encoder, LabelledValueEncoder):
        names, values = read_values(source, encoder.values.channels)
        shown: dict[str, list[Any]] = {"series": names, "steps": list(map(len, values))}
        sequences, padding = encoder.values.encode_many(values), "right"
    else:
        texts = read_texts(source, run.recipe.data.text)
        shown, sequences = {"text": texts}, encoder.text.encode_many(texts)
        padding = run.recipe.encoding.padding
    feed = SequenceFeed(sequences, np.zeros(len(sequences), np.int64), padding=padding)
    outputs = run_batches(
        run.network, feed, 256, lambda batch: run.network(batch.inputs, batch.lengths).values
    )
    if encoder.labels is None:
        return pl.DataFrame({**shown, "prediction": outputs[:, 0] * encoder.std + encoder.mean})
    if encoder.multiple:
        each = sigmoid(outputs)
        said = [named(row, encoder.labels) for row in each]
        return pl.DataFrame(
            {**shown, "prediction": said}
            | {f"p({label})": each[:, k] for k, label in enumerate(encoder.labels)}
        )
    shares = torch.from_numpy(outputs).softmax(-1).numpy()
    each_class = {f"p({label})": shares[:, k] for k, label in enumerate(encoder.labels)}
    return pl.DataFrame({**shown, "prediction": [encoder.labels[k] for k in shares.argmax(1)], **each_class})


def _tags(run: Run, source: Any) -> pl.DataFrame:
    """One row for each word: sentence and place (0 = first), word, tag, and its probability."""
    encoder, network = run.encoder, run.network
    words = _sentences(source, run)
    nothing = [np.zeros(len(sentence), np.int64) for sentence in words]  # every word is asked for
    feed = TaggedFeed([encoder.text.encode(sentence) for sentence in words], nothing)
    outputs = shares(step_logits(network, feed, 128))
    chosen = outputs.argmax(1)
    return pl.DataFrame(
        {
            "sentence": np.repeat(np.arange(len(words)), list(map(len, words))),
            "place": np.concatenate([np.arange(len(sentence)) for sentence in words]),
            "word": [word for sentence in words for word in sentence],
            "tag": [encoder.labels[number] for number in chosen],
            "probability": outputs[np.arange(len(chosen)), chosen],
        }
    )


def _sentences(source: Any, run: Run) -> list[list[str]]:
    """Words as a .conllu file or lists of words give them; texts are split as training's words were."""
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".conllu":
        return [list(words) for words in parse(read_text(local(str(source))), str(source)).words]
    if not isinstance(source, (str, Path, pl.DataFrame)):
        source = list(source)
        if source and not any(isinstance(one, str) for one in source):
            if not all(len(sentence) for sentence in source):
                raise DataError("a sentence has no words; give one word at least.")
            return [[str(word) for word in sentence] for sentence in source]
    words = [run.encoder.text.split(text) for text in read_texts(source, run.recipe.data.text)]
    if not all(words):
        row = next(number for number, sentence in enumerate(words) if not sentence)
        raise DataError(f"text {row + 1} has no words; give one word at least.")
    return words


def read_texts(source: Any, name: str | None) -> list[str]:
    """Texts from a list, a text file (one a line) or a table (its text column)."""
    if isinstance(source, pl.DataFrame):
        frame: pl.DataFrame | None = source
    elif isinstance(source, (str, Path)):
        path = Path(source)
        if not path.exists():
            raise DataError(f"no file at {path}. To predict one text, use --text.")
        if path.is_dir():
            raise DataError(
                f"{path} is a folder; expected a table, or a text file with one text a line.{named_in(path)}"
            )
        lines = path.suffix.lower() in ("", ".txt") and not is_table(path)
        frame = None if lines else read_table(path)
        if frame is None:
            return [line for line in read_text(path).splitlines() if line.strip()]
    else:
        texts = [str(text) for text in source]
        if not texts:
            raise DataError("there is no text to predict.")
        return texts
    assert frame is not None
    where = "the table" if isinstance(source, pl.DataFrame) else source
    wanted = column(frame, name or "text", where)
    return frame[wanted].cast(pl.String).fill_null("").to_list()


@dataclass(frozen=True)
class Windows:
    """What a network that forecasts reads of a table.

    table    the rows given, and `horizon` more of each entity, whose covariates are known
    starts   the first row to be forecast of each entity (entities,), `origins` of those alone that are long enough (n,)
    inputs   (n * series, context, features), or (n, context, features) where one window reads all series
    ahead    covariates known in advance (as inputs, horizon, known), or None
    last     the last values before each origin (n, series), in the data's unit
    """

    table: SeriesTable
    starts: np.ndarray
    origins: np.ndarray
    inputs: torch.Tensor
    ahead: torch.Tensor | None
    last: np.ndarray


def windows(run: Run, source: Any, future: Any = None) -> Windows:
    """The last window of each entity of a table, as the run's network reads it. Raises DataError for what does not fit the run."""
    recipe, encoder = run.recipe, run.encoder
    if not isinstance(source, (pl.DataFrame, str, Path)):
        raise DataError("this run forecasts series: give a table with its columns, not texts.")
    frame = joined(
        source if isinstance(source, pl.DataFrame) else read_table(local(str(source))), encoder.entity
    )
    if future is not None:
        frame = _with_future(frame, future, encoder, recipe.data.known)
    options = replace(
        recipe.data,
        time=encoder.time,
        entity=encoder.entity,
        target=encoder.series,
        # What follows from dates and entities is made again; older runs do not say which columns were given.
        known=recipe.data.known
        or tuple(name for name in encoder.known if name in frame.columns and name not in recipe.data.static),
        observed=encoder.observed,
        fold=None,  # of the new rows all are the past
        history=None,
    )
    table = prepare_series(
        frame,
        source if not isinstance(source, pl.DataFrame) else "the table",
        options,
        "",
        borders=(None, None),
        season=encoder.season,
    )
    table = encoder.opened(_as_trained(table, encoder))
    longer, origins = _extended(table, encoder, recipe.data.static)
    arrays = encoder.arrays(longer)
    context, horizon, series = encoder.window.context_length, encoder.horizon, len(encoder.series)
    first = np.searchsorted(arrays["entity"], arrays["entity"][origins])
    short = origins - first < context
    if short.all():
        raise DataError(
            f"the series has {int((origins - first).max())} rows; the network reads {context}. Give at least that many."
        )
    starts, origins = origins, origins[~short]
    rows = origins[:, None] + np.arange(-context, 0)
    inputs, known_ahead = (
        arrays["features"][rows],
        arrays["features"][origins[:, None] + np.arange(horizon), series : series + encoder.known_features],
    )
    if encoder.independent:
        known = inputs[:, :, series : series + encoder.known_features]
        each = [np.concatenate([inputs[:, :, k : k + 1], known], -1) for k in range(series)]
        inputs = np.stack(each, 1).reshape(len(origins) * series, context, -1)
        known_ahead = np.repeat(known_ahead, series, 0)
    ahead = torch.from_numpy(np.ascontiguousarray(known_ahead)) if encoder.known_features else None
    read = torch.from_numpy(np.ascontiguousarray(inputs))
    return Windows(longer, starts, origins, read, ahead, arrays["values"][origins - 1])


def _forecast(run: Run, source: Any, future: Any = None) -> pl.DataFrame:
    recipe, encoder, network = run.recipe, run.encoder, run.network
    found = windows(run, source, future)
    longer, starts, origins, last = found.table, found.starts, found.origins, found.last
    horizon, series = encoder.horizon, len(encoder.series)
    with evaluating(network):
        parameters = network(found.inputs, found.ahead).values

    def back(values: np.ndarray) -> np.ndarray:
        if encoder.independent:
            values = values.reshape(len(origins), series, horizon).transpose(0, 2, 1)
        unscaled: np.ndarray = encoder.unscale(values, last)
        return unscaled

    outputs = back(point(recipe.model.distribution, parameters).numpy())
    if recipe.model.distribution == "point":
        of = (
            longer.frame[encoder.entity].cast(pl.String).gather(origins).to_list() if encoder.entity else [""]
        )
        low, high = _conformal(run, outputs.shape[1:], of)
        bounds = (outputs + low, outputs + high)
        if encoder.kind == "count":
            bounds = (np.maximum(bounds[0], 0), np.maximum(bounds[1], 0))
    else:
        bands = quantiles(recipe.model.distribution, parameters).numpy()
        bounds = (back(bands[..., 0]), back(bands[..., len(LEVELS) - 1]))
    parts = []
    read = dict(zip(origins.tolist(), range(len(origins)), strict=True))
    nothing = np.full((horizon, series), np.nan)
    for origin in starts.tolist():
        number = read.get(origin)  # None: too short a series to be read
        span = longer.frame[int(origin) : int(origin) + horizon]
        for k, name in enumerate(encoder.series):
            keys = {encoder.time: span[encoder.time]} | (
                {encoder.entity: span[encoder.entity]} if encoder.entity else {}
            )
            values = {
                what: (nothing if number is None else one[number])[:, k]
                for what, one in (("prediction", outputs), ("low", bounds[0]), ("high", bounds[1]))
            }
            parts.append(
                pl.DataFrame(
                    {**keys, "series": [name] * horizon, "step": np.arange(1, horizon + 1), **values}
                )
            )
    return pl.concat(parts).fill_nan(None)


def _as_trained(table: SeriesTable, encoder: Any) -> SeriesTable:
    """The table with the static groups of the training: one that is absent here is 0, one that is new is refused."""
    new = [name for name in table.known if name not in encoder.known]
    if new:
        raise DataError(
            f"{', '.join(new)}: training did not hold that. Leave those series out, or train again with them."
        )
    names = [name for name in encoder.known if name != BEGUN]
    absent = [pl.lit(0.0).alias(name) for name in names if name not in table.frame.columns]
    return replace(table, frame=table.frame.with_columns(absent), known=tuple(names))


def _with_future(frame: pl.DataFrame, future: Any, encoder: Any, known: tuple[str, ...]) -> pl.DataFrame:
    """The rows of the past, then those of the future with what is known of them."""
    where = "the future" if isinstance(future, pl.DataFrame) else str(future)
    ahead = joined(
        future if isinstance(future, pl.DataFrame) else read_table(local(str(future))), encoder.entity
    )
    if not known:
        raise DataError(
            "this run knows nothing in advance that a file of the future could say; drop --future."
        )
    keys = [name for name in (encoder.time, encoder.entity) if name]
    for name in (*keys, *known):
        column(ahead, name, where)
    ahead = ahead.select(*keys, *known)
    if ahead[encoder.time].dtype != frame[encoder.time].dtype:
        raise DataError(
            f"the times of {where} are written in another way than those of the past: {ahead[encoder.time][0]!r}, "
            f"{frame[encoder.time][0]!r}. Write them alike."
        )
    if encoder.entity:
        absent = set(frame[encoder.entity].unique()) - set(ahead[encoder.entity].unique())
        if absent:
            raise DataError(
                f"{where} says nothing of {len(absent)} of the series, e.g. {min(map(str, absent))!r}."
            )
    again = ahead.join(frame.select(keys), on=keys, how="semi").height
    if again:
        raise DataError(
            f"{again:,} rows of {where} are of times that the past has, too; it begins after the last of them."
        )
    return pl.concat([frame, ahead], how="diagonal_relaxed")


def _extended(table: SeriesTable, encoder: Any, static: tuple[str, ...]) -> tuple[SeriesTable, np.ndarray]:
    """The table with `horizon` rows more per entity, and the first of them. Rows that hold covariates but no target
    yet are the future already."""
    frame, time = table.frame, table.time
    groups = [frame] if table.entity is None else frame.partition_by(table.entity, maintain_order=True)
    parts, origins, offset = [], [], 0
    days = open_days([group[time] for group in groups], DAY)
    for group in groups:
        seen = group.select(
            pl.any_horizontal(pl.col(name).is_not_null() for name in encoder.series)
        ).to_series()
        length = int(seen.arg_true().max() or 0) + 1  # type: ignore[arg-type]
        step: Any = group[time].diff().drop_nulls().mode().min()
        step = gap(encoder.step_us, group[time]) if step is None else step  # one row alone
        missing = max(0, length + encoder.horizon - group.height)
        stamps = following(group[time], step, days if step == DAY else None, missing)
        given = [name for name in encoder.known if not follows(name, static)]
        if missing and given:
            which = f"{stamps[0]} to {stamps[-1]}" if missing > 1 else f"{stamps[0]}"
            raise DataError(
                f"the covariates {', '.join(given)} must be given for {encoder.horizon} steps after the last target; {missing} are missing, {which}. "
                f"Give a table of them with --future FILE: {', '.join(name for name in (time, table.entity, *given) if name)}."
            )
        more = pl.Series(time, stamps, dtype=group[time].dtype).to_frame()
        if table.entity is not None:
            more = more.with_columns(pl.lit(group[table.entity][0]).alias(table.entity))
        parts.append(pl.concat([group, more], how="diagonal")[: length + encoder.horizon])
        origins.append(offset + length)
        offset += length + encoder.horizon
    whole = derived(pl.concat(parts), time, table.entity, encoder.known, static)
    return replace(table, frame=whole, borders=(table.frame[time].max(), table.frame[time].max())), np.array(
        origins
    )


def _conformal(run: Run, shape: tuple[int, ...], entities: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (entities, horizon, series) between which INTERVAL of the validation errors lay.

    An entity with ENOUGH windows has its own, since large ones err by more; the others share those of all.
    """
    path = run.folder / "predictions-validation.parquet"
    if not path.exists():
        raise RunError(
            f"{run.folder} was trained and not measured, and its errors on the validation split make the interval. "
            f"Measure it first: elman evaluate {run.folder}"
        )
    frame = pl.read_parquet(path)
    names = run.encoder.series
    errors = np.stack(
        [
            np.stack(frame[f"target {n}"].to_list()) - np.stack(frame[f"prediction {n}"].to_list())
            for n in names
        ],
        -1,
    )
    errors = errors.reshape(-1, *shape)
    own = frame["entity"].to_numpy() if "entity" in frame.columns else np.full(len(errors), "")
    found = {}
    for name in dict.fromkeys(entities):
        chosen = errors[own == name]
        found[name] = offsets(chosen if len(chosen) >= ENOUGH else errors, INTERVAL)
    return np.stack([found[name][0] for name in entities]), np.stack([found[name][1] for name in entities])
