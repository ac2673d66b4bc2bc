"""Sequences of a run's own validation split, whole: the ones it got worst, and a stretch of a series with what is known ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from elman.core.errors import DataError
from elman.data.contract import Corpus, Dataset, LabelledSeries, LabelledTexts, SeriesTable, TaggedTexts
from elman.data.derived import follows
from elman.data.load import load
from elman.encoding.text import TextEncoder
from elman.evaluation.tagging import in_sentence
from elman.run import Run

AROUND = 160  # tokens before one that a language model got wrong
PIECE = 256  # tokens of a corpus that are read as one sequence


@dataclass(frozen=True)
class Example:
    """A sequence that a run got wrong: `text` or `values` (time, channels), in words, what was true and what was said.

    row    its number in the split (a scored word's, a token's, a window's)
    error  its part of the primary metric; for classes 1 - the probability of the true one
    """

    row: int
    words: str
    true: str
    said: str
    error: float
    text: str | None = None
    values: np.ndarray | None = None


def dataset_of(run: Run) -> Dataset:
    """The data set that a run was trained on, loaded anew; nothing is encoded."""
    recipe = run.recipe
    dataset: Dataset = run.task.suited(load(recipe.data, recipe.task)[1])
    return dataset


def worst(run: Run, dataset: Dataset, count: int = 20) -> list[Example]:
    """The validation examples with the largest error, worst first, one of each sentence.

    Raises DataError where the run has no predictions yet, or its corpus is too long to hold.
    """
    path = run.folder / "predictions-validation.parquet"
    if not path.exists():
        raise DataError(f"{run.name} has not been evaluated yet; its errors are not known.")
    frame = pl.read_parquet(path)
    labels = frame["target"].unique().to_list() if "target" in frame.columns else []
    # Where several labels may be true at once a target is a list of them, and the error stands there.
    if labels and all(f"p({name})" in frame.columns for name in labels):
        shares = np.stack([frame[f"p({name})"].to_numpy() for name in labels], 1)
        true = np.array([labels.index(name) for name in frame["target"]])
        frame = frame.with_columns(pl.Series("error", 1 - shares[np.arange(len(true)), true]))
        frame = frame.filter(pl.col("target") != pl.col("prediction"))
    frame = frame.filter(pl.col("error").is_finite()).sort("error", descending=True, maintain_order=True)
    if "sentence" in frame.columns:
        frame = frame.unique("sentence", keep="first", maintain_order=True)
    return [_example(run, dataset, row) for row in frame.head(count).iter_rows(named=True)]


def _example(run: Run, dataset: Dataset, row: dict[str, Any]) -> Example:
    number = int(row["row"])
    said: dict[str, Any] = {"true": str(row.get("target", "")), "said": str(row.get("prediction", ""))}
    if isinstance(dataset, LabelledTexts):
        text = dataset.splits["validation"].texts[number]
        return Example(number, shortened(text), **said, error=row["error"], text=text)
    if isinstance(dataset, LabelledSeries):
        values = dataset.splits["validation"].values[number]
        words = f"series {number + 1}, {len(values)} steps"
        return Example(number, words, **said, error=row["error"], values=values)
    if isinstance(dataset, TaggedTexts):
        examples = dataset.splits["validation"]
        sentence = " ".join(examples.words[row["sentence"]])
        return Example(number, in_sentence(examples, number, 4), **said, error=row["error"], text=sentence)
    if isinstance(dataset, Corpus):
        whole = dataset.splits["validation"]
        if not isinstance(whole, str):
            raise DataError("this corpus stays in its file; its errors cannot be picked from here.")
        encoder = run.encoder.text
        tokens = encoder.encode(whole[: 64 * (number + 2)])  # no token is longer
        before, there = tokens[max(0, number + 1 - AROUND) : number + 1], encoder.decode([tokens[number + 1]])
        read = encoder.decode([*before, tokens[number + 1]])
        return Example(number, f"…{read[-60:]}", there, "", row["error"], text=read)
    raise DataError("the errors of a forecast are windows; look at one of them with `stretch`.")


def shortened(text: str) -> str:
    """A text in a hundred characters."""
    return text if len(text) <= 100 else f"{text[:99]}…"


def stretch(run: Run, table: SeriesTable, back: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The past that a forecast reads, what is known of the future, and what then came: the last validation window, `back` windows earlier.

    Columns are those that `predict` takes. One entity, the first. Raises DataError where there is no such window, or where columns
    were moved by the step at which they are published.
    """
    encoder, options = run.encoder, run.recipe.data
    if options.delays:
        raise DataError("this run reads columns with a delay; drop a table of your own instead.")
    frame = table.frame
    if table.entity:
        frame = frame.filter(pl.col(table.entity) == frame[table.entity][0])
        for name in options.static:
            if name not in frame.columns:
                groups = [one for one in frame.columns if one.startswith(f"{name} is ")]
                found = [
                    pl.when(pl.col(one) > 0).then(pl.lit(one.removeprefix(f"{name} is "))) for one in groups
                ]
                frame = frame.with_columns(pl.coalesce(found).alias(name))
    end = int((frame[table.time] < table.borders[1]).sum()) - back * encoder.horizon
    origin, reads = end - encoder.horizon, encoder.window.context_length + 1
    if origin - reads < 0 or back < 0:
        raise DataError(f"there is no window {back} before the last one of the validation split.")
    keys = [name for name in (table.time, table.entity) if name]
    given = [name for name in table.known if not follows(name, options.static)]
    columns = [*keys, *table.targets, *given, *table.observed, *options.static]
    after = frame[origin:end]
    return (
        frame[origin - reads : origin].select(list(dict.fromkeys(columns))),
        after.select(list(dict.fromkeys([*keys, *given]))),
        after.select([table.time, *table.targets]),
    )


def some(run: Run, dataset: Dataset, count: int = 200, seed: int = 0) -> list[tuple[torch.Tensor, list[str]]]:
    """Validation sequences as the network reads them (1, time, ...), drawn at random, and what their steps are called.

    Of a corpus, pieces of 256 tokens; of tagged sentences, their words. Raises DataError for forecasts.
    """
    draw = np.random.default_rng(seed)
    encoder = run.encoder
    if isinstance(dataset, Corpus):
        whole = dataset.splits["validation"]
        tokens = encoder.text.encode(whole if isinstance(whole, str) else next(iter(whole)))
        starts = draw.integers(0, max(1, len(tokens) - PIECE), count)
        return [_named(encoder.text, tokens[start : start + PIECE]) for start in np.sort(starts)]
    if isinstance(dataset, SeriesTable):
        raise DataError("a forecast reads windows of one series; look at another window instead.")
    examples = dataset.splits["validation"]
    rows = np.sort(draw.permutation(len(examples))[:count])
    if isinstance(dataset, LabelledSeries):
        each = [encoder.values.encode(dataset.splits["validation"].values[row]) for row in rows]
        return [(torch.from_numpy(one)[None], [str(step + 1) for step in range(len(one))]) for one in each]
    if isinstance(dataset, TaggedTexts):
        words = [list(dataset.splits["validation"].words[row]) for row in rows]
        return [(torch.from_numpy(encoder.text.encode(one)).long()[None], one) for one in words if one]
    texts = [dataset.splits["validation"].texts[row] for row in rows]
    return [_named(encoder.text, encoder.text.encode(text)) for text in texts if text.strip()]


def _named(text: TextEncoder, numbers: np.ndarray) -> tuple[torch.Tensor, list[str]]:
    return torch.from_numpy(numbers.copy()).long()[None], [
        text.decode([number]) for number in numbers.tolist()
    ]
