"""Series with a class or a number each, from the `.ts` files of the UCR and UEA archives: one file, or NAME_TRAIN.ts and NAME_TEST.ts.

Lines of `@key value` come first, then `@data`, then a series a line: channels part with `:`, the values of a channel with `,`, and the
last part is the class or number. `?` is a missing value, `#` opens a comment. Series may be of unequal length; channels of one
series may not. Time stamps are not read: they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elman.core.errors import DataError, nearest
from elman.core.recipe import DataOptions
from elman.data.contract import LabelledSeries, ValueExamples
from elman.data.download import local, read_text
from elman.data.value_splits import given, split_by_hash

# A series is there as a whole when it is judged, so it is read from both ends; there are few of them as a rule.
DEFAULTS: Mapping[str, object] = {"model.bidirectional": True, "model.dropout": 0.3}
PART = re.compile(r"_(train|test)$", re.IGNORECASE)
KEYS = (
    "problemname", "timestamps", "missing", "univariate", "dimensions", "dimension", "equallength", "serieslength",
    "classlabel", "targetlabel",
)  # fmt: skip


@dataclass(frozen=True)
class TsFile:
    """What one file says: its series (time, channels), a target for each or none, class names or None for numbers."""

    values: list[np.ndarray]
    targets: list[str] | list[float]
    labels: tuple[str, ...] | None
    channels: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Header:
    said: dict[str, str]
    labels: tuple[str, ...] | None  # declared class names, perhaps none; None: no classes
    number: bool  # a number stands at the end of each line

    @property
    def targets(self) -> bool:
        return self.labels is not None or self.number


def is_ts(path: Path) -> bool:
    """Whether this is a .ts file, or a folder that holds one."""
    return any(_files(path)) if path.is_dir() else path.suffix.lower() == ".ts"


def task_of(path: Path) -> str:
    """Regression where the file says @targetLabel true, else classification."""
    for line in read_text(_train_file(path)).splitlines():
        if re.match(r"\s*@targetlabel\s+true\b", line, re.IGNORECASE):
            return "regression"
        if line.strip().lower() == "@data":
            break
    return "classification"


def load(options: DataOptions) -> LabelledSeries:
    """A pair of files with the split that they are, a tenth of the training series held out by hash; one file split by hash."""
    path = local(options.path or options.source)
    train = _train_file(path)
    first = parse(read_text(train), str(train))
    if not first.targets:
        raise DataError(
            f"{train} gives no class and no number (@classLabel false), so there is nothing to learn. "
            "`elman predict RUN FILE` reads such files."
        )
    channels = tuple(f"channel {number + 1}" for number in range(first.channels))
    test = _other(train, "test") if PART.search(train.stem) else None
    if test is None:
        return split_by_hash(_examples(first), first.labels, channels, train.name, options, first.notes)
    second = parse(read_text(test), str(test))
    if not second.targets:
        raise DataError(f"{test} gives no class and no number; there is nothing to measure on.")
    strangers = sorted(set(second.labels or ()) - set(first.labels or ()))
    if first.channels != second.channels or strangers or (first.labels is None) != (second.labels is None):
        reason = (
            f"has the classes {', '.join(strangers)}, which it does not" if strangers
            else f"has {second.channels} channels, it has {first.channels}" if first.channels != second.channels
            else "has classes where it has numbers" if first.labels is None else "has numbers where it has classes"
        )  # fmt: skip
        raise DataError(f"{test} does not fit {train.name}: the former {reason}. Are the two of one set?")
    notes = (*first.notes, *second.notes)
    name = PART.sub("", train.stem)
    return given(_examples(first), _examples(second), first.labels, channels, name, options, notes)


def parse(text: str, name: str) -> TsFile:
    """The series of one file. Raises DataError with file and line for what is no .ts file."""
    lines = iter(enumerate(text.splitlines(), 1))
    header, unknown = _header(lines, name)
    values: list[np.ndarray] = []
    found: list[str] = []
    places: list[int] = []
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        parts = line.split(":")
        if header.targets:
            found.append(parts.pop().strip())
        values.append(_series(parts, f"{name}, line {number}", header, values))
        places.append(number)
    if not values:
        raise DataError(f"{name} holds no series after @data. Expected one a line.")
    notes = [f"{name} says @{key}, which was passed over" for key in unknown]
    if header.said.get("equallength") == "true" and len({len(one) for one in values}) > 1:
        notes.append("WARNING, @equalLength is true, but the series are of unequal length")
    if header.said.get("missing") == "false" and any(np.isnan(one).any() for one in values):
        notes.append("WARNING, @missing is false, but values are missing")
    targets, labels = _targets(found, places, header, name)
    return TsFile(values, targets, labels, values[0].shape[1], tuple(notes))


def _header(lines: enumerate[str], name: str) -> tuple[_Header, list[str]]:  # type: ignore[type-arg]
    """What stands before @data, and keys that nobody knows."""
    said: dict[str, str] = {}
    unknown: list[str] = []
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        where = f"{name}, line {number}"
        if not line.startswith("@"):
            raise DataError(
                f"{where}: {line[:60]!r} stands before @data. Expected @key value, or # and a comment."
            )
        key, _, value = line[1:].partition(" ")
        key, value = key.lower(), value.strip()
        if key == "data":
            break
        if key in said:
            raise DataError(f"{where}: @{key} is said for the second time.")
        if key not in KEYS:
            unknown.append(key)
        elif not value:
            raise DataError(f"{where}: @{key} has no value.")
        else:
            said[key] = value if key in ("classlabel", "problemname") else value.lower()
        if key == "timestamps" and said[key] != "false":
            raise DataError(
                f"{where}: series with time stamps are not read. Write the values alone, evenly spaced, and @timeStamps false."
            )
    else:
        raise DataError(
            f"{name} has no line @data. Expected a .ts file: @key value lines, @data, a series a line."
        )
    for key in ("missing", "univariate", "equallength", "targetlabel"):
        if said.get(key, "true") not in ("true", "false"):
            raise DataError(f"{name}: @{key} is {said[key]!r}; expected true or false.")
    for key in ("dimensions", "dimension", "serieslength"):
        if key in said and not said[key].isdigit():
            raise DataError(f"{name}: @{key} is {said[key]!r}; expected a whole number.")
    first, *names = said.get("classlabel", "false").split()
    if first.lower() not in ("true", "false"):
        raise DataError(f"{name}: @classLabel is {first!r}; expected true and the names, or false.")
    number = said.get("targetlabel") == "true"
    if number and first.lower() == "true":
        raise DataError(f"{name} says @classLabel true and @targetLabel true; a series has one of them.")
    return _Header(said, tuple(names) if first.lower() == "true" else None, number), unknown


def _series(parts: Sequence[str], where: str, header: _Header, before: Sequence[np.ndarray]) -> np.ndarray:
    """One series (time, channels) from its channels as text."""
    said = header.said.get("dimensions", header.said.get("dimension"))
    wanted, reason = None, ""
    if said is not None:
        wanted, reason = int(said), f"@dimensions says {said}"
    elif header.said.get("univariate") == "true":
        wanted, reason = 1, "@univariate is true"
    elif before:
        wanted, reason = before[0].shape[1], f"the first series has {before[0].shape[1]}"
    if not parts or (wanted is not None and len(parts) != wanted):
        end = " and then the class or number" if header.targets else ""
        raise DataError(
            f"{where}: {len(parts)} channels, but {reason or 'one is the least'}. Expected channels with : between them{end}."
        )
    channels = [_channel(part, number, where) for number, part in enumerate(parts, 1)]
    lengths = {len(one) for one in channels}
    if len(lengths) > 1:
        raise DataError(
            f"{where}: channels of {min(lengths)} to {max(lengths)} values; the channels of a series are equally long. "
            "Write ? where a value is missing."
        )
    return np.stack(channels, 1)


def _channel(part: str, number: int, where: str) -> np.ndarray:
    if part.lstrip().startswith("("):
        raise DataError(
            f"{where}: channel {number} has time stamps; they are not read. Write the values alone."
        )
    cells = part.replace("?", "nan").split(",")
    try:
        values = np.array(cells, np.float64).astype(np.float32)
    except ValueError:
        wrong = next(place for place, cell in enumerate(cells) if not _is_number(cell))
        shown = part.split(",")[wrong].strip()
        raise DataError(
            f"{where}: value {wrong + 1} of channel {number} is {shown!r}; expected a number, or ? where it is missing."
        ) from None
    if np.isinf(values).any():
        place = int(np.isinf(values).argmax())
        raise DataError(
            f"{where}: value {place + 1} of channel {number} is {cells[place].strip()}, which is not finite."
        )
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _targets(
    found: list[str], places: list[int], header: _Header, name: str
) -> tuple[list[str] | list[float], tuple[str, ...] | None]:
    if header.number:
        for number, cell in zip(places, found):
            if not _is_number(cell) or not np.isfinite(float(cell)):
                raise DataError(f"{name}, line {number}: the target is {cell!r}; expected a number.")
        return [float(cell) for cell in found], None
    labels = header.labels
    for number, cell in zip(places, found):
        if not cell or (labels and cell not in labels):
            close = nearest(cell, labels or ())
            hint = f" Did you mean {close!r}?" if close else ""
            shown = f"; @classLabel names {', '.join((labels or ())[:12])}" if labels else "; expected a name"
            raise DataError(f"{name}, line {number}: the class is {cell!r}{shown}.{hint}")
    return found, (labels or tuple(sorted(set(found)))) if labels is not None else None


def _examples(file: TsFile) -> ValueExamples:
    return ValueExamples(file.values, file.targets)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".ts" and file.is_file())


def _other(file: Path, part: str) -> Path | None:
    """The file of the other part beside this one."""
    stem = PART.sub("", file.stem)
    for one in _files(file.parent):
        if one.stem.lower() == f"{stem}_{part}".lower():
            return one
    return None


def _train_file(path: Path) -> Path:
    """The file to learn from: the path itself, or the training file of the pair it belongs to, or of the folder."""
    if path.is_dir():
        files = _files(path)
        trains = [file for file in files if file.stem.lower().endswith("_train")]
        pairs = [file for file in trains if _other(file, "test")]
        if len(trains) > 1:  # the archive has padded copies beside the originals
            named = [file for file in pairs if not file.stem.lower().removesuffix("_train").endswith("_eq")]
            pairs = named if len(named) == 1 else pairs
        chosen = pairs or (files if len(files) == 1 else [])
        if len(chosen) != 1:
            names = ", ".join(file.name for file in files[:8]) or "no .ts file"
            raise DataError(
                f"{path} holds {names}; expected one pair NAME_TRAIN.ts and NAME_TEST.ts. Give the file itself."
            )
        return chosen[0]
    if path.stem.lower().endswith("_test"):
        train = _other(path, "train")
        if train is None:
            raise DataError(
                f"{path} is for testing, and there is no {PART.sub('', path.stem)}_TRAIN.ts beside it."
            )
        return train
    return path
