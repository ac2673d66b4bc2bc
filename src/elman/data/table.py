"""Tables: reading CSV, TSV, JSONL and Parquet; texts with labels or numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from elman.core.errors import DataError, nearest
from elman.core.recipe import DataOptions
from elman.data import roles
from elman.data.contract import Examples, LabelledTexts, Provenance, SplitName
from elman.data.dialects import joined_times, misfit, named, repeated, separator_of
from elman.data.download import read_text
from elman.data.splits import across, hash_texts, pick, share, stratified
from elman.data.stamps import year_first
from elman.data.written import as_numbers

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}
ROWS = "a header in the first line and rows of data below it"
TEXT_NAMES = ("text", "review", "sentence", "content", "body", "comment", "message", "title")
# Who wrote a text: those of one person are alike.
AUTHOR_NAMES = re.compile(
    r"(^|_)(user|author|customer|client|patient|speaker|subject|person|writer|reviewer|account|kunde|autor)s?(_?(id|name))?$", re.IGNORECASE
)  # fmt: skip
LABEL_NAMES = ("label", "class", "target", "sentiment", "category", "score", "rating", "stars", "y")
MANY = 30  # more different numbers than this, and a numeric label is a number to predict, not a class


def read_table(path: Path) -> pl.DataFrame:
    """A table with typed columns; DataError says what is wrong with the file."""
    suffix, text, separator = path.suffix.lower(), "", ","
    written = suffix not in (".parquet", ".jsonl", ".ndjson")  # as text, with a header
    try:
        if suffix == ".parquet":
            frame = pl.read_parquet(path)
            # What may be the time is read as one run of memory again and again, which makes a copy of one in pieces.
            kinds = frame.schema.items()
            frame = frame.with_columns(
                frame[name].rechunk() for name, kind in kinds if kind.is_integer() or kind.is_temporal()
            )
        elif suffix in (".jsonl", ".ndjson"):
            read_text(path, "one JSON object a line")
            frame = pl.read_ndjson(path, infer_schema_length=None)
        else:
            # Empty or not UTF-8: said with the byte and the line.
            text = "" if suffix == ".gz" else read_text(path, ROWS)
            separator = "\t" if suffix == ".tsv" else separator_of(text)
            decimal_comma = (
                separator == ";" and re.search(r";-?\d+,\d+\s*[;\r\n]", text[:100_000]) is not None
            )
            frame = pl.read_csv(
                path, separator=separator, decimal_comma=decimal_comma, infer_schema_length=None,
                null_values=["", "NA", "NaN", "nan", "null", "None", "N/A"],
            )  # fmt: skip
    except (pl.exceptions.PolarsError, OSError) as error:
        reason, expected = str(error).partition("\n")[0], ""
        if written:
            reason = misfit(text, separator) or reason
            expected = " Expected a header in the first line, equally many fields in each row, and quotes around a field that holds the separator."
        raise DataError(
            f"{path} cannot be read as a {suffix.lstrip('.')} table: {reason}.{expected}"
        ) from None
    if frame.height == 0:
        raise DataError(
            f"{path} has a header alone ({', '.join(frame.columns[:6])}) and no rows. Expected rows of data below it."
        )
    if written:
        frame = joined_times(named(frame, path))
        frame = frame.with_columns(
            numbers
            for name in frame.columns
            if frame[name].dtype == pl.String
            and (numbers := as_numbers(frame[name], decimal_comma)) is not None
        )
    if "" in frame.columns:  # the index that pandas writes: a name that can be said
        frame = frame.rename({"": "unnamed"})
    return frame.with_columns(
        stamps
        for name in frame.columns
        if frame[name].dtype == pl.String and (stamps := year_first(frame[name])) is not None
    )


def column(frame: pl.DataFrame, name: str, where: object) -> str:
    """The column called `name`, or DataError with the nearest name."""
    if name in frame.columns:
        return name
    close = nearest(name, frame.columns)
    hint = f" Did you mean {close!r}?" if close else ""
    raise DataError(f"{where} has no column {name!r}.{hint} Columns: {', '.join(frame.columns)}.")


def joined(frame: pl.DataFrame, name: str | None) -> pl.DataFrame:
    """The table with a column `name`: of the columns "shop+item" as "a / x", where it has none called so."""
    parts = (name or "").split("+")
    if name is None or name in frame.columns or len(parts) < 2 or not set(parts) <= set(frame.columns):
        return frame
    return frame.with_columns(
        pl.concat_str([pl.col(part).cast(pl.String) for part in parts], separator=" / ").alias(name)
    )


def is_amount(values: pl.Series) -> bool:
    """Whether a label is a number to predict: fractions, or more different whole numbers than there are classes."""
    return values.dtype.is_float() or (values.dtype.is_integer() and values.n_unique() > MANY)


def load(options: DataOptions, frame: pl.DataFrame, path: Any) -> LabelledTexts:
    """Texts with classes or numbers from a table that was read from `path`, in the columns that the options name."""
    if not options.text or not options.label:
        raise DataError(
            f"{path}: which column is the text and which the label? Say --text COLUMN --label COLUMN."
        )
    text, label = column(frame, options.text, path), column(frame, options.label, path)
    blank = pl.col(pl.String).str.strip_chars() == ""
    frame = frame.with_columns(pl.when(~blank).then(pl.col(pl.String)).name.keep())
    lacking = []
    for name in (text, label):
        missing = frame[name].null_count()
        if missing == frame.height:
            raise DataError(f"column {name!r} of {path} is empty.")
        if missing:
            row = int(frame[name].is_null().arg_max() or 0)
            lacking.append(f"{missing:,} of {frame.height:,} rows have no {name} (first row {row + 1})")
    frame = frame.drop_nulls([text, label])
    if not frame.height:
        raise DataError(f"no row of {path} has both a {text} and a {label}.")
    texts = frame[text].cast(pl.String).to_list()
    targets: list[object] = frame[label].to_list()
    if not is_amount(frame[label]):
        targets = [str(target) for target in targets]
        kinds = len(set(targets))
        if kinds > max(MANY, len(targets) // 2):
            raise DataError(
                f"column {label!r} of {path} has {kinds:,} different values in {len(targets):,} rows: too many to be classes. "
                "Choose another --label."
            )
    elif any(not math.isfinite(cast(float, target)) for target in targets):
        raise DataError(f"column {label!r} of {path} holds a number that is not finite. Drop those rows.")
    told = beside(frame, options, path)
    if lacking:
        told["remarks"] = [*told["remarks"], f"{' and '.join(lacking)}: left out"]
    return labelled(texts, targets, **told)


def beside(frame: pl.DataFrame, options: DataOptions, path: Any) -> dict[str, Any]:
    """What `labelled` is told of a table beside texts and targets: its name, its own split, groups, dates."""
    roles.check(options, path)
    given = (
        frame["split"].to_list() if "split" in frame.columns and frame["split"].dtype == pl.String else None
    )
    groups = None
    if options.group:
        groups = frame[column(frame, options.group, path)].cast(pl.String).to_list()
    dates = [name for name in frame.columns if frame[name].dtype in (pl.Date, pl.Datetime)]
    when = _when(frame, options, path) if options.date else None
    return {
        "name": getattr(path, "name", str(path)), "options": options, "given": given, "groups": groups, "dates": dates,
        "when": when, "authors": _authors(frame), "remarks": repeated(frame),
    }  # fmt: skip


def _authors(frame: pl.DataFrame) -> str:
    """In words, a column of authors that wrote several texts each; "" where there is none."""
    for name in frame.columns:
        count = frame[name].n_unique() if AUTHOR_NAMES.search(name) else 0
        if 3 <= count <= frame.height / 2 and not frame[name].null_count():
            return f"{name} has {count:,} values for {frame.height:,} texts, and those of one may be in several splits (--group {name})"
    return ""


def _when(frame: pl.DataFrame, options: DataOptions, path: Any) -> np.ndarray:
    """The rank of each row's date (rows,), equal for equal dates."""
    dates = frame[column(frame, options.date or "", path)]
    if not (dates.dtype.is_numeric() or dates.dtype in (pl.Date, pl.Datetime)):
        raise DataError(
            f"column {options.date!r} of {path} holds {dates.dtype}, first {dates[0]!r}; expected dates (2024-01-31) or numbers."
        )
    if dates.null_count():
        row = int(dates.is_null().arg_max() or 0)
        raise DataError(
            f"column {options.date!r} of {path} has no value in row {row + 1}. Fill or drop that row."
        )
    return dates.rank("dense").to_numpy()


def labelled(
    texts: Sequence[str],
    targets: Sequence[object],
    name: str,
    options: DataOptions,
    given: Sequence[str | None] | None = None,
    groups: Sequence[str | None] | None = None,
    dates: Sequence[str] = (),
    when: np.ndarray | None = None,
    authors: str = "",
    remarks: Sequence[str] = (),
) -> LabelledTexts:
    """Split texts by a hash of the text itself (equal texts stay together) or of their group, or as `given`.

    `authors` is a remark on a column that says who wrote a text, `dates` are columns that say when a text was written, `when` (n,) is by what to split in order: the newest are for testing.
    `remarks` are what else there is to say of the table. Raises DataError where the options cannot be followed.
    """
    notes = list(remarks)
    fixed = given is not None and "test" in set(given)
    duplicates = len(texts) - len(set(texts))
    if duplicates:
        kept = "" if fixed or groups is not None else "; equal texts are kept in one split"
        notes.append(f"{duplicates:,} exact duplicate texts{kept}")
    if dates and not fixed and when is None:
        notes.append(
            f"{dates[0]} holds dates, and the split is not by time: later texts may be harder than these of the same days (--date {dates[0]})"
        )
    if authors and not fixed and groups is None and when is None:
        notes.append(authors)
    validation = options.validation_share if options.validation_share is not None else 0.1
    test = options.test_share if options.test_share is not None else 0.2
    places, by = _places(texts, targets, name, options, groups, fixed, when)
    if given is not None and fixed:
        names = np.array(
            [
                {"valid": "validation", "val": "validation", "dev": "validation"}.get(str(g), str(g))
                for g in given
            ]
        )
        if "validation" not in names:
            names = np.where((names == "train") & (places < validation), "validation", names)
        rule = "the file's own split" + (
            "" if "validation" in set(given) else f"; {validation:.0%} of train by hash to validate"
        )
    else:
        names = np.where(places < test, "test", np.where(places < test + validation, "validation", "train"))
        rule = f"by {by}: {1 - validation - test:.0%} train, {validation:.0%} validation, {test:.0%} test"
    splits: dict[SplitName, Examples] = {}
    for split in ("train", "validation", "test"):
        rows = np.flatnonzero(names == split)
        splits[split] = pick(texts, targets, rows[: options.limit] if split == "train" else rows)  # type: ignore[index]
    for split, before in (("validation", ["train"]), ("test", ["train", "validation"])):
        both = across([splits[part].texts for part in before], splits[split].texts)  # type: ignore[index]
        if both:
            notes.append(f"WARNING, {both:,} texts of the {split} split also stand in {' or '.join(before)}")
    classes = None
    if isinstance(targets[0], str):
        classes = tuple(
            sorted(
                set(map(str, targets)),
                key=lambda label: (len(label), label) if label.isdigit() else (99, label),
            )
        )
    provenance = Provenance(name, hash_texts(texts, targets), rule, tuple(notes))
    return LabelledTexts(splits, classes, provenance)


def _places(
    texts: Sequence[str], targets: Sequence[object], name: str, options: DataOptions,
    groups: Sequence[str | None] | None, fixed: bool, when: np.ndarray | None,
) -> tuple[np.ndarray, str]:  # fmt: skip
    """A place in [0, 1) for every text, below the test share to test on; and in words by what it is given."""
    if options.date and (options.group or options.stratified or fixed):
        other = "--group" if options.group else "--stratified" if options.stratified else "the column `split`"
        raise DataError(
            f"--date splits {name} in order of time, {other} in another way; no split does both. Drop one."
        )
    if when is not None:
        _, inverse, counts = np.unique(when, return_inverse=True, return_counts=True)
        return (len(when) - counts.cumsum()[inverse]) / len(when), f"time, in order of {options.date}"
    if options.group and groups is None:
        raise DataError(f"{name} has no columns, so none called {options.group!r}. Drop --group.")
    if groups is not None and options.stratified:
        raise DataError(
            "--group keeps authors (or the like) whole, --stratified classes even; no split does both. Drop one."
        )
    if fixed and (groups is not None or options.stratified):
        flag = "--stratified" if options.stratified else "--group"
        raise DataError(
            f"{name} brings its own split; {flag} would make another. Drop {flag}, or the column `split`."
        )
    if groups is not None:
        if None in groups:
            row = groups.index(None)
            raise DataError(
                f"column {options.group!r} of {name} has no value in row {row + 1}. Fill or drop that row."
            )
        if len(set(groups)) < 3:
            raise DataError(
                f"column {options.group!r} of {name} has {len(set(groups))} groups; three splits need three at least."
            )
        return np.array([share(str(group)) for group in groups]), f"hash of {options.group}"
    if options.stratified:
        if not isinstance(targets[0], str):
            raise DataError(f"--stratified evens out classes; the targets of {name} are not. Drop it.")
        return stratified(texts, targets), "hash of the text, each class alike"
    return np.array([share(text) for text in texts]), "hash of the text"
