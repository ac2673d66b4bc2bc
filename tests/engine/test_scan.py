"""The scan of cells that are linear in their state, with one part and with several, against a loop written here."""

from __future__ import annotations

import pytest
import torch

from elman import RNN
from elman.cells._check import PROPERTIES
from elman.cells.contract import Affine, LinearCell, initialise
from elman.engine.contract import Call
from elman.engine.executors.scan import CHUNK, scan
from elman.engine.plan import run

TIMES = (1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, CHUNK**2 - 1, CHUNK**2 + 1, CHUNK**4 + 3)


def drawn(parts, time, *, batch=2, units=3, constant=False):
    """a, b and the state before the first step, in float64; the matrices shrink, or long products would say nothing."""
    torch.manual_seed(time)
    shape = (units,) if constant else (time, batch, units)
    a = [[torch.randn(shape).double() * 0.5 / parts for _ in range(parts)] for _ in range(parts)]
    b = [torch.randn(time, batch, units).double() for _ in range(parts)]
    return a, b, [torch.randn(batch, units).double() for _ in range(parts)]


def loop(a, b, state):
    made = []
    for t in range(len(b[0])):
        state = [
            sum((one[t] if one.dim() == 3 else one) * part for one, part in zip(row, state)) + gain[t]
            for row, gain in zip(a, b)
        ]
        made.append(state)
    return [torch.stack(parts) for parts in zip(*made)]


@pytest.mark.parametrize("constant", [False, True], ids=["every step", "constant"])
@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("time", TIMES)
def test_it_is_the_loop(parts, time, constant):
    a, b, start = drawn(parts, time, constant=constant)
    for mine, other in zip(scan(a, b, start), loop(a, b, start), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("constant", [False, True], ids=["every step", "constant"])
@pytest.mark.parametrize("time", [1, CHUNK + 3])
def test_first_and_second_derivatives(time, constant):
    a, b, start = drawn(2, time, batch=1, units=1, constant=constant)
    flat = [one.requires_grad_(True) for one in (*a[0], *a[1], *b, *start)]

    def run(*values):
        return scan((values[:2], values[2:4]), values[4:6], values[6:])

    assert torch.autograd.gradcheck(run, flat, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, flat, fast_mode=True)


class Spring(LinearCell):
    """Place and speed of each unit, pulled back as strongly as its input says: two parts, another matrix at every step."""

    state_names = ("place", "speed")
    readings = ("pull",)

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.ih = Affine(input_size, 2 * hidden_size)
        initialise(self.ih, 2, recurrent=False)

    def project(self, x):
        return self.ih(x)

    def coefficients(self, projected):
        pull, push = projected.chunk(2, -1)
        pull = pull.sigmoid()
        one = torch.ones_like(pull)
        return ((0.9 * one, 0.3 * one), (-pull, 0.5 * one)), (0.3 * push, push), (pull,)


@pytest.mark.parametrize("keeps", PROPERTIES, ids=lambda one: one.__name__)
def test_a_cell_of_two_parts_keeps_every_promise(keeps):
    keeps(lambda **options: RNN(Spring, 3, 5, **options))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("cell", ["minlstm", "lru", Spring], ids=str)
def test_holds_resets_ends_and_carried_states_at_once(cell, training):
    torch.manual_seed(0)
    options = {"zoneout": 0.3, "learned_initial_state": True, "bidirectional": True}
    networks = [RNN(cell, 3, 4, 2, executor=name, **options).double() for name in ("scan", "reference")]
    for parameter in networks[0].parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    networks[1].load_state_dict(networks[0].state_dict())
    x, reset, lengths = torch.randn(3, 70, 3).double(), torch.rand(3, 70) < 0.1, torch.tensor([70, 41, 0])
    x[1, 41:] = torch.nan
    found = []
    for network in networks:
        torch.manual_seed(7)
        network.train(training)
        _, carried = network(torch.ones(3, 2, 3).double())
        output, state = network(x, carried, lengths, reset)
        ends = [part for layer in state for side in layer for part in side]
        sum(
            (one * torch.arange(one.numel()).reshape(one.shape).cos()).sum() for one in (output, *ends)
        ).backward()
        found.append([output, *ends, *(parameter.grad for parameter in network.parameters())])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def test_the_output_is_h_in_every_trace():
    """Also where the state holds it not, as in an LRU, and before hold, as all readings."""
    torch.manual_seed(0)
    for executor in ("scan", "reference"):
        network, x = RNN("lru", 3, 4, executor=executor).double(), torch.randn(2, 40, 3).double()
        assert network.traced == ("candidate_real", "candidate_imaginary", "real", "imaginary", "h")
        seen = network.trace(x)
        torch.testing.assert_close(seen["layers.0.forward.h"], network(x)[0])
        network.zoneout = 0.5
        torch.testing.assert_close(
            network.trace(x)["layers.0.forward.h"][:, 0], seen["layers.0.forward.h"][:, 0]
        )
        assert not torch.allclose(network(x)[0][:, 0], seen["layers.0.forward.h"][:, 0])


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("cell", ["minlstm", "lru", Spring], ids=str)
def test_readings_see_a_reset(cell, fresh):
    torch.manual_seed(0)
    one = RNN(cell, 3, 4).double().layers[0][0]
    x, reset = torch.randn(9, 2, 3).double(), torch.rand(9, 2) < 0.4
    hold = tuple(torch.rand(9, 2, 4).double() for _ in one.state_names)
    start, again = (one.State(*(torch.randn(2, 4).double() for _ in one.state_names)) for _ in range(2))
    call = Call(one, x, start, torch.tensor([9, 5]), hold, reset, again if fresh else None, readings=True)
    found = [run(call, name) for name in ("scan", "reference")]
    assert set(found[0].readings) == set(one.traced)
    for name, value in found[1].readings.items():
        torch.testing.assert_close(found[0].readings[name], value, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found[0].output, found[1].output, rtol=1e-11, atol=1e-11)
