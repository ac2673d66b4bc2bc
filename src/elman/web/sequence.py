"""The sequence that a question is about: a text, a series that was dropped or picked, or the past of a forecast."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from elman.core.errors import DataError
from elman.data.table import read_table
from elman.data.values import read_values
from elman.prediction import read_texts, windows
from elman.web.subject import Subject

POINTS = 600  # of a series that are sent: more than a screen shows
TEXTS, SERIES = 200, 50  # of a file that can be picked from
KINDS = (".csv", ".tsv", ".jsonl", ".txt", ".ts")
MOST_ROWS = 20_000  # of a table that comes with a question
WIDEST = 2_000  # columns of a table that is dropped: what lays it out takes its time for each


@dataclass(frozen=True)
class Sequence:
    """What the network reads, and how it is shown.

    inputs    (1, time, ...); `ahead` what is known of the steps to come, for a forecast
    steps     what stands at each shown place; `places` the step that each ends with (shown,)
    unknown   for each place, whether it is a token outside the vocabulary
    channels  of a series: name, least and greatest value in each place, in the data's unit
    """

    inputs: Tensor
    steps: list[str]
    places: np.ndarray
    unknown: list[bool]
    channels: tuple[tuple[str, np.ndarray, np.ndarray], ...] = ()
    ahead: Tensor | None = None

    def thinned(self, values: np.ndarray) -> np.ndarray:
        """One value a place of one a step (time,): the largest of those that fall together."""
        if len(values) == len(self.places):
            return values
        begins = np.concatenate([[0], self.places[:-1] + 1])
        parts = [values[first : last + 1] for first, last in zip(begins, self.places)]
        return np.array([part[np.argmax(np.abs(part))] for part in parts])


def sequence_of(subject: Subject, body: Mapping[str, Any]) -> Sequence:
    """The sequence of a question's JSON: {"text": ...}, {"series": key} of a series or of tokens, or {"past": columns, "future": columns}.

    Raises DataError for one that does not suit the network.
    """
    if subject.kind in ("text", "words"):
        inputs, steps, unknown = subject.read(body.get("text"))
        return Sequence(inputs, steps, np.arange(len(steps)), unknown)
    if subject.kind == "tokens":
        tokens = subject.kept(body.get("series"))
        return Sequence(
            subject.encode(tokens), subject.said(tokens), np.arange(len(tokens)), [False] * len(tokens)
        )
    if subject.kind == "values":
        values = subject.kept(body.get("series"))
        return _series(subject.encode(values), values, subject.channels, None)
    encoder = subject.run.encoder
    past, future = frame_of(body.get("past")), body.get("future")
    read = windows(subject.run, past, None if not future else frame_of(future))
    length, names = encoder.window.context_length, list(encoder.series)
    steps = past[encoder.time].cast(pl.String).to_list()[-length:]
    shown = past.select(pl.col(names).cast(pl.Float64, strict=False))[-length:].to_numpy()
    # An entity, or a series that is read alone, at a time: the first.
    ahead = None if read.ahead is None else read.ahead[:1]
    return _series(read.inputs[:1], shown, tuple(names), steps, ahead)


def _series(
    inputs: Tensor,
    values: np.ndarray,
    names: tuple[str, ...],
    steps: list[str] | None,
    ahead: Tensor | None = None,
) -> Sequence:
    time = min(inputs.shape[1], len(values))  # a longer one may have been cut by the encoder
    values = values[-time:].reshape(time, -1)
    places = np.unique(np.linspace(0, time, min(time, POINTS) + 1).astype(int))[1:] - 1
    begins = np.concatenate([[0], places[:-1] + 1])
    filled = np.where(np.isnan(values), np.nan_to_num(np.nanmean(values, 0)) if time else 0.0, values)
    low, high = (
        np.stack([edge(filled[a : b + 1], 0) for a, b in zip(begins, places)]) for edge in (np.min, np.max)
    )
    channels = tuple((name, low[:, k], high[:, k]) for k, name in enumerate(names))
    said = [str(place + 1) for place in places] if steps is None else [steps[place] for place in places]
    return Sequence(inputs, said, places, [False] * len(places), channels, ahead)


def frame_of(columns: Any) -> pl.DataFrame:
    """A table from JSON: a list for each column, all equally long. Raises DataError for anything else."""
    if not isinstance(columns, Mapping) or not columns:
        raise DataError("a table is expected: a list for each column.")
    lengths = {len(column) if isinstance(column, list) else -1 for column in columns.values()}
    if len(lengths) != 1 or not 1 <= lengths.pop() <= MOST_ROWS:
        raise DataError(f"the columns of a table are lists of one length, 1 to {MOST_ROWS:,}.")
    for name, column in columns.items():
        if not all(value is None or isinstance(value, (str, int, float)) for value in column):
            raise DataError(f"column {name!r} holds something that is neither a number nor a text.")
    try:
        return pl.DataFrame({str(name): pl.Series(column, strict=False) for name, column in columns.items()})
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise DataError(f"the table cannot be read: {error}.") from None


def columns_of(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """`frame_of`, the other way: dates as text."""
    return {
        name: (column.cast(pl.String) if column.dtype.is_temporal() else column).to_list()
        for name, column in ((name, frame[name]) for name in frame.columns)
    }


def choices(subject: Subject, body: Mapping[str, Any]) -> dict[str, Any]:
    """The sequences in a file that was dropped: its name and content -> texts, series kept here by a key, or a past to forecast from."""
    name, content = body.get("name"), body.get("content")
    suffix = Path(str(name)).suffix.lower()
    if not isinstance(content, str) or suffix not in KINDS:
        raise DataError(f"a file of one of these kinds is expected: {', '.join(KINDS)}.")
    columns = 1 + max(content.partition("\n")[0].count(mark) for mark in ",;\t|")
    if suffix in (".csv", ".tsv") and columns > WIDEST:
        raise DataError(f"{name} has {columns:,} columns; {WIDEST:,} at most are read here.")
    run, kind = subject.run, subject.kind
    if kind == "text" and run.recipe.task == "language_modelling":
        return {"choices": [{"words": str(name), "text": content[-20_000:]}]}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"dropped{suffix}"
        path.write_text(content, encoding="utf-8", errors="replace", newline="")
        try:
            if kind in ("text", "words"):
                texts = read_texts(path, run.recipe.data.text)[:TEXTS]
                return {"choices": [{"words": text[:100], "text": text[:20_000]} for text in texts]}
            if kind == "values":
                named, values = read_values(path, run.encoder.values.channels)
                return {
                    "choices": [
                        series_choice(subject, f"series {each}", one) for each, one in zip(named, values)
                    ][:SERIES]
                }
            return {"choices": [_past(subject, read_table(path))]}
        except DataError as error:
            raise DataError(str(error).replace(str(path), str(name))) from None


def series_choice(subject: Subject, words: str, values: np.ndarray) -> dict[str, Any]:
    """One series to pick, kept on the server: what is sent back and forth is its key."""
    key = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
    subject.keep(key, values)
    return {"words": f"{words}, {len(values):,} steps", "series": key}


def _past(subject: Subject, frame: pl.DataFrame) -> dict[str, Any]:
    """The last window of a dropped table, and the rows behind it that have covariates alone."""
    encoder = subject.run.encoder
    absent = [name for name in (encoder.time, *encoder.series) if name not in frame.columns]
    if absent:
        raise DataError(f"the table has no column {absent[0]!r}; it has {', '.join(frame.columns[:12])}.")
    if encoder.entity and encoder.entity in frame.columns:
        frame = frame.filter(pl.col(encoder.entity) == frame[encoder.entity][0])
    seen = frame.select(pl.any_horizontal(pl.col(name).is_not_null() for name in encoder.series)).to_series()
    end = int(seen.arg_true().max() or 0) + 1  # type: ignore[arg-type]
    wanted = [name for name in frame.columns if name not in encoder.series]
    future = frame[end : end + encoder.horizon].select(wanted)
    past = frame[max(0, end - encoder.window.context_length - 1) : end]
    return {
        "words": f"the last {past.height} rows",
        "past": columns_of(past),
        "future": columns_of(future) if future.height else None,
    }
