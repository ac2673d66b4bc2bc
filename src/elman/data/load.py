"""One door to all data: a source's name, or a file or folder of the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.core.catalogue import catalogue, find
from elman.core.errors import DataError, UnknownName
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data import dialects, huggingface
from elman.data.contract import (
    Corpus,
    Dataset,
    LabelledSeries,
    LabelledTexts,
    MultiLabelledTexts,
    SeriesTable,
    Source,
    TaggedTexts,
)
from elman.data.download import beside
from elman.data.roles import ROLES
from elman.data.table import TABLES

if TYPE_CHECKING:
    import polars as pl

TAKEN = ("target", "entity", "known", "observed", "static")  # by a source of series
OTHERS = {
    ".json": "JSON of any form (one object a line is read: .jsonl)", ".xlsx": "an Excel workbook", ".xls": "an Excel workbook",
    ".ods": "a spreadsheet", ".feather": "an Arrow file", ".arrow": "an Arrow file", ".pkl": "a pickle", ".npy": "a NumPy array",
    ".npz": "NumPy arrays", ".h5": "an HDF5 file", ".db": "a database", ".sqlite": "a database", ".pdf": "a PDF", ".docx": "a Word document",
    ".pt": "weights of a network", ".pth": "weights of a network", ".ckpt": "weights of a network", ".safetensors": "weights of a network",
    ".zip": "an archive", ".tar": "an archive", ".gz": "a compressed file", ".png": "a picture", ".jpg": "a picture",
}  # fmt: skip
KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    LabelledTexts: ("texts with labels", ("classification", "regression")),
    MultiLabelledTexts: ("texts with several labels each", ("multilabel",)),
    LabelledSeries: ("series with labels", ("classification", "regression")),
    TaggedTexts: ("tagged sentences", ("tagging",)),
    Corpus: ("running text", ("language_modelling",)),
    SeriesTable: ("a table of series", ("forecasting",)),
}


def load(options: DataOptions, task: str | None = None) -> tuple[Source, Dataset]:
    """The source and its data set; `task` is the one that is wanted, where a table could be read for several.

    A name of the catalogue wins; else the name is a path: a text file or folder of text files is running text, a
    folder of folders has one class per folder, a .conllu file or a folder of them has tagged sentences, a .ts file or a folder of
    a pair has series with labels, a table has texts with labels or (with a time column) series.
    """
    name = options.source.lower().replace("-", "_")
    if name in catalogue("data.sources"):
        source: Source = find("data.sources", name).source
        dataset = check(source.load(options), options.source)
        taken = (*source.takes, *(TAKEN if isinstance(dataset, SeriesTable) else ()))
        for role in ROLES[: ROLES.index("group")]:
            if getattr(options, role) and role not in taken:
                raise DataError(
                    f"{options.source} says itself what its columns are; it does not use --{role}. Drop it."
                )
        return source, followed(dataset, options)
    if huggingface.is_hub(options.source):
        source = hub(options, task)
        return source, followed(check(source.load(options), options.source), options)
    path = Path(options.source).expanduser()
    if not path.exists():
        if "://" in options.source:
            raise DataError(
                f"{options.source} is an address; expected a file, a folder or a named source. Download it first, and give the file."
            )
        if re.search(r"[/\\.]", options.source):
            raise DataError(
                f"no file or folder at {options.source}.{beside(path)} `elman data` lists the named sources."
            )
        raise UnknownName("source", options.source, catalogue("data.sources"))
    source = own(path, options, task)
    return source, followed(check(source.load(options), options.source), options)


def is_table(source: str, task: str | None = None) -> bool:
    """Whether a source is a table whose columns have to be told apart: a file of the user's own, or a data set of the hub."""
    if source.lower().replace("-", "_") in catalogue("data.sources"):
        return False
    return huggingface.is_hub(source) or _holds_table(Path(source).expanduser(), task)


def _holds_table(path: Path, task: str | None) -> bool:
    """Whether a file is a table, by the end of its name; by what is in it where that is .txt or says nothing, unless the task reads text."""
    if not path.is_file():
        return False
    suffix = path.suffix.lower()
    if suffix in TABLES or path.name.lower().endswith(".csv.gz"):
        return True
    told = suffix in (*OTHERS, ".md", ".conllu", ".ts") or task == "language_modelling"
    return not told and dialects.is_table(path)


def hub(options: DataOptions, wanted: str | None = None) -> Source:
    """A source that describes a data set of the Hugging Face hub; `defaults` say how it is read."""
    found = huggingface.read(options.source, options.path)
    task, defaults, reader = _table(found.frame, options, wanted, found.name, found.data_hash)

    def load(given: DataOptions) -> Dataset:
        dataset = reader(given)
        came = dataset.provenance
        told = replace(
            came, licence=found.licence, citation=found.citation, notes=(*found.notes, *came.notes)
        )
        return replace(dataset, provenance=told)

    title = f"{found.name} (Hugging Face)"
    return Source(title, task, load, found.licence, found.citation, found.url, defaults=defaults)  # type: ignore[arg-type]


def _table(
    frame: pl.DataFrame, options: DataOptions, wanted: str | None, path: Any, data_hash: str
) -> tuple[str, Mapping[str, Any], Callable[[DataOptions], Dataset]]:
    """Task, settings and reader of a table, by the one reading it has; DataError where there are several."""
    from elman.data import label_sets, series, table
    from elman.data.proposal import propose_frame

    reading = propose_frame(frame, options, wanted).settled()
    columns = {
        name.removeprefix("data."): value
        for name, value in reading.settings.items()
        if name.startswith("data.")
    }

    def load(given: DataOptions) -> Dataset:
        given = replace(given, **columns)
        if reading.task == "forecasting":
            return series.prepare(frame, path, given, data_hash)
        if reading.task == "multilabel":
            return label_sets.load(given, frame, path)
        return table.load(given, frame, path)

    return reading.task, reading.settings, load


def own(path: Path, options: DataOptions, wanted: str | None = None) -> Source:
    """A source that describes the user's own file or folder; of a table, `defaults` say how it is read."""
    from elman.data import class_folders, conllu, table, text_file, ts_file

    reader: Callable[[DataOptions], Dataset]
    defaults: Mapping[str, Any] = {}

    suffix = path.suffix.lower()
    if conllu.is_conllu(path):
        reader, task = conllu.load, "tagging"
    elif ts_file.is_ts(path):
        reader, task = ts_file.load, ts_file.task_of(path)
    elif path.is_dir():
        folders = [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]
        reader, task = (
            (class_folders.load, "classification") if folders else (text_file.load, "language_modelling")
        )
    elif _holds_table(path, wanted):
        task, defaults, reader = _table(table.read_table(path), options, wanted, path, sha256(path))
    elif suffix in OTHERS and wanted != "language_modelling":
        raise DataError(
            f"{path} is {OTHERS[suffix]}, which Elman does not read. Save it as .csv or .parquet (columns), or as .txt (running text)."
        )
    else:
        reader, task = text_file.load, "language_modelling"
    return Source(path.name, task, reader, licence="the owner's", citation="", defaults=defaults)  # type: ignore[arg-type]


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
        ("date", options.date, f"in order of {options.date}" in rule),
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
