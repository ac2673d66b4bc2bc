"""Optimizers by name; weights decay, biases, norms and embeddings do not."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from elman.core.recipe import TrainingOptions


def make_optimizer(model: nn.Module, options: TrainingOptions, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), Adam, SGD with momentum 0.9, or RMSprop."""
    plain = {
        id(p)
        for module in model.modules()
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm))
        for p in module.parameters()
    }
    decayed = [p for p in model.parameters() if p.requires_grad and p.dim() > 1 and id(p) not in plain]
    others = [p for p in model.parameters() if p.requires_grad and not (p.dim() > 1 and id(p) not in plain)]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": options.weight_decay}]
    groups.append({"params": others, "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    # One pass over memory a step instead of ten; in 16-mixed the gradients must stay scaled until Fabric has clipped them.
    fused = options.precision != "16-mixed"
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, learning_rate, momentum=0.9, nesterov=True, fused=fused)
    if options.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, learning_rate)
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, learning_rate, fused=fused)
    return torch.optim.AdamW(groups, learning_rate, fused=fused)


def set_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """The same learning rate for all groups."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
