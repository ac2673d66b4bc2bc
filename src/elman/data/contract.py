"""What a source is and what it gives: texts or series with labels, tagged texts, a corpus, or a table of series.

A new source is one file in `data/sources/` with a module docstring and `source = Source(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from elman.core.recipe import DataOptions

if TYPE_CHECKING:
    import numpy as np
    import polars

    from elman.data.passage import Passage

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Chance:
    """What guessing reaches, known in closed form: the metric's name, its value, and why in one sentence."""

    metric: str
    value: float
    why: str

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g}: {self.why}"


@dataclass(frozen=True)
class Provenance:
    """Where data came from: the source's name, SHA-256 over the content, how it was split, what was noticed."""

    source: str
    data_hash: str
    split: str  # one sentence: the rule of the split
    notes: tuple[str, ...] = ()  # rows dropped, gaps filled, duplicates found: shown in the summary
    licence: str = ""
    citation: str = ""
    chance: Chance | None = None  # of a synthetic source, on its test split


@dataclass(frozen=True)
class Examples:
    """Texts and what is to be predicted: class names (str) or numbers (float), in file order."""

    texts: Sequence[str]
    targets: Sequence[str] | Sequence[float] | Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class LabelledTexts:
    """Sequences of text, each with a class (`labels` are the class names) or a number (`labels` is None)."""

    splits: Mapping[SplitName, Examples]
    labels: tuple[str, ...] | None
    provenance: Provenance
    unlabelled: Sequence[str] = ()


@dataclass(frozen=True)
class MultiLabelledTexts(LabelledTexts):
    """Texts with any number of labels each: a target is the tuple of their names, perhaps empty."""


@dataclass(frozen=True)
class TaggedExamples:
    """Sentences as words, and a tag for each word; the tag "" is not asked for and not scored."""

    words: Sequence[Sequence[str]]
    tags: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class TaggedTexts:
    """Sequences of words, each word with a tag; `labels` are the names of the tags, without ""."""

    splits: Mapping[SplitName, TaggedExamples]
    labels: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True)
class ValueExamples:
    """Sequences of numbers, each (time, channels) float32 and as long as it is, and what is to be predicted."""

    values: Sequence[np.ndarray]  # NaN where a value is missing
    targets: Sequence[str] | Sequence[float]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class LabelledSeries:
    """Sequences of numbers, each with a class (`labels` are the class names) or a number (`labels` is None)."""

    splits: Mapping[SplitName, ValueExamples]
    labels: tuple[str, ...] | None
    channels: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True)
class Corpus:
    """Running text, split in order; what is too long to hold stays in its file."""

    splits: Mapping[SplitName, str | Passage]
    provenance: Provenance


@dataclass(frozen=True)
class SeriesTable:
    """Regular series: one row per entity and time step, sorted by entity, then time; missing values are null.

    `borders` are the first time stamps of validation and of test: rows before the first are training rows.
    `season` is the number of steps of the main season (24 for hourly data, 7 for daily counts; 1: none).
    """

    frame: polars.DataFrame
    time: str
    targets: tuple[str, ...]
    borders: tuple[object, object]
    provenance: Provenance
    entity: str | None = None
    known: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    frequency: str = ""
    season: int = 1
    kind: Literal["level", "price", "return", "count"] = "level"
    end: object | None = None  # first time stamp after the test split, when the standard protocol stops early


Dataset = LabelledTexts | TaggedTexts | LabelledSeries | Corpus | SeriesTable


@dataclass(frozen=True)
class Source:
    """A source that describes itself. `load(options)` gives its dataset or raises DataError.

    `defaults` are recipe settings (dotted names) that fit this source, used where the user gave none.
    """

    title: str
    task: Literal[
        "classification", "regression", "multilabel", "tagging", "language_modelling", "forecasting"
    ]
    load: Callable[[DataOptions], Dataset]
    licence: str
    citation: str
    url: str = ""
    size: str = ""
    sha256: str = ""
    defaults: Mapping[str, object] = field(default_factory=dict)
    takes: tuple[
        str, ...
    ] = ()  # roles of columns that `load` follows; what may be forecast, and from what, of every series
