"""Checkpoints: told apart when bad, whole when the disk is full, exact when good."""

from __future__ import annotations

import errno
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from elman.core.errors import RunError, StorageError
from elman.training.checkpoint import load_weights, read_weights, save_weights
from elman.training.loop import fit
from elman.training.random_state import random_state, set_random_state, untouched_random_state

from .test_loop import FEED, OPTIONS, network, objective, run, validate


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch, where):
    run(tmp_path)
    before = (tmp_path / "checkpoints" / "best.safetensors").read_bytes()
    whole = getattr(os, where)

    def full(first, *more):
        if where == "replace" and "safetensors" not in str(first):
            return whole(first, *more)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, where, full)
    with pytest.raises(StorageError, match="No space left"):
        run(tmp_path)
    assert (tmp_path / "checkpoints" / "best.safetensors").read_bytes() == before
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_a_disk_that_fills_up_as_weights_are_written(tmp_path, monkeypatch):
    """safetensors has an error of its own for it, which is no OSError."""

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    path = tmp_path / "best.safetensors"
    save_weights(path, {"a": torch.zeros(2)})
    before = path.read_bytes()
    monkeypatch.setattr("elman.training.checkpoint.save_file", full)
    with pytest.raises(StorageError, match="cannot write .*best.safetensors: .*No space left.*intact"):
        save_weights(path, {"a": torch.ones(2)})
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_disk_too_full_for_a_line_of_metrics(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(model):
        monkeypatch.setattr(os, "write", full)
        return validate(model)

    with pytest.raises(StorageError, match=r"metrics.jsonl: No space left.*intact"):
        fit(network(), objective, FEED, OPTIONS, validate=fill, folder=tmp_path)


def test_a_disk_that_is_really_full(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    run(tmp_path)
    os.unlink(tmp_path / "metrics.jsonl")
    os.symlink("/dev/full", tmp_path / "metrics.jsonl")
    from elman.training.log import Log

    log = Log.__new__(Log)
    log.path, log.rows = tmp_path / "metrics.jsonl", []
    with pytest.raises(StorageError, match="No space left"):
        log.write({"step": 1})


def test_bad_checkpoints_are_told_apart(tmp_path):
    run(tmp_path)
    path = tmp_path / "checkpoints" / "best.safetensors"
    whole = path.read_bytes()
    for cut in (len(whole) // 2, 5, 0):
        path.write_bytes(whole[:cut])
        with pytest.raises(RunError, match="damaged"):
            load_weights(network(), path)
    for metadata, message in (
        (None, "not written by Elman"),
        ({"elman": "99", "facts": "{}"}, "format 99"),
        ({"elman": "1", "facts": "{"}, "damaged"),
        ({"elman": "1"}, "damaged"),
        ({"elman": "1", "facts": "{}"}, "does not fit"),
    ):
        save_file({"a": torch.zeros(1)}, path, metadata)
        with pytest.raises(RunError, match=message):
            load_weights(network(), path)
    with pytest.raises(RunError, match="no checkpoint"):
        load_weights(network(), tmp_path / "none")


def resume(folder, model=None, feed=FEED, options=OPTIONS):
    return fit(model or network(), objective, feed, options, validate=validate, folder=folder, resume=True)


def test_resuming_something_else_is_refused(tmp_path):
    run(tmp_path)
    last = tmp_path / "checkpoints" / "last.safetensors"
    with pytest.raises(RunError, match="batch_size = 4, now it is 5"):
        resume(tmp_path, options=replace(OPTIONS, batch_size=5))
    with pytest.raises(RunError, match="another optimizer|does not fit"):
        resume(tmp_path, nn.Linear(2, 2))
    tensors, _ = read_weights(tmp_path / "checkpoints" / "best.safetensors")
    save_weights(last, tensors)
    with pytest.raises(RunError, match="weights only"):
        resume(tmp_path)
    last.unlink()
    with pytest.raises(RunError, match="no checkpoint"):
        resume(tmp_path)


def test_tied_weights_are_kept_under_both_names(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Embedding(3, 2), nn.Linear(2, 3, bias=False)
            self.second.weight = self.first.weight

    one, other = Tied(), Tied()
    save_weights(tmp_path / "tied.safetensors", one.state_dict())
    load_weights(other, tmp_path / "tied.safetensors")
    assert torch.equal(one.first.weight, other.first.weight) and other.second.weight is other.first.weight


def test_every_random_state_comes_back():
    def draw():
        return torch.rand(1).item(), np.random.rand(), np.random.randn(), random.random(), random.gauss()

    np.random.randn(), random.gauss()  # so that both keep half a pair of normals
    tensors, facts = random_state()
    first = draw()
    draw()
    set_random_state(tensors, facts)
    assert draw() == first
    set_random_state(tensors, facts)
    with untouched_random_state():
        draw()
    assert draw() == first
