"""Reading in pieces: what the whole gives, with its gradients; told on the way, ended by what it raises, nothing left."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from elman.interpretation.editing import clamp, edited
from elman.interpretation.pieces import in_pieces, runs_whole
from elman.models.observe import observe
from elman.models.rnn import RNN

CELLS = ("lstm", "gru", "rnn", "mingru", "lru")
TIME = 53


def network(cell: str, **options: Any) -> RNN:
    torch.manual_seed(0)
    return RNN(cell, 3, 6, num_layers=2, **options).eval()


@pytest.mark.parametrize(
    "options", [{}, {"bidirectional": True}, {"zoneout": 0.3, "learned_initial_state": True}]
)
@pytest.mark.parametrize("cell", CELLS)
def test_pieces_give_what_the_whole_gives(cell: str, options: dict[str, Any]) -> None:
    rnn = network(cell, **options)
    x = torch.randn(2, TIME, 3)
    steps: list[float] = []
    found = []
    for size in (None, 16):
        given = x.clone().requires_grad_(True)
        if size is None:
            output, trace = rnn(given)[0], rnn.trace(x)
        else:
            with in_pieces(rnn, steps.append, size=size):
                output = rnn(given)[0]
                assert sum(steps) == pytest.approx(2 * TIME)
                trace = rnn.trace(x)
        (slope,) = torch.autograd.grad(output.square().sum(), given)
        found.append((output, slope, trace))
    (whole, slope, trace), (parts, other, seen) = found
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other, slope, rtol=1e-4, atol=1e-5)
    assert list(seen) == list(trace) and len(steps) == 2 * len(rnn.directions) * 2 * -(-TIME // 8)
    for name in trace:
        torch.testing.assert_close(seen[name], trace[name], rtol=1e-5, atol=1e-6)


def test_only_the_readings_that_are_asked_for_are_held() -> None:
    rnn = network("lstm", bidirectional=True)
    x = torch.randn(1, TIME, 3)
    with in_pieces(rnn, size=10, only=["encoder.layers.1.backward.forget_gate"]):
        found = rnn.trace(x)
    assert list(found) == ["layers.1.backward.forget_gate"]
    torch.testing.assert_close(
        found["layers.1.backward.forget_gate"], rnn.trace(x)["layers.1.backward.forget_gate"]
    )


def test_with_gradients_the_gates_of_one_piece_are_held() -> None:
    rnn = network("gru").requires_grad_(False)
    x = torch.randn(1, 2000, 3, requires_grad=True)

    def held(size: int | None) -> int:
        seen: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with saved_tensors_hooks(pack, lambda tensor: tensor):
            if size is None:
                rnn(x)[0].sum().backward()
            else:
                with in_pieces(rnn, size=size):
                    rnn(x)[0].sum().backward()
        return sum(seen.values())

    assert held(50) < held(None) / 3


def test_what_told_raises_ends_it_and_nothing_is_left() -> None:
    rnn, count = network("lstm"), [0]

    def told(steps: float) -> None:
        count[0] += 1
        if count[0] == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError), in_pieces(rnn, told, size=8):
        rnn(torch.randn(1, TIME, 3))
    assert count == [2] and "_answer" not in rnn.__dict__
    with in_pieces(rnn, told, size=8):
        with in_pieces(rnn, size=4):
            pass
        rnn(torch.randn(1, TIME, 3))
    assert count[0] == 2 + 2 * 7 and "_answer" not in rnn.__dict__


def test_lengths_and_resets_run_whole() -> None:
    rnn, steps = network("gru"), []
    x, lengths = torch.randn(2, 9, 3), torch.tensor([9, 4])
    reset = torch.zeros(2, 9, dtype=torch.bool)
    reset[1, 5] = True
    wanted = rnn(x, lengths=lengths)[0], rnn(x, reset=reset)[0]
    with in_pieces(rnn, steps.append, size=2):
        torch.testing.assert_close(rnn(x, lengths=lengths)[0], wanted[0])
        torch.testing.assert_close(rnn(x, reset=reset)[0], wanted[1])
    assert steps == [9, 9, 9, 9]


class Foreign(nn.Module):
    """A model of somebody else's: layers of torch.nn inside."""

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.core = kind(3, 6, **options)

    def forward(self, x: torch.Tensor, *state: Any) -> Any:
        return self.core(x, *state)


def starting(model: Foreign, rows: int) -> Any:
    """A state to start from, not 0."""
    h = torch.randn(model.core.num_layers, rows, model.core.proj_size or 6)
    return (h, torch.randn(model.core.num_layers, rows, 6)) if isinstance(model.core, nn.LSTM) else h


@pytest.mark.parametrize(
    "options", [{"batch_first": True}, {"num_layers": 2, "dropout": 0.3}, {"bias": False}], ids=str
)
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, partial(nn.LSTM, proj_size=4)])
def test_torch_layers_in_pieces_give_what_the_whole_gives(kind: Any, options: dict[str, Any]) -> None:
    model = Foreign(kind, **options).eval()
    x = torch.randn(2, TIME, 3) if model.core.batch_first else torch.randn(TIME, 2, 3)
    state, steps, found = starting(model, 2), [], []
    for size in (None, 16):
        given, gates = x.clone().requires_grad_(True), {}
        with in_pieces(model, steps.append, size=size) if size else nullcontext():
            for start in ((), (state,)):
                output, end = model(given, *start)
            with torch.no_grad():
                plain = model(x, state)[0]
            if model.core.bias:
                with observe(model) as seen, torch.no_grad():
                    model(x, state)
                gates = dict(seen)
        parts = end if isinstance(end, tuple) else (end,)
        slopes = torch.autograd.grad(output.square().sum() + sum(part.sum() for part in parts), given)
        found.append([output, plain, *parts, *slopes, *gates.values()])
    assert sum(steps) == pytest.approx((4 if model.core.bias else 3) * 2 * TIME)
    assert len(steps) > 3 * 2 * TIME / 16
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    assert not {"forward", "_answering"} & set(vars(model.core))


def test_a_sequence_without_a_batch_is_read_in_pieces_by_torch_layers() -> None:
    model, steps = Foreign(nn.GRU, batch_first=True), []
    x = torch.randn(TIME, 3)
    wanted = model(x)
    with in_pieces(model, steps.append, size=10):
        for one, two in zip(model(x), wanted, strict=True):
            torch.testing.assert_close(one, two)
    assert steps == [10, 10, 10, 10, 10, 3]


class Own(nn.LSTM):
    """A layer with a `forward` of its own."""

    def forward(self, x: torch.Tensor, hx: Any = None) -> Any:
        return super().forward(x - x.mean(0, keepdim=True), hx)


def test_torch_layers_that_cannot_be_cut_run_whole() -> None:
    x = torch.randn(7, 2, 3)
    for model in (
        Foreign(nn.LSTM, bidirectional=True),
        Foreign(Own),
        Foreign(nn.GRU, num_layers=2, dropout=0.5),
    ):
        steps: list[float] = []
        torch.manual_seed(1)
        wanted = model(x)[0]
        torch.manual_seed(1)
        with in_pieces(model, steps.append, size=2):
            torch.testing.assert_close(model(x)[0], wanted)
        assert steps == [14] and runs_whole(model.core)
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([7, 4]))
    model, steps = Foreign(nn.GRU), []
    wanted = model(packed)[0].data
    with in_pieces(model, steps.append, size=2):
        torch.testing.assert_close(model(packed)[0].data, wanted)
    assert steps == [11] and not runs_whole(model.core)


def test_a_loop_over_cells_is_told_of_after_each_step() -> None:
    model, steps = nn.ModuleList([nn.LSTMCell(3, 4), nn.LSTMCell(4, 4)]), []
    with in_pieces(model, steps.append):
        for _ in range(5):
            h, _ = model[0](torch.randn(2, 3))
            model[1](h)
    assert sum(steps) == pytest.approx(10) and len(steps) == 10


def test_only_what_is_asked_for_is_held_of_a_torch_layer() -> None:
    model = Foreign(nn.LSTM, batch_first=True)
    x = torch.randn(1, TIME, 3)
    with observe(model) as seen:
        model(x)
    with in_pieces(model, size=10, only=["core.layers.0.forward.forget_gate"]), observe(model) as some:
        model(x)
    name = "core.layers.0.forward.forget_gate"
    assert list(some) == [name]
    torch.testing.assert_close(some[name], seen[name])


def test_edits_of_a_torch_layer_are_ended_on_their_way() -> None:
    model, count = Foreign(nn.GRU, batch_first=True), [0]

    def told(steps: float) -> None:
        count[0] += 1
        if count[0] == 8:  # six pieces of the layer itself, and two of the copy that is edited
            raise TimeoutError

    x, edit = torch.randn(1, TIME, 3), clamp("layers.0.forward.h", [1], 0.7, [20, 21])
    with torch.no_grad(), edited(model, edit):
        wanted = model(x)[0]
    with torch.no_grad(), in_pieces(model, size=10), edited(model, edit):
        torch.testing.assert_close(model(x)[0], wanted)
    with torch.no_grad(), pytest.raises(TimeoutError), in_pieces(model, told, size=10), edited(model, edit):
        model(x)
    assert not {"forward", "_answering"} & set(vars(model.core))


def test_with_gradients_a_torch_layer_holds_the_gates_of_one_piece() -> None:
    model = Foreign(nn.GRU, batch_first=True).requires_grad_(False)
    x = torch.randn(1, 2000, 3, requires_grad=True)

    def held(size: int | None) -> int:
        seen: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with (
            saved_tensors_hooks(pack, lambda tensor: tensor),
            in_pieces(model, size=size) if size else nullcontext(),
        ):
            model(x)[0].sum().backward()
        return sum(seen.values())

    assert held(50) < held(None) / 3


def test_steps_of_an_edit_are_those_of_the_whole() -> None:
    rnn = network("gru")
    x = torch.randn(1, TIME, 3)
    edit = clamp("layers.0.forward.h", [1], 0.7, [20, 21])
    with torch.no_grad(), edited(rnn, edit):
        wanted = rnn(x)[0]
        with in_pieces(rnn, size=8):
            torch.testing.assert_close(rnn(x)[0], wanted)
    assert not torch.allclose(wanted, rnn(x)[0])
