"""A table of series to matrices and windows: gaps filled, scaled by training rows, calendar added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from elman.core.errors import DataError, RecipeError
from elman.core.recipe import EncodingOptions
from elman.data.contract import SeriesTable, SplitName
from elman.data.derived import BEGUN
from elman.encoding.calendar import DAY, calendar, cycles
from elman.encoding.gaps import Forward, forward
from elman.encoding.openings import gap, opened
from elman.encoding.room import Room
from elman.encoding.scalers import CHANGES, Scaler, moments
from elman.encoding.windows import Window, WindowFeed

CELLS = (
    2**20
)  # of a table that are worked on together: what is made on the way takes several times their memory


@dataclass(frozen=True)
class Encoded:
    """Feeds per split, the same problem as plain arrays for the rivals, and lines for the summary."""

    feeds: Mapping[SplitName, WindowFeed]
    problem: dict[str, Any]
    summary: tuple[str, ...]


@dataclass(frozen=True)
class SeriesEncoder:
    """What was learned from the training rows, and how windows are cut.

    Features in a row: `series`, then calendar and `known` covariates, then `observed` ones, then (gaps "mask") a flag per
    series that is 1 where its value was filled.
    """

    time: str
    entity: str | None
    series: tuple[str, ...]
    known: tuple[str, ...]
    observed: tuple[str, ...]
    window: Window
    gaps: str
    cycles: tuple[str, ...]
    independent: bool
    targets_scaler: Scaler
    known_scaler: Scaler
    observed_scaler: Scaler
    season: int
    kind: str
    step_us: int

    @classmethod
    def fit(cls, table: SeriesTable, options: EncodingOptions, gaps: str = "forward") -> SeriesEncoder:
        """Fit the scalers on what was observed before the first border.

        Raises DataError for a column that holds nothing there, RecipeError for options that contradict each other.
        """
        if gaps == "mask" and options.channels == "independent":
            raise RecipeError(
                'gaps="mask" adds a flag per series, which independent channels do not read. '
                "Use --channels joint, or --gaps forward."
            )
        window = Window(
            1 if options.context_length is None else options.context_length,
            1 if options.horizon is None else options.horizon,
            options.stride,
        )
        step = _step(table, _entities(table)[0])
        table = opened(table, window, gap(int(step / np.timedelta64(1, "us")), table.frame[table.time]))
        entity, starts, train = _entities(table)
        is_time = table.frame[table.time].dtype in (pl.Date, pl.Datetime)
        use = options.calendar if options.calendar is not None else bool(is_time and step <= DAY)
        if use and not is_time:
            raise DataError(
                f"calendar features need dates in {table.time!r}; it holds numbers. Drop --calendar."
            )

        span = np.timedelta64(0, "us")
        if use:
            times = table.frame[table.time].to_numpy()[train]
            span = (times.max() - times.min()).astype("timedelta64[us]")

        frame = table.frame

        def scaler(columns: tuple[str, ...], kind: str) -> Scaler:
            parts = []
            for place in _blocks(len(columns), frame.height):
                values = _matrix(frame, columns[place])
                filled, seen, first = forward(values, starts, np.full(values.shape[1], np.nan))
                empty = [name for name, some in zip(columns[place], seen[train].any(0)) if not some]
                if empty:
                    raise DataError(
                        f"{', '.join(map(repr, empty))} has no value in the {int(train.sum()):,} training rows "
                        f"(before {table.borders[0]}), so nothing can be learned from it. Drop the column or move the split."
                    )
                parts.append(Scaler.fit(kind, filled, first, seen & train[:, None]))
            return Scaler.joined(kind, parts)

        return cls(
            table.time, table.entity, table.targets, table.known, table.observed, window, gaps, cycles(span, step),
            options.channels == "independent", scaler(table.targets, options.scaler or "standard"),
            scaler(table.known, "standard"), scaler(table.observed, "standard"), table.season, table.kind,
            int(step / np.timedelta64(1, "us")),
        )  # fmt: skip

    @property
    def horizon(self) -> int:
        """Steps a forecast gives."""
        return self.window.horizon

    @property
    def series_in_window(self) -> int:
        """Series that one window forecasts: all, or 1 when channels are independent."""
        return 1 if self.independent else len(self.series)

    @property
    def known_features(self) -> int:
        """Covariates known in advance, the calendar included."""
        return len(self.known) + 2 * len(self.cycles)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What a network reads of a row, by name."""
        known = (*(f"{turn} of {name}" for name in self.cycles for turn in ("sine", "cosine")), *self.known)
        if self.independent:
            return ("value", *known)
        flags = tuple(f"{name} was missing" for name in self.series) if self.gaps == "mask" else ()
        return (*self.series, *known, *self.observed, *flags)

    @property
    def features(self) -> int:
        """Features of a row that a network reads."""
        return len(self.feature_names)

    def arrays(self, table: SeriesTable) -> dict[str, np.ndarray]:
        """features, targets (scaled), values, observed, known (raw), entity and time of every row."""
        table = self.opened(table)
        frame, (entity, starts, _) = table.frame, _entities(table)
        series, known = len(self.series), self.known_features
        time = frame[self.time].to_numpy()
        # Before the first count of an entity there was nothing to count.
        gone = [Forward(self.targets_scaler.level * (self.kind != "count"))]
        gone += [Forward(one.level) for one in (self.known_scaler, self.observed_scaler)]
        room = Room(frame.height, series + known + len(self.observed) + series * (self.gaps == "mask"))
        targets = np.empty((frame.height, series), np.float32)
        values, observed = np.empty((frame.height, series)), np.empty((frame.height, series), bool)
        known_raw = np.empty((frame.height, known))
        for rows in _blocks(frame.height, room.matrix.shape[1]):
            some, begin = frame[rows], starts[rows]
            past, there, first = gone[0](_matrix(some, self.series), begin)
            scaled = self.targets_scaler.transform(past, first)[1:]
            # A change is there to be forecast only where a value was seen before.
            scored = there & ~first if self.targets_scaler.kind in CHANGES else there
            targets[rows] = np.where(scored[1:], scaled, np.nan)
            values[rows], observed[rows] = past[1:], there[1:]
            ahead, _, first = gone[1](_matrix(some, self.known), begin)
            circles = calendar(time[rows], self.cycles)
            known_raw[rows] = np.concatenate([circles, ahead[1:]], 1)
            parts = [scaled, circles, self.known_scaler.transform(ahead, first)[1:]]
            seen, _, first = gone[2](_matrix(some, self.observed), begin)
            parts.append(self.observed_scaler.transform(seen, first)[1:])
            room.put(rows, np.concatenate([*parts, ~there[1:]] if self.gaps == "mask" else parts, 1))
        begun = frame[BEGUN].to_numpy() > 0 if BEGUN in self.known else slice(None)
        if self.gaps == "error" and not observed[begun].all():
            row, column = np.argwhere(~observed[begun])[0]
            raise DataError(
                f"{self.series[column]!r} has no value in row {row + 1} and {int((~observed[begun]).sum()) - 1} more; "
                'gaps="error" refuses that. Use --gaps forward or --gaps mask.'
            )
        return {
            "features": room.matrix, "targets": targets, "values": values, "observed": observed, "known": known_raw,
            "entity": entity, "time": time,
        }  # fmt: skip

    def encode(self, table: SeriesTable) -> Encoded:
        """Feeds and problem of every split. Raises DataError where a split is too short for one window."""
        table = self.opened(table)
        arrays = self.arrays(table)
        _, _, train = _entities(table)
        mean, std = moments(arrays["values"], arrays["observed"] & train[:, None])
        time = table.frame[table.time]
        first, second = table.borders
        spans = {"train": (time.min(), first), "validation": (first, second), "test": (second, table.end)}
        origins: dict[SplitName, np.ndarray] = {}
        feeds: dict[SplitName, WindowFeed] = {}
        for split, (begin, end) in spans.items():
            inside = (time >= begin) if end is None else (time >= begin) & (time < end)
            mask = inside.to_numpy()
            found = self.window.origins(arrays["entity"], mask)
            if split == "train":
                found = found[:: self.window.stride]
            if not len(found):
                need = self.window.context_length * (split == "train") + self.window.horizon
                raise DataError(
                    f"the {split} split has {int(mask.sum()):,} rows, too few for one window of context "
                    f"{self.window.context_length} and horizon {self.window.horizon} (needs {need} rows in a row). "
                    + (
                        "Use a shorter --context-length or --horizon, or more data."
                        if split == "train"
                        else f"Use a shorter --horizon, a larger --{split}-share, or more data."
                    )
                )
            origins[split] = found  # type: ignore[index]
            feeds[split] = WindowFeed(  # type: ignore[index]
                arrays["features"],
                arrays["targets"],
                found,
                self.window,
                self.known_features,
                independent=self.independent,
            )
        problem = {
            "values": arrays["values"], "observed": arrays["observed"], "known": arrays["known"], "time": arrays["time"],
            "entity": arrays["entity"], "origins": origins, "context_length": self.window.context_length,
            "horizon": self.horizon, "season": self.season, "kind": self.kind, "series": self.series,
            "train_rows": train, "mean": mean, "std": std, "entities": _names(table),
        }  # fmt: skip
        put = int((table.frame[BEGUN] == 0).sum()) if BEGUN in self.known else 0
        return Encoded(feeds, problem, (*self.summary(arrays, put), *_left_out(problem, table)))

    def opened(self, table: SeriesTable) -> SeriesTable:
        """The table with entities that have only just begun filled up, where there were such when this was fitted."""
        if BEGUN not in self.known:
            return table
        return opened(table, self.window, gap(self.step_us, table.frame[table.time]), always=True)

    def summary(self, arrays: dict[str, np.ndarray], put: int = 0) -> tuple[str, ...]:
        """Lines for a person: what goes in, what is filled; `put` rows were put before the first of new entities, and miss nothing."""
        filled = int((~arrays["observed"]).sum()) - put * len(self.series)
        extra = [f"{self.known_features} known in advance"] if self.known_features else []
        if self.observed:
            left_out = " (not read by independent channels)" if self.independent else ""
            extra.append(f"{len(self.observed)} observed{left_out}")
        return (
            f"windows: {self.window.context_length} steps in, {self.horizon} out; {len(self.series)} target{'s' * (len(self.series) > 1)}"
            + (f", covariates: {', '.join(extra)}" if extra else ""),
            f"scaler: {self.targets_scaler.kind}, fitted on training rows; {filled:,} missing values, gaps={self.gaps!r}",
        )

    def unscale(self, scaled: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Forecasts (windows, horizon, series) in the data's unit, counts from 0 on; `last` (windows, series) are the values before."""
        values = self.targets_scaler.inverse(scaled.astype(np.float64), last)
        return np.maximum(values, 0) if self.kind == "count" else values

    def to_dict(self) -> dict[str, Any]:
        """JSON types that `from_dict` reads back."""
        stored = dict(vars(self))
        stored["window"] = vars(self.window)
        return {key: value.to_dict() if isinstance(value, Scaler) else value for key, value in stored.items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SeriesEncoder:
        """What `to_dict` gave."""
        read: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
        }
        read["window"] = Window(**stored["window"])
        for key in ("targets_scaler", "known_scaler", "observed_scaler"):
            read[key] = Scaler.from_dict(stored[key])
        return cls(**read)


def _blocks(count: int, across: int) -> Iterator[slice]:
    """Rows of so many columns, or columns of so many rows, some at a time."""
    step = max(1, CELLS // max(1, across))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _matrix(frame: pl.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """(rows, columns) float64, NaN where there is no value."""
    if not columns:
        return np.zeros((frame.height, 0))
    values = np.empty((frame.height, len(columns)))
    for rows in _blocks(frame.height, len(columns)):
        values[rows] = frame[rows].select(pl.col(name).cast(pl.Float64) for name in columns).to_numpy()
    return values


def _entities(table: SeriesTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entity number (rows,), True where one begins (rows,), True for training rows (rows,)."""
    frame = table.frame
    if table.entity is None:
        entity = np.zeros(frame.height, np.int64)
    else:
        entity = frame[table.entity].rle_id().to_numpy().astype(np.int64)
    starts = np.concatenate([[True], entity[1:] != entity[:-1]])
    return entity, starts, (frame[table.time] < table.borders[0]).to_numpy()


def _names(table: SeriesTable) -> tuple[str, ...]:
    """Names of the entities in the order of their numbers; none where there is one series alone."""
    if table.entity is None:
        return ()
    runs = table.frame[table.entity].rle().struct.field("value")
    return tuple(map(str, runs.to_list()))


def _left_out(problem: Mapping[str, Any], table: SeriesTable) -> list[str]:
    """Lines that name entities which had to be filled up, or have no window in a split."""
    names, lines = problem["entities"], []
    if BEGUN in table.known:
        late = table.frame.filter(pl.col(BEGUN) == 0)[str(table.entity)].unique(maintain_order=True).to_list()
        lines.append(
            f"short histories: {_some(late)}; rows put before their first are flagged and not scored"
        )
    for split, origins in problem["origins"].items():
        without = (
            sorted(set(range(len(names))).difference(problem["entity"][origins].tolist())) if names else []
        )
        if without:
            lines.append(f"no {split} window: {_some([names[one] for one in without])} of {len(names):,}")
    return lines


def _some(names: list[Any], most: int = 5) -> str:
    shown = ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")
    return f"{len(names):,} {'entity' if len(names) == 1 else 'entities'} ({shown})"


def _step(table: SeriesTable, entity: np.ndarray) -> np.timedelta64:
    """The most common difference of time stamps within an entity."""
    time = table.frame[table.time]
    if time.dtype not in (pl.Date, pl.Datetime):
        return np.timedelta64(1, "D")
    stamps = time.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
    steps = np.diff(stamps)[np.diff(entity) == 0]
    if not len(steps):
        raise DataError("a series of one row has no time step; expected at least two rows.")
    values, counts = np.unique(steps, return_counts=True)
    return np.timedelta64(values[counts.argmax()], "us")
