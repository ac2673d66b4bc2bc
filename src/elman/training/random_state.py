"""Every random state a step may draw from, as tensors and JSON, and back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def random_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (torch, each CUDA device in use, NumPy's global state) and what is no tensor."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, gauss_next = random.getstate()
    tensors = {"torch": torch.get_rng_state(), "numpy": torch.from_numpy(np.array(keys, np.int64))}
    tensors["python"] = torch.tensor(words, dtype=torch.int64)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        tensors |= {f"cuda{n}": state for n, state in enumerate(torch.cuda.get_rng_state_all())}
    facts = {"numpy": [name, int(position), int(has_gauss), float(gauss)], "python": [version, gauss_next]}
    return tensors, facts


def set_random_state(tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put back what `random_state` took; what is not there is left as it is."""
    if "torch" in tensors:
        torch.set_rng_state(tensors["torch"])
    if "numpy" in tensors:
        name, position, has_gauss, gauss = facts["numpy"]
        np.random.set_state((name, tensors["numpy"].numpy().astype(np.uint32), position, has_gauss, gauss))
    if "python" in tensors:
        version, gauss_next = facts["python"]
        random.setstate((version, tuple(tensors["python"].tolist()), gauss_next))
    for number in range(torch.cuda.device_count()):
        if f"cuda{number}" in tensors:
            torch.cuda.set_rng_state(tensors[f"cuda{number}"], number)


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Whatever is drawn inside, what follows draws as if it had not been."""
    before = random_state()
    try:
        yield
    finally:
        set_random_state(*before)
