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
from elman.training.random_state import random_state, set_random_state

FORMAT = "1"


def save_weights(path: Path, tensors: dict[str, Tensor], **facts: Any) -> None:
    """Tensors and JSON facts in one safetensors file. Raises StorageError when the disk refuses; the old file stays."""
    whole, seen = {}, set[int]()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        # Tied weights are stored once under each name: safetensors knows no aliases.
        whole[name] = tensor.clone() if tensor.untyped_storage().data_ptr() in seen else tensor
        seen.add(tensor.untyped_storage().data_ptr())
    metadata = {"elman": FORMAT, "facts": json.dumps(facts)}

    def write(temporary: Path) -> None:
        try:
            save_file(whole, str(temporary), metadata)
        except SafetensorError as error:  # a full disk comes as one, too
            raise OSError(str(error)) from error

    write_atomic(path, write)


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
    try:
        facts = json.loads(metadata["facts"])
    except (KeyError, json.JSONDecodeError) as error:
        raise RunError(f"{path} is damaged ({error!r}). Restore it from a copy or train again.") from None
    return tensors, facts


def load_weights(model: nn.Module, path: Path) -> dict[str, Any]:
    """Put a checkpoint's weights into `model`; RunError where names or shapes differ. Returns its facts."""
    tensors, facts = read_weights(path)
    _fill(model, tensors, path)
    return facts


def load_model(model: nn.Module, path: Path) -> None:
    """Put a checkpoint's weights into `model`, whether it holds them alone or within the whole state of a training. RunError as `load_weights`."""
    tensors, facts = read_weights(path)
    _fill(model, _below("model.", tensors) if "groups" in facts else tensors, path)


def save_state(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Tensor], **facts: Any
) -> None:
    """The whole state of a training: weights, optimizer, random states, `extra` tensors, JSON facts."""
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
    random, random_facts = random_state()
    tensors |= {f"random.{name}": value for name, value in random.items()}
    save_weights(path, tensors, numbers=numbers, groups=stored["param_groups"], random=random_facts, **facts)


def read_state(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Facts and tensors of a whole state; RunError for a file that holds weights only."""
    tensors, facts = read_weights(path)
    if "groups" not in facts:
        raise RunError(f"{path} holds weights only; resume needs checkpoints/last.safetensors.")
    return facts, tensors


def put_state(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    facts: dict[str, Any],
    tensors: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Put back what `read_state` read, so that going on gives what never stopping would have given.

    Returns the `extra` tensors. Raises RunError where the state belongs to another network or optimizer.
    """
    _fill(model, _below("model.", tensors), path)
    state = {int(index): dict(values) for index, values in facts["numbers"].items()}
    for name, value in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    try:
        optimizer.load_state_dict({"state": state, "param_groups": facts["groups"]})
    except (ValueError, KeyError) as error:
        raise RunError(f"{path} was written with another optimizer than the recipe's: {error}.") from None
    set_random_state(_below("random.", tensors), facts.get("random", {}))
    return _below("extra.", tensors)


def _fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).partition("\n")[2].strip().partition("\n")[0]
        raise RunError(f"{path} does not fit the network of recipe.toml: {reason}") from None


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
