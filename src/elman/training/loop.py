"""The loop: one step after the other, validate, keep the best, stop in time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elman.core.errors import RecipeError
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Feed
from elman.training.budget import steps_within
from elman.training.checkpoint import save_state
from elman.training.device import Placed, place
from elman.training.history import History, Measured
from elman.training.interrupt import Interrupt
from elman.training.objective import Objective, Step, detach
from elman.training.optimizer import make_optimizer, set_rate
from elman.training.passes import Passes
from elman.training.progress import Progress
from elman.training.random_state import untouched_random_state
from elman.training.schedule import factor
from elman.training.sitting import Sitting

__all__ = ["Callback", "Objective", "Step", "fit", "follow", "total_steps"]

BUDGET_VALIDATIONS = 8  # validations in a run with a time budget, unless the recipe says how many
LOOKS = 20  # how often between two validations the loss is read: each look waits for the device

Callback = Callable[[nn.Module, dict[str, Any]], None]


def fit(
    model: nn.Module,
    objective: Objective,
    feed: Feed,
    options: TrainingOptions,
    *,
    validate: Callable[[nn.Module], Measured],
    folder: Path,
    progress: Progress | None = None,
    resume: bool = False,
    rival: tuple[str, float] | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train `model` in place; it ends with the best weights by validation, which are also in `folder`/checkpoints.

    Stops after the steps, the budget or the epochs of `options`, when validation has not improved `patience` times, or
    on Ctrl-C (after the step under way and a last validation). Raises TrainingDiverged when the loss is not a number any
    more: the model then has the best weights so far, as the best checkpoint has. Raises StorageError when the disk refuses;
    earlier checkpoints are intact. `resume` goes on from the last checkpoint, exactly as if it had never stopped.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    rate, batch_size = options.learning_rate or 1e-3, options.batch_size or 64
    placed = place(model, make_optimizer(model, options, rate), options)
    sitting = Sitting(model, placed, Passes(feed, batch_size, options.seed), options, rate, folder)
    at = (
        sitting.resume() if resume else sitting.start(total_steps(placed, objective, feed, options, validate))
    )
    every = min(sitting.steps_per_epoch, at.total)
    if options.validations or options.budget:
        every = math.ceil(at.total / (options.validations or BUDGET_VALIDATIONS))
    look, progress = max(1, every // LOOKS), progress or Progress()
    progress.start(at.total, at.step, None, rival)
    model.train()
    try:
        with Interrupt() as interrupt:
            while at.step < at.total and not sitting.out_of_patience and not interrupt.asked:
                try:
                    batch = next(sitting.passes)
                    sitting.learning_rate = (
                        rate * at.cooled * factor(options.schedule, at.step, at.total, options.warmup)
                    )
                    placed.rate(sitting.learning_rate)
                    step, norm = placed.step(objective, batch, None if batch.start else sitting.carried)
                    sitting.count(batch, step, norm)
                except KeyboardInterrupt:  # raised by a feed or an objective: this step does not count
                    interrupt.asked = True
                due = at.step % every == 0 or at.step == at.total or interrupt.asked
                if due or at.step % look == 0:
                    loss = sitting.tally.latest()
                    if sitting.tally.examples and not math.isfinite(loss):
                        raise sitting.diverged("the loss", sitting.row())
                    progress.step(at.step, loss, sitting.steps_per_second)
                if due:
                    _validate(sitting, validate, progress, callbacks)
            placed.stop()
            patience = sitting.out_of_patience and at.step < at.total
            planned = "budget" if options.budget and not options.steps else "finished"
            return sitting.history("interrupted" if interrupt.asked else "patience" if patience else planned)
    finally:
        progress.stop()
        sitting.log.close()


def follow(
    model: nn.Module,
    objective: Objective,
    feed: Feed,
    options: TrainingOptions,
    *,
    folder: Path,
    resume: bool = False,
) -> None:
    """The other processes' side of `fit`: a part of every batch, at the learning rates that the first process tells, until it stops.

    A resumed stream starts with a new state in these processes, until its next pass.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    rate, batch_size = options.learning_rate or 1e-3, options.batch_size or 64
    placed = place(model, make_optimizer(model, options, rate), options)
    sitting = Sitting(model, placed, Passes(feed, batch_size, options.seed), options, rate, folder)
    if resume:
        sitting.resume()
        sitting.carried = None
    model.train()
    state = None
    while placed.told() is not None:
        batch = next(sitting.passes)
        state = detach(placed.step(objective, batch, None if batch.start else state)[0].state)


def _validate(
    sitting: Sitting,
    validate: Callable[[nn.Module], Measured],
    progress: Progress,
    callbacks: Sequence[Callback],
) -> None:
    """Measure, keep the weights if they are the best, log, save."""
    row, began = sitting.row(), time.perf_counter()
    for what, value in (("the loss", row["train_loss"]), ("the gradient", row["grad_norm"])):
        # In 16-mixed an infinite gradient is how the loss scale finds its size.
        if value is not None and not math.isfinite(value) and sitting.options.precision != "16-mixed":
            raise sitting.diverged(what, row)
    with sitting.averaged():
        measured = validate(sitting.model)
        is_best = sitting.judge(measured)
    sitting.model.train()
    sitting.at.validation_seconds += time.perf_counter() - began
    row |= {"seconds": sitting.seconds, **measured.metrics}
    sitting.log.write(row)
    progress.validated(row, measured.monitor, is_best)
    for callback in callbacks:
        callback(sitting.model, row)
    extra, facts = sitting.state()
    save_state(sitting.last, sitting.model, sitting.placed.optimizer, extra, **facts)


def total_steps(
    placed: Placed,
    objective: Objective,
    feed: Feed,
    options: TrainingOptions,
    validate: Callable[[nn.Module], Measured],
) -> int:
    """Steps in all: `steps` if given, else what fits the `budget` (timed, then undone), else `epochs`."""
    batch_size = options.batch_size or 64
    if options.steps:
        return options.steps
    if not options.budget:
        total = round((options.epochs or 1) * feed.steps(batch_size))
        if total < 1:
            raise RecipeError(f"epochs={options.epochs} is less than one step. Give more epochs, or --steps.")
        return total
    if options.processes > 1:
        raise RecipeError("a budget is timed in one process. With several, give --epochs or --steps instead.")
    model, passes = placed.model, Passes(feed, batch_size, options.seed)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def step() -> Tensor:
        return placed.step(objective, next(passes), None)[0].loss.detach()

    with untouched_random_state():
        try:
            model.train()
            set_rate(placed.optimizer, 0.0)
            return steps_within(
                options.budget, step, lambda: validate(model), options.validations or BUDGET_VALIDATIONS
            )
        finally:
            model.load_state_dict(before)
            placed.optimizer.state.clear()
            placed.optimizer.zero_grad(set_to_none=True)
