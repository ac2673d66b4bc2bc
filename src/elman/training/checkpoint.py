"""Checkpoints: weights as safetensors, everything else that a resume needs beside them; written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from elman.core.errors import RunError
from elman.core.files import write_atomic

FORMAT = "1"


def save_weights(path: Path, tensors: dict[str, Tensor], **facts: Any) -> None:
    """Tensors and JSON facts in one safetensors file. Raises StorageError when the disk refuses; the old file stays."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"elman": FORMAT, "facts": json.dumps(facts)}
    write_atomic(path, lambda temporary: save_file(whole, str(temporary), metadata))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a checkpoint; RunError when it is missing, damaged, foreign or newer."""
    if not path.exists():
        raise RunError(f"no checkpoint at {path}. Train first, or name another run.")
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(str(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            f"{path} is damaged or no safetensors file ({error}). Restore it from a copy or train again."
        ) from None
    if "elman" not in metadata:
        raise RunError(f"{path} was not written by Elman. Load it with safetensors.torch.load_file.")
    if metadata["elman"] != FORMAT:
        raise RunError(
            f"{path} has format {metadata['elman']}; this version reads {FORMAT}. pip install -U elman"
        )
    return tensors, json.loads(metadata["facts"])


def load_weights(model: nn.Module, path: Path) -> dict[str, Any]:
    """Put a checkpoint's weights into `model`; RunError where names or shapes differ. Returns its facts."""
    tensors, facts = read_weights(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).partition("\n")[2].strip().partition("\n")[0]
        raise RunError(f"{path} does not fit the network of recipe.toml: {reason}") from None
    return facts


def save_state(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor], **facts: Any
) -> None:
    """The whole state of a training: weights, optimizer, torch's random state, `extra` tensors, JSON facts."""
    stored = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"extra.{name}": value for name, value in extra.items()}
    numbers: dict[str, dict[str, Any]] = {}
    for index, state in stored["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                numbers.setdefault(str(index), {})[name] = value
    tensors["random.torch"] = torch.get_rng_state()
    save_weights(path, tensors, numbers=numbers, groups=stored["param_groups"], **facts)


def load_state(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Put everything back, so that going on gives what never stopping would have given; the facts and `extra` tensors."""
    tensors, facts = read_weights(path)
    if "groups" not in facts:
        raise RunError(f"{path} holds weights only; resume needs checkpoints/last.safetensors.")
    model.load_state_dict(_below("model.", tensors))
    state: dict[int, dict[str, Any]] = {
        int(index): dict(values) for index, values in facts["numbers"].items()
    }
    for name, value in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": facts["groups"]})
    torch.set_rng_state(tensors["random.torch"])
    return facts, _below("extra.", tensors)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
