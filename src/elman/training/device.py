"""Device, precision and several processes: lightning-fabric where asked for, nothing at all where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.core.errors import MissingExtra, RecipeError
from elman.core.recipe import TrainingOptions
from elman.encoding.batch import Batch
from elman.training.objective import Objective, Step


@dataclass(frozen=True)
class Placed:
    """Model and optimizer where they run. `device` is None when batches can stay where they are."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    backward: Callable[[Tensor], Any]
    clip: Callable[[], Tensor | None]
    device: torch.device | None

    def step(self, objective: Objective, batch: Batch, state: Any) -> tuple[Step, Tensor | None]:
        """One optimizer step; what the objective gave, and the gradient's norm before clipping (None: not clipped)."""
        if self.device is not None:
            batch = batch.to(self.device)
        given = objective(self.model, batch, state)
        self.optimizer.zero_grad(set_to_none=True)
        self.backward(given.loss)
        norm = self.clip()
        self.optimizer.step()
        return given, norm


def place(model: nn.Module, optimizer: torch.optim.Optimizer, options: TrainingOptions) -> Placed:
    """Put model and optimizer where `options` says.

    One float32 process on one device pays for nothing: Fabric is imported for mixed precision or several processes only.
    Raises RecipeError for a device that is not there and MissingExtra where lightning-fabric is not installed.
    """
    device = _device(options.device)
    if options.precision == "32" and options.processes == 1:
        if device is not None:
            model.to(device)
        return Placed(model, optimizer, _backward, _clip(model, options.clip_norm), device)
    if options.processes != 1:
        raise RecipeError(
            f"processes = {options.processes}: a run is one process in this version. "
            "Use --processes 1, and several runs side by side for several seeds."
        )
    if options.precision == "16-mixed" and device is None:
        raise RecipeError("precision 16-mixed needs a GPU. Use --precision bf16-mixed, or --device cuda.")
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise MissingExtra("lightning-fabric", "mixed precision", "fabric") from None
    where = device or torch.device("cpu")
    devices: int | list[int] = 1 if where.index is None else [where.index]
    fabric = Fabric(accelerator=where.type, devices=devices, precision=options.precision)  # type: ignore[arg-type]
    fabric.launch()
    wrapped, optimizer = fabric.setup(model, optimizer)

    def clip() -> Tensor | None:
        if not options.clip_norm:
            return None
        # Fabric's own: in 16-mixed the gradients are scaled until here.
        return fabric.clip_gradients(wrapped, optimizer, max_norm=options.clip_norm, error_if_nonfinite=False)

    return Placed(wrapped, optimizer, fabric.backward, clip, fabric.device)


def _device(name: str) -> torch.device | None:
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
