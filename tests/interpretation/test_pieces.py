"""Reading in pieces: what the whole gives, with its gradients; told on the way, ended by what it raises, nothing left."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from elman.interpretation.editing import clamp, edited
from elman.interpretation.pieces import in_pieces
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


def test_torch_layers_are_told_of_when_they_are_through() -> None:
    rnn, steps = torch.nn.LSTM(3, 4, batch_first=True), []
    x = torch.randn(2, 7, 3)
    wanted = rnn(x)[0]
    with in_pieces(rnn, steps.append, size=2):
        torch.testing.assert_close(rnn(x)[0], wanted)
    assert steps == [14]
    rnn(x)
    assert steps == [14]


def test_steps_of_an_edit_are_those_of_the_whole() -> None:
    rnn = network("gru")
    x = torch.randn(1, TIME, 3)
    edit = clamp("layers.0.forward.h", [1], 0.7, [20, 21])
    with torch.no_grad(), edited(rnn, edit):
        wanted = rnn(x)[0]
        with in_pieces(rnn, size=8):
            torch.testing.assert_close(rnn(x)[0], wanted)
    assert not torch.allclose(wanted, rnn(x)[0])
