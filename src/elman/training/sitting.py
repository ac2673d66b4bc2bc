"""All that a training holds while it runs: where it is, its best weights, its log, and how to save and find it again."""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from elman.core.errors import RunError, TrainingDiverged
from elman.core.files import plain
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Batch
from elman.training.average import Average
from elman.training.checkpoint import load_weights, put_state, read_state, save_weights
from elman.training.device import Placed
from elman.training.history import History, Measured
from elman.training.log import Log
from elman.training.objective import Step, detach, flatten, unflatten
from elman.training.passes import Passes
from elman.training.tally import Tally


@dataclass
class Position:
    """Where a training is. Goes into each checkpoint as JSON."""

    total: int
    step: int = 0
    since_best: int = 0  # validations
    cooled: float = 1.0  # what the plateau schedule has left of the learning rate
    best_step: int = 0
    best_value: float | None = None
    seconds: float = 0.0
    validation_seconds: float = 0.0
    tokens: int = 0


def is_over(facts: dict[str, Any], options: TrainingOptions) -> bool:
    """Whether the training whose last checkpoint holds these facts has nothing left to do."""
    impatient = options.patience is not None and facts["since_best"] >= options.patience
    return bool(facts["step"] >= facts["total"] or impatient)


class Sitting:
    """One training, from its start or from its last checkpoint until it stops.

    `rate` is the learning rate before any schedule. Reading raises RunError, writing StorageError.
    """

    def __init__(
        self,
        model: nn.Module,
        placed: Placed,
        passes: Passes,
        options: TrainingOptions,
        rate: float,
        folder: Path,
    ) -> None:
        self.model, self.placed, self.passes, self.options, self.rate = model, placed, passes, options, rate
        self.best, self.last = (folder / "checkpoints" / f"{name}.safetensors" for name in ("best", "last"))
        self.folder, self.steps_per_epoch = folder, passes.feed.steps(passes.batch_size)
        self.average = Average(model, options.average) if options.average else None
        self.carried: Any = None
        self.learning_rate, self.tally, self.monitor = rate, Tally(), ""

    def start(self, total: int) -> Position:
        """At step 0 of `total`."""
        return self._begin(Position(total))

    def resume(self) -> Position:
        """Where the last checkpoint was written; RunError where data or recipe are not the ones it was written with."""
        facts, tensors = read_state(self.last)
        for name, value in self._shape().items():
            if facts.get(name, value) != value:
                raise RunError(
                    f"{self.last} was written with {name} = {facts[name]}, now it is {value}. Resume with the data and "
                    "recipe of that run, or train anew in another folder."
                )
        extra = put_state(self.last, self.model, self.placed.optimizer, facts, tensors)
        self.carried = detach(unflatten(facts["carried"], extra), self.placed.device)
        self.passes.go_to(facts["passes"])
        if self.average:
            self.average.load(
                {name.removeprefix("average."): one for name, one in extra.items()}, facts["averaged"]
            )
        return self._begin(Position(**{f.name: facts[f.name] for f in fields(Position) if f.name in facts}))

    def _begin(self, at: Position) -> Position:
        self.at, self.log = at, Log(self.folder, at.step)
        self.began, self._entered = time.perf_counter() - at.seconds, (at.step, at.seconds)
        return at

    def _shape(self) -> dict[str, Any]:
        feed, size = self.passes.feed, self.passes.batch_size
        return {"batch_size": size, "examples": len(feed), "steps_per_epoch": self.steps_per_epoch}

    def count(self, batch: Batch, step: Step, norm: Any) -> None:
        """An optimizer step is done."""
        self.carried = detach(step.state)
        self.passes.done()
        self.at.step += 1
        self.at.tokens += (
            int(batch.lengths.sum()) if batch.lengths is not None else math.prod(batch.inputs.shape[:2])
        )
        self.tally.add(step, norm)
        if self.average:
            self.average.update()

    @property
    def seconds(self) -> float:
        """Since training began, earlier sittings included."""
        return time.perf_counter() - self.began

    @property
    def steps_per_second(self) -> float:
        """In this sitting, validations included: what the time left follows from."""
        step, seconds = self._entered
        return (self.at.step - step) / max(self.seconds - seconds, 1e-9)

    @property
    def out_of_patience(self) -> bool:
        """Whether too many validations in a row were no better."""
        return self.options.patience is not None and self.at.since_best >= self.options.patience

    def row(self) -> dict[str, Any]:
        """What is known without validation; the tally starts anew."""
        tally, self.tally = self.tally, Tally()
        return {
            "step": self.at.step, "epoch": self.at.step / self.steps_per_epoch, "train_loss": tally.loss(),
            "learning_rate": self.learning_rate, "grad_norm": tally.norm(), "seconds": self.seconds,
        }  # fmt: skip

    def averaged(self) -> Any:
        """Context in which the model has the weights that are validated and kept."""
        return self.average.in_place() if self.average else nullcontext()

    def judge(self, measured: Measured) -> bool:
        """Keep the weights the model has now if they are the best so far."""
        at, self.monitor = self.at, measured.monitor
        if measured.better_than(at.best_value):
            at.best_step, at.best_value, at.since_best = at.step, measured.value, 0
            save_weights(self.best, self.model.state_dict(), step=at.step, metrics=plain(measured.metrics))
            return True
        at.since_best += 1
        if self.options.schedule == "plateau":
            at.cooled *= 0.5
        return False

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What the last checkpoint holds beside model and optimizer: tensors and JSON facts."""
        self.at.seconds = self.seconds
        extra, carried = flatten(self.carried)
        facts = {"passes": self.passes.place(), "carried": carried, **asdict(self.at), **self._shape()}
        if self.average:
            extra |= {f"average.{name}": value for name, value in self.average.tensors.items()}
            facts["averaged"] = self.average.count
        return extra, facts

    def diverged(self, what: str, row: dict[str, Any]) -> TrainingDiverged:
        """Log the end, give the model its best weights back, and say what to try."""
        self.log.write(row)
        kept = "No validation was reached before"
        if self.at.best_value is not None:
            load_weights(self.model, self.best)
            kept = f"The best weights before that, of step {self.at.best_step}, are in {self.best}"
        clip = "" if self.options.clip_norm else ", or --clip-norm 1"
        return TrainingDiverged(
            f"{what} is not a number at step {self.at.step}. {kept}. Try --learning-rate {self.rate / 3:.1g}{clip}."
        )

    def history(self, stopped: str) -> History:
        """The end: the model has its best weights; TrainingDiverged when no validation ever gave a number."""
        at, seconds = self.at, self.seconds
        if at.best_value is None:
            raise TrainingDiverged(
                "there are no best weights: no validation gave a number. Try a smaller --learning-rate."
            )
        load_weights(self.model, self.best)
        training = max(seconds - at.validation_seconds, 1e-9)
        return History(
            rows=tuple(self.log.rows), monitor=self.monitor, best_step=at.best_step, best_value=at.best_value, stopped=stopped,
            steps=at.step, steps_per_epoch=self.steps_per_epoch, seconds=seconds, validation_seconds=at.validation_seconds,
            steps_per_second=at.step / training, tokens_per_second=at.tokens / training,
        )  # fmt: skip
