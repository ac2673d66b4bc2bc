"""Data sets of the Hugging Face hub, through the library `datasets`: huggingface:NAME[/CONFIG][:SPLIT].

NAME is `imdb` or `organisation/imdb`, SPLIT one of the data set's own (also `train[:10%]`), which is then cut as any table is.
A folder that `save_to_disk` wrote is read with `--path FOLDER`. No code of a data set is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from elman.core.errors import DataError, MissingExtra
from elman.data.download import local
from elman.data.table import LABEL_NAMES

PREFIX = "huggingface:"
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
          "test": "test"}  # fmt: skip
HIDDEN = -1  # the label of what a benchmark keeps to itself


@dataclass(frozen=True)
class HubTable:
    """A data set as one table, with a column `split` where it came split; and what it says of itself."""

    name: str
    frame: pl.DataFrame
    notes: tuple[str, ...]
    licence: str
    citation: str
    url: str
    data_hash: str


def is_hub(source: str) -> bool:
    """Whether a source is a data set of the hub."""
    return source.lower().startswith(PREFIX)


def read(source: str, path: str | None = None) -> HubTable:
    """The data set called `source`, from the hub, from the cache of `datasets`, or from the folder `path`.

    Columns that are no single value (images, lists) are left out and named. Raises MissingExtra without `datasets`, and
    DataError for a data set that is not there or has no row.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra(
            "datasets", f"a data set of the Hugging Face hub ({source})", "huggingface"
        ) from None
    name, split = _parts(source)
    try:
        if path is not None:
            whole = datasets.load_from_disk(str(local(path)))
            if split and isinstance(whole, Mapping):
                if split not in whole:
                    raise ValueError(f"it has the splits {', '.join(whole)}, and none called {split!r}")
                whole = whole[split]
        else:
            whole = _load(datasets, name, split)
    except ConnectionError as error:
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise DataError(
            f"{source} cannot be loaded without a connection: {reason}. What was loaded here once is read again without one. Else "
            "write it with `datasets.load_dataset(...).save_to_disk(FOLDER)` where there is one, and read it with --path FOLDER."
        ) from None
    except (
        OSError,
        ValueError,
        KeyError,
    ) as error:  # not there, no such split or configuration
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise DataError(
            f"{source} cannot be loaded: {reason}. Expected {PREFIX}NAME, {PREFIX}NAME/CONFIG or {PREFIX}NAME:SPLIT; "
            "a folder written by save_to_disk is read with --path."
        ) from None
    parts = dict(whole) if isinstance(whole, Mapping) else {"": whole}
    return _joined(parts, name, source)


def _parts(source: str) -> tuple[str, str | None]:
    name, _, split = source[len(PREFIX) :].partition(":")
    if not name.strip("/"):
        raise DataError(f"{source!r} names no data set; expected e.g. {PREFIX}stanfordnlp/imdb.")
    return name.strip("/"), split or None


def _load(datasets: Any, name: str, split: str | None) -> Any:
    """`a/b` is organisation and name, or, where there is no such data set, a name and its configuration."""
    pieces = name.split("/")
    if len(pieces) > 2:
        return datasets.load_dataset("/".join(pieces[:2]), "/".join(pieces[2:]), split=split)
    try:
        return datasets.load_dataset(name, split=split)
    except FileNotFoundError:
        if len(pieces) < 2:
            raise
        try:
            return datasets.load_dataset(pieces[0], pieces[1], split=split)
        except FileNotFoundError:
            pass
        raise


def _joined(parts: Mapping[str, Any], name: str, source: str) -> HubTable:
    notes: list[str] = []
    frames = {
        split: _frame(part, notes if number == 0 else [])
        for number, (split, part) in enumerate(parts.items())
    }
    known = {split: SPLITS[split.lower()] for split in frames if split.lower() in SPLITS}
    first = next(iter(parts.values()))
    if len(known) < 2 or "train" not in known.values():
        chosen = next((split for split in frames if known.get(split) == "train"), next(iter(frames)))
        frame = frames[chosen]
        notes += [f"split {split!r} is not used" for split in frames if split != chosen]
    else:
        notes += [f"split {split!r} is not used" for split in frames if split not in known]
        classes = {column for column, feature in first.features.items() if getattr(feature, "names", None)}
        labels = classes | {column for column in first.features if column.lower() in LABEL_NAMES}
        frame = _split(frames, known, labels, notes)
    if not frame.height:
        raise DataError(f"{source} has no rows.")
    info = getattr(first, "info", None)
    said = {key: str(getattr(info, key, None) or "").strip() for key in ("license", "citation", "homepage")}
    digest = hashlib.sha256(frame.write_ndjson().encode()).hexdigest()
    url = said["homepage"] or f"{name} on the Hugging Face hub"
    return HubTable(
        name, frame, tuple(notes), said["license"] or "see the data set's page", said["citation"], url, digest
    )


def _frame(part: Any, notes: list[str]) -> pl.DataFrame:
    """One split, classes by their names; a hidden class is null."""
    frame: pl.DataFrame = part.to_polars()
    nested = [
        column
        for column in frame.columns
        if frame[column].dtype.is_nested() or frame[column].dtype == pl.Binary
    ]
    if nested:
        notes.append(f"not read, since they hold more than one value a row: {', '.join(nested)}")
    for column, feature in part.features.items():
        names = getattr(feature, "names", None)  # of a ClassLabel
        if names and column in frame.columns and column not in nested and frame.height:
            named = {number: str(one) for number, one in enumerate(names)}
            frame = frame.with_columns(
                pl.col(column).replace_strict(named, default=None, return_dtype=pl.String).alias(column)
            )
    return frame.drop(nested)


def _split(
    frames: Mapping[str, pl.DataFrame], known: Mapping[str, str], labels: set[str], notes: list[str]
) -> pl.DataFrame:
    """One table with a column `split`. Where the test labels are kept secret, or there is no test, validation tests."""
    parts: dict[str, pl.DataFrame] = {}
    for split, frame in frames.items():
        if split in known:
            parts[known[split]] = frame
    train = parts["train"]
    told = [column for column in train.columns if column in labels and not _absent(train, column)]
    hidden = [column for column in told if "test" in parts and _absent(parts["test"], column)]
    if hidden:
        notes.append(f"the test split has no {', '.join(hidden)}: it is not used")
        del parts["test"]
    if "test" not in parts:
        if "validation" not in parts:
            return train
        parts["test"] = parts.pop("validation")
        notes.append("validation is the test split here, and a share of train validates")
    shared = [column for column in train.columns if all(column in part.columns for part in parts.values())]
    return pl.concat(
        [part.select(shared).with_columns(pl.lit(split).alias("split")) for split, part in parts.items()],
        how="vertical_relaxed",
    )


def _absent(frame: pl.DataFrame, column: str) -> bool:
    """Whether nothing is told in a column: null, or the number that stands for a hidden label, in every row."""
    if column not in frame.columns:
        return True
    values = frame[column].drop_nulls()
    return not len(values) or (values.dtype.is_integer() and bool((values == HIDDEN).all()))
