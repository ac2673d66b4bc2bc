"""One door to all data: a source's name, or a file or folder of the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from elman.core.catalogue import catalogue, find
from elman.core.errors import DataError, UnknownName
from elman.core.recipe import DataOptions
from elman.data.contract import (
    Corpus,
    Dataset,
    LabelledSeries,
    LabelledTexts,
    SeriesTable,
    Source,
    TaggedTexts,
)

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}
KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    LabelledTexts: ("texts with labels", ("classification", "regression")),
    LabelledSeries: ("series with labels", ("classification", "regression")),
    TaggedTexts: ("tagged sentences", ("tagging",)),
    Corpus: ("running text", ("language_modelling",)),
    SeriesTable: ("a table of series", ("forecasting",)),
}


def load(options: DataOptions) -> tuple[Source, Dataset]:
    """The source and its data set.

    A name of the catalogue wins; else the name is a path: a text file or folder of text files is running text, a
    folder of folders has one class per folder, a .conllu file or a folder of them has tagged sentences, a .ts file or a folder of
    a pair has series with labels, a table has texts with labels or (with a time column) series.
    """
    name = options.source.lower().replace("-", "_")
    if name in catalogue("data.sources"):
        source: Source = find("data.sources", name).source
        return source, followed(check(source.load(options), options.source), options)
    path = Path(options.source).expanduser()
    if not path.exists():
        if re.search(r"[/\\.]", options.source):
            raise DataError(
                f"no file or folder at {options.source}. Named sources: {', '.join(catalogue('data.sources'))}."
            )
        raise UnknownName("source", options.source, catalogue("data.sources"))
    source = own(path, options)
    return source, followed(check(source.load(options), options.source), options)


def own(path: Path, options: DataOptions) -> Source:
    """A source that describes the user's own file or folder."""
    from elman.data import class_folders, conllu, series, table, text_file, ts_file

    reader: Callable[[DataOptions], Dataset]

    suffix = "".join(path.suffixes[-1:]).lower()
    if path.suffixes[-2:] == [".csv", ".gz"]:
        suffix = ".csv"
    if conllu.is_conllu(path):
        reader, task = conllu.load, "tagging"
    elif ts_file.is_ts(path):
        reader, task = ts_file.load, ts_file.task_of(path)
    elif path.is_dir():
        folders = [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]
        reader, task = (
            (class_folders.load, "classification") if folders else (text_file.load, "language_modelling")
        )
    elif suffix in TABLES:
        frame = table.read_table(path)
        if series.is_series(frame, options):
            reader, task = series.load, "forecasting"
        else:
            reader, task = table.load, table.task_of(frame, options, path)
    else:
        reader, task = text_file.load, "language_modelling"
    return Source(path.name, task, reader, licence="the owner's", citation="")  # type: ignore[arg-type]


def check(dataset: Dataset, name: str) -> Dataset:
    """What no task can work with, said plainly."""
    if isinstance(dataset, LabelledTexts | LabelledSeries | TaggedTexts):
        if dataset.labels is not None and len(dataset.labels) < 2:
            raise DataError(
                f"{name} holds one class only ({dataset.labels[0]!r}); expected at least two. "
                "Check --label, or that the file is not sorted and cut."
            )
        for split, examples in dataset.splits.items():
            if not len(examples):
                raise DataError(
                    f"the {split} split of {name} is empty; give more data or a larger --{split}-share."
                )
    return dataset


def followed(dataset: Dataset, options: DataOptions) -> Dataset:
    """DataError for a way to split, to delay or to draw that this source does not follow: nothing is passed over in silence."""
    rule = dataset.provenance.split
    for flag, given, kept in (
        ("group", options.group, f"hash of {options.group}" in rule),
        ("stratified", options.stratified, "each class alike" in rule),
        ("delays", options.delays, isinstance(dataset, SeriesTable)),
        ("fold", options.fold, isinstance(dataset, SeriesTable)),
        ("history", options.history, isinstance(dataset, SeriesTable)),
        ("length", options.length, dataset.provenance.chance),
        ("test-length", options.test_length, dataset.provenance.chance),
        ("data-seed", options.data_seed, dataset.provenance.chance),
    ):
        if given and not kept:
            raise DataError(f"{options.source} is split {rule}; it does not use --{flag}. Drop it.")
    return dataset


def suits(task: str, dataset: Dataset, name: str) -> None:
    """DataError where the task cannot work with this kind of data."""
    kind, tasks = KINDS[type(dataset)]
    if task not in tasks:
        raise DataError(
            f"{name} gives {kind}, for {' or '.join(tasks)}; {task} cannot use it. Drop --task, or say with --text and "
            "--label, or --time and --target, what the columns are."
        )
