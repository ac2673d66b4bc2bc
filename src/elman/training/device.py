"""Device, precision and several processes: lightning-fabric where asked for, nothing at all where not.

With several processes each takes its part of every batch, gradients are averaged (PyTorch's DDP, by Fabric), and all take the same step.
The first one leads: it alone knows schedule, validation and end, and tells the others the learning rate of the step to come.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from elman.core.errors import MissingExtra, RecipeError
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Batch
from elman.training.objective import Objective, Step
from elman.training.optimizer import set_rate

STOP = -1.0  # in place of a learning rate: no step to come


@dataclass(frozen=True)
class Placed:
    """Model and optimizer where they run. `device` is None when batches can stay where they are."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    backward: Callable[[Tensor], Any]
    clip: Callable[[], Tensor | None]
    device: torch.device | None
    rank: int = 0
    processes: int = 1

    def rate(self, learning_rate: float) -> None:
        """Set the learning rate of the next step, and tell the processes that follow."""
        set_rate(self.optimizer, learning_rate)
        self._tell(learning_rate)

    def stop(self) -> None:
        """Tell the processes that follow that there is no step to come."""
        self._tell(STOP)

    def told(self) -> float | None:
        """In a process that follows: the learning rate of the next step, None for the end."""
        learning_rate = self._tell(0.0)
        if learning_rate == STOP:
            return None
        set_rate(self.optimizer, learning_rate)
        return learning_rate

    def _tell(self, value: float) -> float:
        if self.processes == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float32, device=self.device)
        torch.distributed.broadcast(shared, 0)
        return float(shared)

    def step(self, objective: Objective, batch: Batch, state: Any) -> tuple[Step, Tensor | None]:
        """One optimizer step; what the objective gave, and the gradient's norm before clipping (None: not clipped)."""
        if self.device is not None:
            batch = batch.to(self.device)
        share = 1.0
        if self.processes > 1:
            batch, share = batch.part(self.rank, self.processes)
        given = objective(self.model, batch, state)
        self.optimizer.zero_grad(set_to_none=True)
        # Gradients are averaged over processes; weighted so, they are those of the whole batch's mean loss.
        self.backward(given.loss if self.processes == 1 else given.loss * (share * self.processes))
        norm = self.clip()
        self.optimizer.step()
        return given, norm


def place(model: nn.Module, optimizer: torch.optim.Optimizer, options: TrainingOptions) -> Placed:
    """Put model and optimizer where `options` says.

    One float32 process on one device pays for nothing: Fabric is imported for mixed precision or several processes only.
    Raises RecipeError for a device that is not there and MissingExtra where lightning-fabric is not installed.
    """
    device = device_named(options.device)
    if options.precision == "32" and options.processes == 1:
        if device is not None:
            model.to(device)
        return Placed(model, optimizer, _backward, _clip(model, options.clip_norm), device)
    if options.processes < 1:
        raise RecipeError(f"processes = {options.processes} is no number of processes; expected 1 or more.")
    if options.precision == "16-mixed" and device is None:
        raise RecipeError("precision 16-mixed needs a GPU. Use --precision bf16-mixed, or --device cuda.")
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise MissingExtra("lightning-fabric", "mixed precision and several processes", "fabric") from None
    where = device or torch.device("cpu")
    fabric = Fabric(
        accelerator=where.type, precision=options.precision, **_strategy(where, options.processes)
    )  # type: ignore[arg-type]
    fabric.launch()
    wrapped, optimizer = fabric.setup(model, optimizer)

    def clip() -> Tensor | None:
        if not options.clip_norm:
            return None
        # Fabric's own: in 16-mixed the gradients are scaled until here.
        return fabric.clip_gradients(wrapped, optimizer, max_norm=options.clip_norm, error_if_nonfinite=False)

    device = None if fabric.device.type == "cpu" else fabric.device
    return Placed(wrapped, optimizer, fabric.backward, clip, device, fabric.global_rank, options.processes)


def _strategy(where: torch.device, processes: int) -> dict[str, Any]:
    """What Fabric is told of devices and processes."""
    if processes == 1:
        return {"devices": 1 if where.index is None else [where.index]}
    if "LOCAL_RANK" not in os.environ:
        raise RecipeError(
            f"processes = {processes}: several processes are started by elman.fit or elman train, not here."
        )
    if where.type != "cpu" and torch.accelerator.device_count() < processes:
        raise RecipeError(
            f"processes = {processes}, but there are {torch.accelerator.device_count()} devices of kind {where.type}: one each is needed."
        )
    from lightning_fabric.strategies.ddp import DDPStrategy

    # Validation may take its time; a process that dies closes its connection, which ends the wait at once.
    return {"devices": processes, "strategy": DDPStrategy(timeout=timedelta(days=7), broadcast_buffers=False)}


def device_named(name: str) -> torch.device | None:
    """The device of that name, None for the CPU; RecipeError when torch does not know or see it."""
    try:
        device = torch.device(name)
        if device.type != "cpu":
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise RecipeError(
            f"device {name!r}: this torch sees no such device. Use --device cpu, or cuda, cuda:0, mps where there is one."
        ) from None
    return None if device.type == "cpu" else device


def _backward(loss: Tensor) -> None:
    loss.backward()  # type: ignore[no-untyped-call]


def _clip(model: nn.Module, limit: float) -> Callable[[], Tensor | None]:
    parameters = [one for one in model.parameters() if one.requires_grad]
    return lambda: nn.utils.clip_grad_norm_(parameters, limit) if limit else None
