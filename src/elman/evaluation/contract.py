"""What a rival is asked: the same problem as the network, as plain arrays and texts.

A rival ("baseline") is one file in `evaluation/baselines/` with a module docstring (first line = its summary),
`TASKS` (the problems it can answer) and a function

    fit(problem, seconds) -> predict          predict(split) -> Predictions

that may look at the training split only, and gives its predictions for "validation" or "test" in original order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from elman.core.results import Predictions
from elman.data.contract import Examples, SplitName, TaggedExamples, ValueExamples
from elman.data.passage import Passage

TOGETHER = 1 << 22  # tokens that are counted at once
Predictor = Callable[[SplitName], Predictions]


@dataclass(frozen=True)
class LabelledProblem:
    """Sequences with classes (`labels`) or numbers (`labels` None): what holds for texts and for series."""

    splits: Mapping[SplitName, Examples | ValueExamples]
    labels: tuple[str, ...] | None


@dataclass(frozen=True)
class TextProblem(LabelledProblem):
    """Texts with classes or numbers; `characters`: the order of letters is the signal."""

    splits: Mapping[SplitName, Examples]
    characters: bool = False
    season: int = 1


@dataclass(frozen=True)
class MultiLabelProblem(TextProblem):
    """Texts with any number of the labels each: targets are tuples of names."""


@dataclass(frozen=True)
class ValueProblem(LabelledProblem):
    """Series (time, channels) in the data's unit, NaN where a value is missing, with classes or numbers."""

    splits: Mapping[SplitName, ValueExamples]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaggedProblem:
    """A tag for each word; words whose tag is "" are read and not scored. An example is a scored word, sentences in order."""

    splits: Mapping[SplitName, TaggedExamples]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class TokenProblem:
    """Predict each token from those before it: the first token of a split is given, all others are scored.

    `characters` is how many characters the scored tokens of a split stand for, `words` likewise.
    """

    tokens: Mapping[SplitName, np.ndarray]
    vocabulary_size: int
    unit: str  # "character", "byte", "word", "token"
    texts: Mapping[SplitName, str | Passage]
    characters: Mapping[SplitName, int]

    def training_counts(self) -> np.ndarray:
        """How often each token comes in the training split (vocabulary,) int64, in bounded memory."""
        tokens, counts = self.tokens["train"], np.zeros(self.vocabulary_size, np.int64)
        for start in range(0, len(tokens), TOGETHER):
            counts += np.bincount(tokens[start : start + TOGETHER], minlength=len(counts))
        return counts


@dataclass(frozen=True)
class SeriesProblem:
    """Forecast `horizon` rows of `values` from the rows before an origin.

    values      (rows, series) float64 in the data's unit, gaps filled; entities one after another
    observed    (rows, series) bool: False where the value was missing and filled, not scored
    known       (rows, covariates) float64 known in advance, calendar included; may have 0 columns
    time        (rows,) numpy datetime64 or numbers
    entity      (rows,) int64, which entity a row belongs to
    origins     per split, the first row that is predicted (windows,): rows origin .. origin + horizon - 1 are the
                future, rows < origin of the same entity the past; purged so that no training window's future
                reaches validation rows
    train_rows  (rows,) bool
    mean, std   (series,) of the training rows: metrics "in standard deviations" divide by std
    """

    values: np.ndarray
    observed: np.ndarray
    known: np.ndarray
    time: np.ndarray
    entity: np.ndarray
    origins: Mapping[SplitName, np.ndarray]
    context_length: int
    horizon: int
    season: int
    kind: str
    series: tuple[str, ...]
    train_rows: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    entities: tuple[str, ...] = ()  # names by number, where there are several

    def future(self, split: SplitName) -> np.ndarray:
        """True values (windows, horizon, series), NaN where none was observed."""
        rows = self.origins[split][:, None] + np.arange(self.horizon)
        return np.where(self.observed[rows], self.values[rows], np.nan)


Problem = TextProblem | ValueProblem | TaggedProblem | TokenProblem | SeriesProblem
