"""Gates set from outside: what the cell makes of them is what its equations say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elman.cells.contract import Cell
from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError, UnknownName
from elman.interpretation.editing import clamp, edited, gates_of, parts, patch
from elman.models.rnn import RNN


def network_of(cell, *, layers=1, **options):
    torch.manual_seed(0)
    return RNN(cell, 3, 4, layers, **options).double().eval()


X = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("cell", list(catalogue("cells")))
@pytest.mark.parametrize("options", [{}, {"layers": 2, "bidirectional": True}])
def test_an_edit_that_changes_nothing_sees_what_a_trace_shows(cell, options):
    network, seen = network_of(cell, **options), {}
    lengths = torch.tensor([7, 3, 7, 1, 7])
    expected, trace = network(X, lengths=lengths)[0], network.trace(X, lengths=lengths)

    def look(name, step, values):
        seen.setdefault(name, []).append(values)
        return values

    with edited(network, look, gates=True), torch.no_grad():
        torch.testing.assert_close(network(X, lengths=lengths)[0], expected)
    assert set(seen) == set(parts(network)) | set(gates_of(network))
    for name in gates_of(network):
        assert len(seen[name]) == 7
        if "forward" in name:
            torch.testing.assert_close(torch.stack(seen[name], 1)[0], trace[name][0])


@pytest.mark.parametrize("cell", list(catalogue("cells")))
def test_every_gate_and_candidate_of_every_cell_is_felt(cell):
    network = network_of(cell)
    plain = network(X)[0]
    for name in gates_of(network):
        with edited(network, clamp(name, [1], 0.3, steps=[2])), torch.no_grad():
            found, _ = network(X)
        torch.testing.assert_close(found[:, :2], plain[:, :2])
        assert (found[:, 2:] - plain[:, 2:]).abs().max() > 1e-4, name
    assert not any("step" in one.__dict__ for layer in network.layers for one in layer)


def test_a_forget_gate_held_open_and_an_input_gate_held_shut_keep_the_memory():
    network = network_of("lstm")

    def keep(name, step, values):
        if step < 3 or "gate" not in name or "output" in name:
            return values
        return torch.ones_like(values) if "forget" in name else torch.zeros_like(values)

    seen = []
    with edited(network, keep, gates=True), torch.no_grad():
        with_edit = network.trace(X)["layers.0.forward.c"]
        seen.append(with_edit)
    torch.testing.assert_close(seen[0][:, 3:], seen[0][:, 2:3].expand(-1, 4, -1))
    assert (network.trace(X)["layers.0.forward.c"][:, 3:] != seen[0][:, 3:]).all()


@pytest.mark.parametrize("kind", ["ours", "torch"])
def test_a_gru_by_hand(kind):
    network = network_of("gru")
    module = network if kind == "ours" else network.to_torch().eval()
    cell, h, states = network.layers[0][0], torch.zeros(5, 4).double(), []
    for step, x in enumerate(X.unbind(1)):
        (xr, xz, xn), (hr, hz, hn) = cell.ih(x).chunk(3, -1), cell.hh(h).chunk(3, -1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        if step in (1, 4):
            r = r.clone()
            r[:, [0, 2]] = torch.tensor([0.0, 1.0]).double()
        n = torch.tanh(xn + r * hn)
        h = (1 - z) * n + z * h
        states.append(h)
    wanted = clamp("layers.0.forward.reset_gate", [0, 2], torch.tensor([0.0, 1.0]), steps=[1, 4])
    with edited(module, wanted), torch.no_grad():
        found = module(X)[0]
    torch.testing.assert_close(found, torch.stack(states, 1))


def test_a_gate_patched_from_another_run():
    network = network_of("lstm")
    other = network.trace(-X)["layers.0.forward.forget_gate"]
    with edited(network, patch("layers.0.forward.forget_gate", range(4), other, steps=[3])), torch.no_grad():
        found = network.trace(X)
    plain = network.trace(X)
    name = "layers.0.forward."
    by_hand = (
        other[:, 3] * plain[name + "c"][:, 2]
        + plain[name + "input_gate"][:, 3] * plain[name + "candidate"][:, 3]
    )
    torch.testing.assert_close(found[name + "c"][:, 3], by_hand)
    torch.testing.assert_close(found[name + "forget_gate"][:, 3], other[:, 3])


def test_gradients_flow_through_an_edited_gate():
    network = network_of("lstm")
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    name = "layers.0.forward.output_gate"
    with edited(network, lambda part, step, values: values * scale if part == name else values, gates=True):
        network(X)[0][:, 0].sum().backward()
    torch.testing.assert_close(scale.grad, network(X)[0][:, 0].sum().detach())


class Aside(Cell):
    """Shows a gate that it does not compute with."""

    state_names, readings = ("h",), ("update_gate",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih = nn.Linear(input_size, hidden_size)

    def project(self, x):
        return self.ih(x)

    def step(self, projected, state):
        return self.State(projected.sigmoid() * state.h), (projected,)


def test_what_cannot_be_set_is_refused_by_name():
    network = RNN(Aside, 3, 4).double()
    unchanged = edited(network, lambda name, step, values: values, gates=True)
    with unchanged, pytest.raises(RecipeError, match="update_gate of Aside cannot be set"):
        network(X)
    assert "step" not in network.layers[0][0].__dict__
    for name in ("layers.0.forward.forget_gaet", "layers.1.forward.h"):
        with (
            pytest.raises(UnknownName, match="part of the state or gate"),
            edited(network, clamp(name, [0], 1.0)),
        ):
            pass
    with pytest.raises(RecipeError, match="model's own"), edited(nn.LSTMCell(2, 3), clamp("h", [0], 1.0)):
        pass
