"""The loop: one step after the other, validate, keep the best, stop in time."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.core.errors import RecipeError, TrainingDiverged
from elman.core.files import plain
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Batch, Feed
from elman.training.average import Average
from elman.training.budget import steps_within
from elman.training.checkpoint import load_state, load_weights, save_state, save_weights
from elman.training.device import place
from elman.training.history import History, Measured
from elman.training.optimizer import make_optimizer
from elman.training.passes import Passes
from elman.training.progress import Progress
from elman.training.schedule import factor
from elman.training.tensorboard import Events

BUDGET_VALIDATIONS = 8  # validations in a run with a time budget, unless the recipe says how many


class Step(NamedTuple):
    """A batch's mean loss, how many examples or tokens it stands for, the state after it (None: nothing to carry).

    A state is nested tuples of tensors, as `RNN` gives it.
    """

    loss: Tensor
    examples: int
    state: Any


Objective = Callable[[nn.Module, Batch, Any], Step]
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
    on Ctrl-C (after a last validation). Raises TrainingDiverged when the loss is not a number any more; the best checkpoint so
    far is kept. `resume` goes on from the last checkpoint, exactly as if it had never stopped.
    """
    progress, carried = progress or Progress(), None
    if options.threads:
        torch.set_num_threads(options.threads)
    rate = options.learning_rate or 1e-3
    total = total_steps(model, objective, feed, options, validate)
    optimizer = make_optimizer(model, options, rate)
    inner = model
    model, optimizer, backward, device = place(model, optimizer, options)
    passes = Passes(feed, options.batch_size or 64, options.seed)
    per_epoch = feed.steps(passes.batch_size)
    average = Average(inner, options.average) if options.average else None
    best, last = folder / "checkpoints" / "best.safetensors", folder / "checkpoints" / "last.safetensors"
    events, history = Events(folder), History(steps_per_epoch=per_epoch)
    step, since_best, cooled, before = 0, 0, 1.0, 0.0
    if resume:
        facts, extra = load_state(last, inner, optimizer)
        step, since_best, cooled, total, before = (
            facts[key] for key in ("step", "since_best", "cooled", "total", "seconds")
        )
        history.best_step, history.best_value = facts["best_step"], facts["best_value"]
        passes.go_to(facts["passes"])
        carried = _unflatten(facts["carried"], extra)
        if average:
            average.count, average.tensors = (
                facts["averaged"],
                {k[8:]: v for k, v in extra.items() if k.startswith("average.")},
            )
    every = math.ceil(total / options.validations) if options.validations else min(per_epoch, total)
    if options.budget and not options.validations:
        every = math.ceil(total / BUDGET_VALIDATIONS)
    progress.start(total, step, None, rival)
    began, losses, norms = time.perf_counter() - before, [], []
    model.train()
    try:
        while step < total:
            try:
                batch = next(passes)
                if device is not None:
                    batch = batch.to(device)
                learning_rate = rate * cooled * factor(options.schedule, step, total, options.warmup)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate
                loss, _, carried = objective(model, batch, None if batch.start else carried)
                optimizer.zero_grad(set_to_none=True)
                backward(loss)
                if options.clip_norm:
                    norms.append(nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm))
                optimizer.step()
                carried = _detach(carried)
                losses.append(loss.detach())
                step += 1
                if average:
                    average.update(inner)
                if step % max(1, every // 20) == 0:
                    _check(float(losses[-1]), step, rate, options, best)
                    progress.step(step, float(losses[-1]), step / (time.perf_counter() - began))
                if step % every and step < total:
                    continue
            except KeyboardInterrupt:
                history.stopped = "interrupted"
                if not losses:
                    break
            train_loss = float(torch.stack(losses).mean())
            _check(train_loss, step, rate, options, best)
            started = time.perf_counter()
            with average.in_place(inner) if average else nullcontext():
                measured = validate(model)
                is_best = measured.better_than(history.best_value)
                if is_best:
                    history.best_step, history.best_value = step, measured.value
                    save_weights(best, inner.state_dict(), step=step, metrics=plain(measured.metrics))
            since_best = 0 if is_best else since_best + 1
            if options.schedule == "plateau" and not is_best:
                cooled *= 0.5
            model.train()
            history.monitor, seconds = measured.monitor, time.perf_counter() - began
            history.validation_seconds += time.perf_counter() - started
            row = {
                "step": step, "epoch": step / per_epoch, "train_loss": train_loss, "learning_rate": learning_rate,
                "grad_norm": float(torch.stack(norms).mean()) if norms else None, "seconds": seconds, **measured.metrics,
            }  # fmt: skip
            losses, norms = [], []
            history.rows.append(row)
            _append(folder / "metrics.jsonl", row)
            events.write(row)
            progress.validated(row, measured.monitor, is_best)
            for callback in callbacks:
                callback(model, row)
            extra, shape = _flatten(carried)
            if average:
                extra |= {f"average.{name}": value for name, value in average.tensors.items()}
            save_state(
                last, inner, optimizer, extra, step=step, since_best=since_best, cooled=cooled, total=total, seconds=seconds,
                best_step=history.best_step, best_value=history.best_value, passes=passes.place(), carried=shape,
                averaged=average.count if average else 0,
            )  # fmt: skip
            if history.stopped == "interrupted":
                break
            if options.patience is not None and since_best >= options.patience:
                history.stopped = "patience"
                break
    finally:
        progress.stop()
        events.close()
        history.steps, history.seconds = step, time.perf_counter() - began
    if not best.exists():
        reason = (
            "it was interrupted before the first step"
            if history.stopped == "interrupted"
            else "no validation gave a number"
        )
        raise TrainingDiverged(f"there are no best weights: {reason}. Try a smaller --learning-rate.")
    load_weights(inner, best)
    return history


def total_steps(
    model: nn.Module,
    objective: Objective,
    feed: Feed,
    options: TrainingOptions,
    validate: Callable[[nn.Module], Measured],
) -> int:
    """Steps in all: `steps` if given, else what fits the `budget` (timed on a copy of the model), else `epochs`."""
    if options.steps:
        return options.steps
    if options.budget:
        trial, random = copy.deepcopy(model).train(), torch.get_rng_state()
        optimizer = make_optimizer(trial, options, 0.0)
        passes = Passes(feed, options.batch_size or 64, options.seed)

        def step() -> None:
            batch = next(passes)
            optimizer.zero_grad(set_to_none=True)
            objective(trial, batch, None).loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        def validation() -> None:
            validate(trial)
            trial.train()

        count = steps_within(options.budget, step, validation, options.validations or BUDGET_VALIDATIONS)
        torch.set_rng_state(random)
        return count
    total = round((options.epochs or 1) * feed.steps(options.batch_size or 64))
    if total < 1:
        raise RecipeError(f"epochs={options.epochs} is less than one step. Give more epochs, or --steps.")
    return total


def _check(loss: float, step: int, rate: float, options: TrainingOptions, best: Path) -> None:
    """Raise TrainingDiverged for a loss that is not a finite number."""
    if math.isfinite(loss):
        return
    kept = f"The best weights before that are in {best}. " if best.exists() else ""
    clip = "" if options.clip_norm else ", or --clip-norm 1"
    raise TrainingDiverged(
        f"the loss is not a number at step {step}. {kept}Try --learning-rate {rate / 3:.1g}{clip}."
    )


def _detach(state: Any) -> Any:
    """The same nested tuples, cut off from the graph."""
    if state is None or isinstance(state, Tensor):
        return None if state is None else state.detach()
    parts = [_detach(part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _flatten(state: Any) -> tuple[dict[str, Tensor], Any]:
    """Tensors by number, and the nesting with numbers in their places (lists: JSON)."""
    tensors: dict[str, Tensor] = {}

    def walk(part: Any) -> Any:
        if isinstance(part, Tensor):
            tensors[f"carried.{len(tensors)}"] = part
            return len(tensors) - 1
        return None if part is None else [walk(one) for one in part]

    return tensors, walk(state)


def _unflatten(shape: Any, tensors: dict[str, Tensor]) -> Any:
    if shape is None or isinstance(shape, int):
        return None if shape is None else tensors[f"carried.{shape}"]
    return tuple(_unflatten(part, tensors) for part in shape)


def _append(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(json.dumps(plain(row)) + "\n")
