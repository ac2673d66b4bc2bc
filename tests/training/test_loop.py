"""The loop: it learns, stops, resumes exactly, keeps what is good when things go wrong."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from elman.core.errors import DataError, TrainingDiverged
from elman.core.recipe import ModelOptions, TrainingOptions
from elman.encoding.streams import StreamFeed
from elman.models.network import TokenNetwork
from elman.training.checkpoint import read_weights
from elman.training.history import Measured
from elman.training.loop import Step, fit

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
        batch = next(FEED.batches(1)).to(next(model.parameters()).device)
        loss = objective(model, batch, None).loss.item()
    model.train()
    return Measured({"nats": loss}, "nats", False)


def run(folder, options=OPTIONS, model=None, feed=FEED, objective=objective, **more):
    model = model or network()
    torch.manual_seed(5)
    return model, fit(model, objective, feed, options, validate=validate, folder=folder, **more)


class Interrupting:
    """FEED, but instead of batch `at` comes `what`: a KeyboardInterrupt, or a call."""

    def __init__(self, at, what=None):
        self.at, self.what, self.given = at, what, 0

    def __len__(self):
        return len(FEED)

    def steps(self, batch_size):
        return FEED.steps(batch_size)

    def batches(self, batch_size, shuffle=None):
        for batch in FEED.batches(batch_size, shuffle):
            self.given += 1
            if self.given == self.at:
                if self.what is None:
                    raise KeyboardInterrupt
                self.what()
            yield batch


def test_it_learns_and_ends_with_the_best_weights(tmp_path):
    model, history = run(tmp_path, replace(OPTIONS, steps=120, learning_rate=0.03))
    assert history.best_value < 0.5 < history.rows[0]["nats"]
    assert validate(model).value == pytest.approx(history.best_value)
    assert history.stopped == "finished" and history.steps == 120
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [20, 40, 60, 80, 100, 120]
    assert list(tmp_path.glob("events*"))
    assert history.steps_per_second > 0 and history.tokens_per_second > history.steps_per_second


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
    history = fit(again, objective, FEED, options, validate=validate, folder=tmp_path / "cut", resume=True)
    first, second = (
        read_weights(tmp_path / name / "checkpoints" / "last.safetensors")[0] for name in ("whole", "cut")
    )
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)
    rows = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [
        4,
        8,
        12,
        16,
        20,
        24,
    ]  # 16 was logged, lost and done again: one row
    assert [row["step"] for row in history.rows] == [4, 8, 12, 16, 20, 24]


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_resume_is_exact_after_an_interrupt_for(tmp_path, optimizer):
    options = replace(OPTIONS, optimizer=optimizer)
    whole, _ = run(tmp_path / "whole", options)
    run(tmp_path / "cut", options, feed=Interrupting(10))
    cut = network()
    history = fit(cut, objective, FEED, options, validate=validate, folder=tmp_path / "cut", resume=True)
    assert history.stopped == "finished" and history.steps == 24
    first, second = (
        read_weights(tmp_path / name / "checkpoints" / "last.safetensors")[0] for name in ("whole", "cut")
    )
    for name in first:
        if name.startswith(("model.", "optimizer.", "random.torch")):
            torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def test_resuming_what_is_finished_changes_nothing(tmp_path):
    model, first = run(tmp_path)
    again = network()
    second = fit(again, objective, FEED, OPTIONS, validate=validate, folder=tmp_path, resume=True)
    assert (second.steps, second.best_step, second.rows) == (first.steps, first.best_step, first.rows)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)


def test_a_new_training_in_an_old_folder_inherits_nothing(tmp_path):
    run(tmp_path)
    run(tmp_path)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 6

    def blind(model):
        return Measured({"nats": float("nan")}, "nats", False)

    with pytest.raises(TrainingDiverged, match="no validation gave a number"):
        fit(network(), objective, FEED, OPTIONS, validate=blind, folder=tmp_path)


def test_patience(tmp_path):
    _, history = run(tmp_path, replace(OPTIONS, steps=400, validations=100, patience=2, learning_rate=1e-9))
    assert history.stopped == "patience" and history.steps < 400


def test_patience_outlasts_a_resume(tmp_path):
    options = replace(OPTIONS, steps=400, validations=100, patience=2, learning_rate=1e-9)
    _, first = run(tmp_path, options)
    second = fit(network(), objective, FEED, options, validate=validate, folder=tmp_path, resume=True)
    assert second.stopped == "patience" and second.steps == first.steps


def test_an_interrupt_validates_saves_and_says_so(tmp_path):
    _, history = run(tmp_path, feed=Interrupting(10))
    assert history.stopped == "interrupted" and history.steps == 9 and history.rows[-1]["step"] == 9
    assert (tmp_path / "checkpoints" / "best.safetensors").exists()


def test_an_interrupt_before_the_first_step(tmp_path):
    _, history = run(tmp_path, feed=Interrupting(1))
    assert history.stopped == "interrupted" and history.steps == 0 and history.rows[0]["train_loss"] is None


def test_control_c_lets_the_step_finish(tmp_path):
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    _, history = run(tmp_path, feed=Interrupting(10, lambda: signal.raise_signal(signal.SIGINT)))
    assert history.stopped == "interrupted" and history.steps == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_control_c_ends_it_at_once(tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    # The second is a KeyboardInterrupt in the feed: that step does not count.
    _, history = run(tmp_path, feed=Interrupting(10, twice))
    assert history.stopped == "interrupted" and history.steps == 9


def test_it_runs_in_a_thread_where_signals_do_not_arrive(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(run(tmp_path)[1].stopped))
    thread.start()
    thread.join()
    assert found == ["finished"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_keeps_the_last_good_weights(tmp_path, bad):
    calls, model = [], network()

    def failing(model, batch, state):
        calls.append(1)
        step = objective(model, batch, state)
        return step if len(calls) < 10 else step._replace(loss=step.loss * bad)

    with pytest.raises(TrainingDiverged, match=r"of step 8, are in .*Try --learning-rate 0.003"):
        run(tmp_path, model=model, objective=failing)
    kept, _ = read_weights(tmp_path / "checkpoints" / "best.safetensors")
    for name, value in model.state_dict().items():
        assert torch.isfinite(value).all() and torch.equal(value, kept[name])
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 8, 10] and rows[-1]["train_loss"] is None


def test_a_gradient_that_is_no_number_is_not_saved(tmp_path):
    calls, model = [], network()

    def failing(model, batch, state):
        calls.append(1)
        step = objective(model, batch, state)
        if (
            len(calls) == 8
        ):  # the last step before a validation: its loss is fine, the weights after it are not
            step.loss.register_hook(lambda gradient: gradient * float("nan"))
        return step

    with pytest.raises(TrainingDiverged, match="the gradient is not a number at step 8"):
        run(tmp_path, model=model, objective=failing)
    for name in ("best", "last"):
        tensors, _ = read_weights(tmp_path / "checkpoints" / f"{name}.safetensors")
        assert all(torch.isfinite(value).all() for value in tensors.values() if value.is_floating_point())


def test_a_feed_without_examples(tmp_path):
    class Empty(Interrupting):
        def batches(self, batch_size, shuffle=None):
            yield from ()

    with pytest.raises(DataError, match="no example"):
        run(tmp_path, feed=Empty(0))


def test_the_training_loss_weighs_batches_by_their_examples(tmp_path):
    seen = []

    def weighing(model, batch, state):
        step = objective(model, batch, state)
        seen.append((step.loss.item(), len(seen) % 4 + 1))
        return step._replace(examples=seen[-1][1])

    _, history = run(tmp_path, objective=weighing)
    for number, row in enumerate(history.rows):
        losses, counts = zip(*seen[4 * number : 4 * number + 4])
        assert row["train_loss"] == pytest.approx(np.average(losses, weights=counts), rel=1e-6)


def test_tensorboard_reads_the_events(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, history = run(tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    scalars = events.Scalars("nats")
    assert [one.step for one in scalars] == [row["step"] for row in history.rows]
    assert [one.value for one in scalars] == pytest.approx([row["nats"] for row in history.rows])
    assert scalars[0].wall_time > 1e9  # the time of day, not since the start


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
