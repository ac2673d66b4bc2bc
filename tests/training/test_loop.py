"""The loop: it learns, stops, resumes exactly, keeps what is good when things go wrong."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.errors import RecipeError, RunError, StorageError, TrainingDiverged
from elman.core.recipe import ModelOptions, TrainingOptions
from elman.encoding.streams import StreamFeed
from elman.models.network import TokenNetwork
from elman.training.budget import seconds
from elman.training.checkpoint import load_weights, read_weights
from elman.training.find_rate import find_rate
from elman.training.history import Measured
from elman.training.loop import Step, fit
from elman.training.schedule import factor

OPTIONS = TrainingOptions(batch_size=4, learning_rate=0.01, steps=24, validations=6, warmup=0.1)


def network():
    torch.manual_seed(0)
    return TokenNetwork(
        ModelOptions(cell="lstm", hidden_size=8, embedding_size=4, dropout=0.1), 5, 5, pooling="none"
    )


FEED = StreamFeed(np.tile([2, 3, 4, 2, 4, 3], 60), 7)


def objective(model, batch, state):
    output = model(batch.inputs, None, state)
    return Step(
        nn.functional.cross_entropy(output.values.flatten(0, 1), batch.targets.flatten(), ignore_index=-100),
        1,
        output.state,
    )


def validate(model):
    model.eval()
    with torch.no_grad():
        batch = next(FEED.batches(1))
        loss = objective(model, batch, None).loss.item()
    model.train()
    return Measured({"nats": loss}, "nats", False)


def run(folder, options=OPTIONS, model=None, **more):
    model = model or network()
    torch.manual_seed(5)
    return model, fit(model, objective, FEED, options, validate=validate, folder=folder, **more)


def test_it_learns_and_ends_with_the_best_weights(tmp_path):
    model, history = run(tmp_path, replace(OPTIONS, steps=120, learning_rate=0.03))
    assert history.best_value < 0.5 < history.rows[0]["nats"]
    assert validate(model).value == pytest.approx(history.best_value)
    assert history.stopped == "finished" and history.steps == 120
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [20, 40, 60, 80, 100, 120]
    assert list(tmp_path.glob("events*"))


class Stop(Exception):
    pass


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_resume_is_exact(tmp_path, average, schedule):
    options = replace(OPTIONS, average=average, schedule=schedule)
    whole, _ = run(tmp_path / "whole", options)

    def crash(model, row):
        if row["step"] == 16:
            raise Stop

    with pytest.raises(Stop):  # after the row, before its checkpoint: the process dies
        run(tmp_path / "cut", options, callbacks=[crash])
    torch.manual_seed(999)
    again = network()
    fit(again, objective, FEED, options, validate=validate, folder=tmp_path / "cut", resume=True)
    first, second = (
        read_weights(tmp_path / name / "checkpoints" / "last.safetensors")[0] for name in ("whole", "cut")
    )
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def test_patience(tmp_path):
    _, history = run(tmp_path, replace(OPTIONS, steps=400, validations=100, patience=2, learning_rate=1e-9))
    assert history.stopped == "patience" and history.steps < 400


def test_interrupt_validates_saves_and_says_so(tmp_path):
    calls = []

    def interrupting(model, batch, state):
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return objective(model, batch, state)

    history = fit(network(), interrupting, FEED, OPTIONS, validate=validate, folder=tmp_path)
    assert history.stopped == "interrupted" and history.steps == 9 and history.rows[-1]["step"] == 9
    assert (tmp_path / "checkpoints" / "best.safetensors").exists()


def test_a_loss_that_is_no_number_keeps_the_last_good_weights(tmp_path):
    calls = []

    def failing(model, batch, state):
        calls.append(1)
        step = objective(model, batch, state)
        return step if len(calls) < 10 else step._replace(loss=step.loss * float("nan"))

    with pytest.raises(TrainingDiverged, match="Try --learning-rate 0.003"):
        fit(network(), failing, FEED, OPTIONS, validate=validate, folder=tmp_path)
    tensors, _ = read_weights(tmp_path / "checkpoints" / "best.safetensors")
    assert all(torch.isfinite(value).all() for value in tensors.values())


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    run(tmp_path)
    before = (tmp_path / "checkpoints" / "best.safetensors").read_bytes()

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        run(tmp_path)
    assert (tmp_path / "checkpoints" / "best.safetensors").read_bytes() == before
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_bad_checkpoints_are_told_apart(tmp_path):
    run(tmp_path)
    path = tmp_path / "checkpoints" / "best.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="damaged"):
        load_weights(network(), path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(RunError, match="not written by Elman"):
        load_weights(network(), path)
    save_file({"a": torch.zeros(1)}, path, {"elman": "99", "facts": "{}"})
    with pytest.raises(RunError, match="format 99"):
        load_weights(network(), path)
    save_file({"a": torch.zeros(1)}, path, {"elman": "1", "facts": "{}"})
    with pytest.raises(RunError, match="does not fit"):
        load_weights(network(), path)
    with pytest.raises(RunError, match="no checkpoint"):
        load_weights(network(), tmp_path / "none")


def test_the_carried_state_is_detached_and_dropped_at_a_new_pass(tmp_path):
    seen = []

    def watching(model, batch, state):
        seen.append((batch.start, state is None))
        assert state is None or not any(
            part.requires_grad for layer in state for one in layer for part in one
        )
        return objective(model, batch, state)

    fit(network(), watching, FEED, replace(OPTIONS, steps=30), validate=validate, folder=tmp_path)
    assert all(start == fresh for start, fresh in seen) and {start for start, _ in seen} == {True, False}


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("0.5h", 1800)])
def test_budgets(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "0s"])
def test_bad_budgets(text):
    with pytest.raises(RecipeError, match="expected e.g. 90s"):
        seconds(text)


def test_a_budget_becomes_steps_and_leaves_the_model_alone(tmp_path):
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    from elman.training.loop import total_steps

    steps = total_steps(model, objective, FEED, replace(OPTIONS, steps=None, budget="2s"), validate)
    assert steps > 10
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_schedules():
    assert [factor("one_cycle", step, 100, 0.1) for step in (0, 9, 10)] == pytest.approx([0.1, 1.0, 1.0])
    assert factor("one_cycle", 99, 100, 0.1) == pytest.approx(0.021)
    assert factor("constant", 50, 100, 0.0) == 1.0
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    torch_cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.01)
    for step in range(50):
        assert factor("cosine", step, 50, 0.0) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        torch_cosine.step()


def test_the_rate_finder_leaves_the_model_alone():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = find_rate(model, objective, FEED, OPTIONS)
    assert 1e-5 < found.suggested < 1
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
