"""A recipe: every setting of a run, as torch-free dataclasses that read and write TOML.

`None` means "the task or the source decides"; a resolved recipe (the one in a run folder) has the decisions
written in. Flags of the command line are these fields: `training.batch_size` is `--batch-size`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from elman.core.errors import RecipeError, nearest


@dataclass(frozen=True)
class DataOptions:
    """Where the sequences come from and which columns mean what."""

    source: str = ""  # a name from `elman data`, or a file or folder
    path: str | None = None  # a local copy of a named source: archive, file or folder
    text: str | None = None  # column with the text
    label: str | None = None  # column with the class or number to predict
    time: str | None = None  # column with the time stamps
    target: tuple[str, ...] = ()  # columns to forecast
    entity: str | None = None  # column that tells the series of a panel apart
    known: tuple[str, ...] = ()  # covariates known in advance
    static: tuple[str, ...] = ()  # columns that stay the same in an entity: numbers, or names of groups
    holidays: str | None = None  # a country, e.g. US: its holidays are known in advance
    observed: tuple[str, ...] = ()  # covariates known only up to now
    frequency: str | None = None  # e.g. "1h", "1d"; measured from the time stamps when not given
    gaps: Literal["forward", "mask", "error"] = "forward"  # missing: last value, flagged too, or refused
    sentinels: tuple[float, ...] = ()  # numbers that mean "missing", e.g. -9999
    delays: tuple[str, ...] = ()  # COLUMN=STEPS: an observed column that is published so many steps late
    group: str | None = None  # column whose equal values stay in one split, e.g. the author of a text
    date: str | None = None  # texts: column with dates or numbers; the oldest rows train, the newest test
    stratified: bool = False  # the same share of every class in each split
    validation_share: float | None = None  # share of rows held out to choose by
    test_share: float | None = None  # share of rows held out to report on
    length: int | None = None  # synthetic: the longest training sequence
    test_length: int | None = None  # synthetic: the longest test sequence
    data_seed: int = 0  # synthetic: which draw of the sequences
    limit: int | None = None  # at most so many training examples
    fold: str | None = None  # series: NUMBER/COUNT of a cross-validation, e.g. "2/5"
    history: int | None = None  # series: train on at most so many steps, the last before validation


@dataclass(frozen=True)
class EncodingOptions:
    """How raw sequences become tensors."""

    # pieces of a text
    tokenizer: Literal["characters", "bytes", "words", "spaces", "bpe", "unigram"] | None = None
    vocabulary_size: int | None = None  # most frequent entries kept, specials included
    min_count: int = 1  # entries seen less often in training become <unk>
    lowercase: bool | None = None  # whether capitals are read as small letters
    max_length: int | None = None  # longer sequences are cut to this many tokens
    keep: Literal["start", "end", "both"] = "start"  # which end a cut keeps
    padding: Literal["right", "left"] = "right"  # which end short sequences are filled up at
    bigrams: int = 0  # pairs of neighbouring tokens seen at least so often get a vector of their own; 0: none
    affixes: int | None = (
        None  # tagging: also read how a word begins and ends, up to so many letters; 0: the word alone
    )
    log_count_ratios: bool = False  # two classes: weigh tokens and pairs by how they tell them apart
    context_length: int | None = None  # time steps a forecast sees
    horizon: int | None = None  # time steps a forecast gives
    stride: int = 1  # steps between training windows
    scaler: Literal["standard", "min_max", "robust", "difference", "log_return", "none"] | None = None
    window_norm: Literal["none", "last", "mean", "scale"] | None = None  # taken off a window; scale: its size
    patch_length: int | None = None  # consecutive steps read as one
    channels: Literal["joint", "independent"] | None = None  # one window of all series, or one each
    calendar: bool | None = None  # hour, weekday and day of year as covariates


@dataclass(frozen=True)
class ModelOptions:
    """The network: inputs, recurrent layers, pooling, head."""

    cell: str = "gru"  # one of `elman cells`, or a file: mycell.py, mycell.py:CLASS
    hidden_size: int = 128  # units of a layer and direction
    num_layers: int = 1  # recurrent layers, one on the other
    bidirectional: bool = False  # read from both ends
    activation: str | None = None  # of a cell that lets you choose: tanh, relu, ...
    embedding_size: int | None = None  # numbers of a token's vector, or of a patch's
    vectors: str | None = None  # a text file of word vectors: word, numbers
    dropout: float = 0.0  # on inputs to layers and to the head
    embedding_dropout: float = 0.0  # share of whole token vectors set to zero in training
    token_dropout: float = 0.0  # share of tokens replaced by <unk> in training
    variational_dropout: bool = False  # dropout's masks stay the same for all steps of a sequence
    weight_drop: float = 0.0  # share of recurrent weights set to zero in training, anew for every batch
    zoneout: float = 0.0  # share of units that keep their state for a step in training
    layer_norm: bool = False  # normalise inside the cell
    projection_size: int | None = None  # numbers that an LSTM's output is projected to
    residual: bool = False  # add a layer's input to its output
    learned_initial_state: bool = False  # learn the state before the first step; else zeros
    initialisation: Literal["cell", "orthogonal", "uniform", "chrono"] = "cell"  # of the recurrent layers
    forget_bias: float | None = None  # what forget gates' biases start at; default: as the cell says
    longest_memory: float | None = None  # longest dependency in steps, for chrono
    pooling: Literal["last", "mean", "max", "mean_max", "none"] | None = None  # states of all steps to one
    tied: bool = False  # language models: input and output share one matrix
    distribution: Literal["point", "quantiles", "student_t", "negative_binomial"] = (
        "point"  # what a forecast's head gives
    )
    executor: str = "auto"  # which engine runs the cell: auto, native, vendor, scan, reference


@dataclass(frozen=True)
class TrainingOptions:
    """The loop."""

    batch_size: int | None = None  # sequences, windows or streams in a step
    learning_rate: float | None = None  # the highest; the schedule rises to it and falls from it
    epochs: float | None = None  # passes over the training split
    steps: int | None = None  # optimizer steps; wins over epochs
    budget: str | None = None  # wall time such as "10m"; becomes `steps` after a timed warm-up
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"  # how gradients become steps
    weight_decay: float = 0.01  # of matrices; not of biases, norms and embeddings
    clip_norm: float = 1.0  # longest gradient; 0: not clipped
    schedule: Literal["constant", "cosine", "one_cycle", "plateau"] = "one_cycle"  # of the learning rate
    warmup: float = 0.1  # share of the steps in which the rate rises
    patience: int | None = None  # validations without a better value before stopping
    validations: int | None = None  # how often to validate in all; default once an epoch
    label_smoothing: float = 0.0  # share of each target spread over all classes
    class_weights: Literal["none", "balanced"] = "none"  # balanced: rare classes count more in the loss
    truncation_length: int | None = None  # steps of truncated backpropagation through time
    loss: Literal["mse", "mae"] | None = None  # forecasting: "mse" or "mae"; regression: "mse"
    average: float = 0.0  # decay of an exponential moving average of the weights; 0: none
    seed: int = 0  # of weights, order and dropout
    device: str = "cpu"  # cpu, cuda, cuda:1, mps
    precision: Literal["32", "bf16-mixed", "16-mixed"] = "32"  # of the arithmetic; weights stay float32
    watch: bool = False  # look inside at each validation: gradients by lag, memory, spectral radius
    processes: int = 1  # that share every batch, on this machine
    threads: int | None = None  # of each process; default: torch's own choice


@dataclass(frozen=True)
class EvaluationOptions:
    """What the network is held against."""

    rivals: tuple[str, ...] | None = None  # None: all that fit the task
    rival_predictions: tuple[str, ...] = ()  # files with an outside model's predictions, or vectors
    rival_seconds: float = 120.0  # time limit of each rival
    bootstrap: int = 1000  # resamples behind an interval


@dataclass(frozen=True)
class Recipe:
    """All settings of one run."""

    task: str | None = None
    name: str | None = None
    data: DataOptions = field(default_factory=DataOptions)
    encoding: EncodingOptions = field(default_factory=EncodingOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)

    @classmethod
    def sections(cls) -> dict[str, type]:
        """Section name -> dataclass, in order."""
        hints = _hints(cls)  # type: ignore[arg-type]  # a class has a hash
        return {
            f.name: hints[f.name] for f in dataclasses.fields(cls) if dataclasses.is_dataclass(hints[f.name])
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Build from nested dicts (TOML, JSON); raises RecipeError for an unknown key or a wrong type."""
        return _build(cls, values, "recipe")

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Read a TOML recipe."""
        path = Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecipeError(
                f"no recipe at {path}. Recipes are TOML files; see the folder recipes/."
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path} is not a TOML recipe: {error}.") from None
        try:
            return cls.from_dict(values)
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts without the settings that are None."""
        return _drop_none(dataclasses.asdict(self))

    def to_toml(self) -> str:
        """This recipe as TOML text that `Recipe.read` reads back equal."""
        values = self.to_dict()
        lines = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict)]
        for section in self.sections():
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in values[section].items()]
        return "\n".join(lines).strip() + "\n"

    def override(self, flat: dict[str, Any]) -> Recipe:
        """A copy with settings replaced by bare name (`batch_size`) or dotted (`training.batch_size`).

        Raises RecipeError, with the nearest name, for a setting that does not exist.
        """
        values = dataclasses.asdict(self)
        where = {f.name: s for s, kind in self.sections().items() for f in dataclasses.fields(kind)}
        for key, value in flat.items():
            section, _, name = key.rpartition(".")
            if not section and name in ("task", "name"):
                values[name] = value
                continue
            section = section or where.get(name, "")
            if section not in self.sections() or name not in values[section]:
                close = nearest(name, where)
                raise RecipeError(
                    f"unknown setting {key!r}." + (f" Did you mean {close!r}?" if close else "")
                )
            values[section][name] = value
        return Recipe.from_dict(_drop_none(values) | {"task": values["task"], "name": values["name"]})

    def changed(self) -> dict[str, Any]:
        """The settings that are not at their defaults, by dotted name."""
        return {
            f"{section}.{f.name}": value
            for section, kind in self.sections().items()
            for f in dataclasses.fields(kind)
            if (value := getattr(getattr(self, section), f.name)) != f.default
        }

    def fill(self, defaults: dict[str, Any]) -> Recipe:
        """A copy in which settings that are None (or an empty tuple) take the value in `defaults` (dotted names)."""
        missing = {}
        for key, value in defaults.items():
            section, _, name = key.rpartition(".")
            if getattr(getattr(self, section), name) in (None, ()):
                missing[key] = value
        return self.override(missing)


def _drop_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_none(item) for key, item in value.items() if item is not None}
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's escapes are JSON's
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


@functools.cache  # strings to types, tens of times for each recipe
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: type, values: dict[str, Any], where: str) -> Any:
    hints = _hints(kind)
    arguments = {}
    for key, value in values.items():
        if key not in hints:
            close = nearest(key, hints)
            hint = f" Did you mean {close!r}?" if close else ""
            for section, part in (Recipe.sections() if kind is Recipe else {}).items():
                if key in _hints(part):
                    hint = f" It belongs below a line [{section}]."
            raise RecipeError(f"unknown setting {key!r} in {where}.{hint}")
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, dict):
                raise RecipeError(f"{where} [{key}] must be a table of settings, got {value!r}.")
            arguments[key] = _build(typing.cast(type, hint), value, f"[{key}]")
        else:
            arguments[key] = fit(value, hint, f"{where} {key}")
    return kind(**arguments)


WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def fit(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type `hint`, or RecipeError with what was expected."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return fit(value, next(option for option in options if option is not type(None)), where)
    if origin is Literal:
        if value in options:
            return value
        close = nearest(str(value), options)
        hint_text = f" Did you mean {close!r}?" if close else ""
        raise RecipeError(f"{where} is {value!r}; expected one of {', '.join(map(str, options))}.{hint_text}")
    if origin is tuple:
        items = [value] if isinstance(value, (str, int, float)) else list(value)
        return tuple(fit(item, options[0], where) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise RecipeError(f"{where} is {value!r}; expected {WORDS.get(hint, hint.__name__)}.")
    return value
