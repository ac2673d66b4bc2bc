"""Device, precision and several processes: lightning-fabric where asked for, nothing at all where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from elman.core.errors import MissingExtra, RecipeError
from elman.core.recipe import TrainingOptions


def place(
    model: nn.Module, optimizer: torch.optim.Optimizer, options: TrainingOptions
) -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor], Any], torch.device | None]:
    """Model and optimizer where they shall run, the backward call, and the device batches must move to (None: stay).

    One float32 process on one device pays for nothing: Fabric is imported for mixed precision or several processes only.
    """
    if options.device != "cpu" and not torch.cuda.is_available() and options.device.startswith("cuda"):
        raise RecipeError(f"device {options.device!r}: this torch sees no CUDA device. Use --device cpu.")
    if options.precision == "32" and options.processes == 1:
        device = None if options.device == "cpu" else torch.device(options.device)
        if device is not None:
            model.to(device)
        return model, optimizer, lambda loss: loss.backward(), device  # type: ignore[no-untyped-call]
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise MissingExtra("lightning-fabric", "mixed precision or several processes", "fabric") from None
    accelerator = options.device.partition(":")[0]
    fabric = Fabric(accelerator=accelerator, devices=options.processes, precision=options.precision)  # type: ignore[arg-type]
    fabric.launch()
    wrapped, optimizer = fabric.setup(model, optimizer)
    return wrapped, optimizer, fabric.backward, fabric.device
