"""What Elman finds out, as frozen values that print, compare and travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


ABBREVIATIONS = ("f1", "mae", "mase", "mse", "rmse", "crps")


@dataclass(frozen=True)
class Metric:
    """A number's name, unit and direction, e.g. Metric("accuracy", "share", higher_is_better=True)."""

    name: str
    unit: str
    higher_is_better: bool

    @property
    def words(self) -> str:
        """The name as people write it: "MSE", "nats per character"."""
        return " ".join(word.upper() if word in ABBREVIATIONS else word for word in self.name.split("_"))


@dataclass(frozen=True)
class Value:
    """A measured number with its 95% interval; `low` and `high` are None when none was computed."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Score:
    """One row of the table: a network or a rival, on one split, all metrics by name."""

    name: str
    split: str
    is_rival: bool
    metrics: dict[str, Value]
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Paired:
    """Network minus rival on the same examples, oriented so that positive means the network is better."""

    rival: str
    metric: str
    difference: Value
    p_value: float | None


@dataclass(frozen=True)
class Scores:
    """Everything measured on one split: rows (best first), the verdict, slices, how often it was opened."""

    split: str
    primary: Metric
    rows: tuple[Score, ...]
    paired: tuple[Paired, ...]
    verdict: str
    beats_best_rival: bool
    slices: dict[str, tuple[tuple[str, int, float], ...]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    looks: int | None = None

    @property
    def network(self) -> Score:
        """The row of the network itself."""
        return next(row for row in self.rows if not row.is_rival)

    def __getitem__(self, metric: str) -> float:
        return self.network.metrics[metric].value


@dataclass(frozen=True, repr=False)
class Finding:
    """One answer about a network: a value with its control and residual, a sentence, a picture, arrays.

    `control` is the same quantity where there should be nothing to find (random or shuffled), `residual` the
    part of an identity that does not add up (0 for an exact attribution). `chart` is a Vega-Lite specification.
    """

    question: str
    title: str
    sentence: str
    value: float | None = None
    unit: str = ""
    interval: tuple[float, float] | None = None
    control: float | None = None
    residual: float | None = None
    sample: str = ""
    chart: dict[str, Any] | None = None
    html: str = ""
    table: tuple[dict[str, Any], ...] = ()
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the picture as .svg or .png, or the whole finding as a page of its own (.html); RecipeError where there is none."""
        from elman.core.showing import save

        save(self, Path(path))

    def __repr__(self) -> str:
        from elman.core.showing import proof

        told = proof(self)
        return f"{self.title}: {self.sentence}" + (f" [{told}]" if told else "")

    def _repr_html_(self) -> str:
        from elman.core.showing import as_html

        return as_html(self)


class Findings(list[Finding]):
    """The answers to several questions: a list, which a terminal and a notebook show as they are meant to be read."""

    def save(self, folder: str | Path, ending: Literal["html", "svg", "png"] = "html") -> None:
        """Write each finding into a folder as QUESTION.html, or the picture of each that has one as QUESTION.svg or .png."""
        for finding in self:
            if ending == "html" or finding.chart is not None:
                finding.save(Path(folder) / f"{finding.question}.{ending}")

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def _repr_html_(self) -> str:
        return "".join(finding._repr_html_() for finding in self)


@dataclass(frozen=True)
class Advice:
    """What to try next: a measured observation, the recipe change that tests it, the command for it."""

    observation: str
    change: str
    command: str


@dataclass(frozen=True)
class Predictions:
    """What a network or rival said about one split, in the original order.

    kind "classes": `outputs` are probabilities (n, classes), `targets` class numbers (n,).
    kind "labels": `outputs` are probabilities (n, labels), `targets` 1 where a label is true, else 0 (n, labels).
    kind "values": `outputs` (n,), `targets` (n,).
    kind "tokens": `outputs` are nats per token (n,), `targets` the token ids (n,).
    kind "forecasts": `outputs` (n, horizon, series), `targets` alike, NaN where unknown, in the data's unit;
    `quantiles` (n, horizon, series, levels) with `levels`.
    """

    kind: str
    outputs: np.ndarray
    targets: np.ndarray
    labels: tuple[str, ...] = ()
    quantiles: np.ndarray | None = None
    levels: tuple[float, ...] = ()
