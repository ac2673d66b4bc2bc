"""How a table may be meant: which column is the time, what is to be predicted, from what; each guess with its reason.

Names that people give to columns and what is in them are both looked at. Where two readings are plausible, both are given, the
better one first: a wrong guess that nobody sees costs more than a question.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import huggingface, proposal_series, proposal_texts, roles
from elman.data.dialects import repeated
from elman.data.download import local
from elman.data.label_sets import columns_of
from elman.data.stamps import first_other
from elman.data.table import column, joined, read_table
from elman.data.written import almost_numbers

MOST = 6  # readings that are offered at most


@dataclass(frozen=True)
class Reading:
    """One way to read a table: the task, the settings that say so (dotted names), and a line of reason for each guess."""

    task: str
    settings: Mapping[str, Any]
    reasons: tuple[str, ...]

    def command(self, source: str, rest: Sequence[str] = (), said: Collection[str] = ()) -> str:
        """The complete command that trains on this reading; `rest` are flags to add, among them the settings `said`."""
        words = ["elman", "train", source]
        flags = dict(self.settings) | ({} if self.task == "forecasting" else {"task": self.task})
        for name, value in flags.items():
            if name in said:
                continue
            words.append("--" + name.rpartition(".")[2].replace("_", "-"))
            words += map(str, value) if isinstance(value, tuple) else [str(value)]
        return shlex.join([*words, *rest])


@dataclass(frozen=True)
class Proposal:
    """The plausible readings of a table, best first; one of them where nothing was left open."""

    source: str
    readings: tuple[Reading, ...]

    @property
    def best(self) -> Reading:
        """The first reading."""
        return self.readings[0]

    @property
    def settings(self) -> dict[str, Any]:
        """Of the best reading, by name: `elman.fit(FILE, **proposal.settings)`."""
        return self.settings_of(self.best)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of the best reading, a line for each guess."""
        return self.best.reasons

    @property
    def alternatives(self) -> tuple[Reading, ...]:
        """The other plausible readings."""
        return self.readings[1:]

    @staticmethod
    def settings_of(reading: Reading) -> dict[str, Any]:
        """The settings of a reading by name, the task among them."""
        named = {name.rpartition(".")[2]: value for name, value in reading.settings.items()}
        return {**named, "task": reading.task}

    def settled(self) -> Reading:
        """The only reading of the columns; DataError with a command for each where there are several."""
        if all(reading.settings == self.best.settings for reading in self.readings):
            return self.best  # the same columns, and a task to choose
        raise DataError(self.question([reading.command(self.source) for reading in self.readings]))

    def question(self, commands: Sequence[str]) -> str:
        """The error where nobody can be asked."""
        listed = "\n".join(f"  {command}" for command in commands)
        return f"{self.source} can be read in {len(commands)} ways. Say which, or take the first with --yes:\n{listed}"

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [self.best.command(self.source), *(f"  {reason}" for reason in self.reasons)]
        return "\n".join([*lines, *(f"or: {one.command(self.source)}" for one in self.alternatives)])


def propose(source: str | Path, options: DataOptions | None = None, task: str | None = None) -> Proposal:
    """The readings of a table (a file, or huggingface:NAME) that agree with what `options` and `task` say already.

    Raises DataError where it cannot be read, or as no task that we know.
    """
    options = replace(options or DataOptions(), source=str(source))
    if huggingface.is_hub(options.source):
        return propose_frame(huggingface.read(options.source, options.path).frame, options, task)
    return propose_frame(read_table(local(options.path or options.source)), options, task)


def propose_frame(frame: pl.DataFrame, options: DataOptions, task: str | None = None) -> Proposal:
    """`propose` for a table that was read."""
    roles.check(options, options.source)
    forecast, labelled = bool(options.time or options.target), bool(options.text or options.label)
    if forecast and labelled:
        raise DataError(
            f"--text and --label say that {options.source} holds texts, --time and --target that it holds series; drop one or the other."
        )
    frame = joined(frame, options.entity)
    for name in (
        options.time,
        options.entity,
        options.text,
        *(columns_of(frame, options.label, options.source) if options.label else ()),
        *options.target,
        *options.known,
        *options.observed,
    ):
        if name:
            column(frame, name, options.source)
    texts = [] if forecast else proposal_texts.readings(frame, options, task)
    series = [] if labelled else proposal_series.readings(frame, options, plain=not texts)
    if task and (
        series or texts
    ):  # where the table suits another task alone, whoever asked is told what it is
        found = (series or texts) if task == "forecasting" else (texts or series)
    elif series and texts:
        found = _both(frame, series, texts)
    else:
        found = series or texts
    if not found:
        raise DataError(_unreadable(frame, options))
    remarks = tuple(repeated(frame))
    readings = (Reading(task, settings, reasons + remarks) for task, settings, reasons in found[:MOST])
    return Proposal(options.source, tuple(readings))


Found = tuple[str, dict[str, Any], tuple[str, ...]]


def _both(frame: pl.DataFrame, series: list[Found], texts: list[Found]) -> list[Found]:
    """A date beside a text says when it was written; a note beside a measurement what was going on: told by the dates' rhythm."""
    if not proposal_texts.is_long(frame[texts[0][1]["data.text"]]):
        return series
    entity = series[0][1].get("data.entity")
    steady = proposal_series.is_steady(joined(frame, entity), series[0][1]["data.time"], entity)
    return [*texts, *series] if steady else texts


def _unreadable(frame: pl.DataFrame, options: DataOptions) -> str:
    names = ", ".join(frame.columns[:20]) + (" and more" if len(frame.columns) > 20 else "")
    kinds = [frame[name].dtype for name in frame.columns]
    if all(kind.is_numeric() for kind in kinds):
        return (
            f"{options.source} holds numbers alone ({names}), and none of them says when. Expected a column of dates, or one that "
            "numbers the rows; then: --time COLUMN --target COLUMN."
        )
    for name in frame.columns:
        row = first_other(frame[name])
        if row is not None:
            return (
                f"column {name!r} of {options.source} holds dates, and in row {row + 1} {frame[name][row]!r}. Mend or drop that row; "
                "a line of totals is none of the data."
            )
        odd = almost_numbers(frame[name])
        if odd is not None:
            value, row, count = odd
            more = f" and {count - 1:,} more" if count > 1 else ""
            return (
                f"column {name!r} of {options.source} holds numbers, and in row {row + 1}{more} {value!r}. Empty these fields where they mean "
                "that there is no value, or mend them."
            )
    same = [name for name in frame.columns if frame[name].drop_nulls().n_unique() < 2]
    if same and len(same) == frame.width - 1:  # beside a time or a text
        return (
            f"{options.source} has nothing to predict: {', '.join(same)} {'is' if len(same) == 1 else 'are'} empty or the same in "
            "every row. Expected a column that varies."
        )
    text = proposal_texts.text_columns(frame, options)
    missing = "a text, and no column of classes or numbers beside it" if text else "neither text nor series"
    return (
        f"{options.source} reads as {missing}. Columns: {names}. Say so: elman train {options.source} --text COLUMN --label COLUMN. "
        "For series: --time COLUMN --target COLUMN. Running text is read from a .txt file."
    )
