"""The native kernels' options, alone and together: hold, resets, layer norm. The reference executor is the judge."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.engine import kernels
from elman.engine.contract import Call
from elman.engine.plan import plan, run
from elman.models.rnn import RNN

pytestmark = pytest.mark.skipif(kernels.library() is None, reason="the kernels were not built")

NORM = {"layer_norm": True}
CELLS = [
    ("gru", {}), ("lstm", {}), ("rnn", {}), ("rnn", {"activation": "relu"}),
    ("gru", NORM), ("lstm", NORM), ("rnn", NORM),
]  # fmt: skip
NAMES = ["gru", "lstm", "rnn", "relu", "gru norm", "lstm norm", "rnn norm"]
SETS = kernels.INSTRUCTION_SETS
every_cell = pytest.mark.parametrize(("cell", "options"), CELLS, ids=NAMES)


@pytest.fixture(params=SETS)
def instruction_set(request, monkeypatch):
    if SETS.index(request.param) > kernels.library().elman_native_isa():
        pytest.skip(f"this machine has no {request.param}")
    monkeypatch.setenv("ELMAN_NATIVE_ISA", request.param)


def make(cell, options, size, hidden, dtype=torch.float64):
    made = RNN(cell, size, hidden, **options).to(dtype).layers[0][0]
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=min(0.4, 0.8 * hidden**-0.5))
    return made


def asked(cell, sizes, *, hold=None, reset=False, fresh=False, ragged=False, readings=False):
    """A call of these options with random values. hold: "drawn" or "rate"."""
    time, batch, size = sizes
    dtype = cell.ih.weight.dtype

    def state():
        parts = (torch.randn(batch, cell.hidden_size, dtype=dtype) for _ in cell.state_names)
        return cell.State(*(part.requires_grad_(True) for part in parts))

    share = torch.full((), 0.3, dtype=dtype).expand(time, batch, cell.hidden_size)
    held = [torch.bernoulli(share) if hold == "drawn" else share for _ in cell.state_names]
    return Call(
        cell,
        torch.randn(time, batch, size, dtype=dtype, requires_grad=True),
        state(),
        torch.randint(0, time + 1, (batch,)) if ragged else None,
        tuple(held) if hold else None,
        torch.rand(batch, time).T < 0.3 if reset else None,
        state() if fresh else None,
        readings,
    )


def answers(call, executor):
    """Output, final state, readings, and the gradients of all that enters."""
    result = run(call, executor)
    values = [result.output, *result.state, *(result.readings[name] for name in sorted(result.readings))]
    torch.manual_seed(3)
    loss = sum((value * torch.randn(value.shape, dtype=value.dtype)).sum() for value in values)
    inputs = [call.x, *call.state, *(call.fresh or ()), *call.cell.parameters()]
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return values + [torch.zeros_like(one) if grad is None else grad for one, grad in zip(inputs, found)]


def agree(call, tolerance=1e-10):
    assert plan(call, "native").chosen == "native"
    for mine, theirs in zip(answers(call, "native"), answers(call, "reference"), strict=True):
        scale = max(1.0, float(theirs.detach().abs().max())) if theirs.numel() else 1.0
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance * scale)


@every_cell
@pytest.mark.parametrize("hidden", [1, 7, 16, 33, 65])
@pytest.mark.parametrize("hold", [None, "drawn", "rate"])
def test_each_combination(cell, options, hold, hidden, instruction_set):
    torch.manual_seed(hidden)
    made = make(cell, options, 5, hidden)
    for reset, ragged, readings in itertools.product((False, True), repeat=3):
        agree(asked(made, (6, 11, 5), hold=hold, reset=reset, fresh=reset, ragged=ragged, readings=readings))


@every_cell
@given(
    sizes=st.tuples(st.integers(1, 7), st.integers(0, 14), st.integers(1, 30)),
    hidden=st.integers(1, 40),
    hold=st.sampled_from([None, "drawn", "rate"]),
    reset=st.booleans(),
    fresh=st.booleans(),
    ragged=st.booleans(),
    readings=st.booleans(),
    double=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_shape(cell, options, sizes, hidden, double, **wanted):
    made = make(cell, options, sizes[2], hidden, torch.float64 if double else torch.float32)
    # float32: sums of up to 7 x 14 products in another order, each some 1e-7 off; layer norm divides by the deviation
    agree(asked(made, sizes, **wanted), 1e-10 if double else 1e-4)


@every_cell
@pytest.mark.parametrize("batch", [1, 9])
def test_sequences_so_long_that_gradients_of_weights_are_made_in_several_pieces(cell, options, batch):
    torch.manual_seed(batch)
    made = make(cell, options, 5, 17)
    for wanted in ({}, {"hold": "drawn", "reset": True, "fresh": True, "ragged": True}):
        agree(asked(made, (1200 // batch + 900 // batch, batch, 5), **wanted), 1e-8)


@every_cell
def test_first_and_second_derivatives(cell, options, instruction_set):
    torch.manual_seed(0)
    made = make(cell, options, 2, 3)
    call = asked(made, (4, 3, 2), hold="drawn", reset=True, fresh=True, ragged=True)
    names, parts = [name for name, _ in made.named_parameters()], len(made.state_names)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = made

        def forward(self, x, *states):
            state, fresh = made.State(*states[:parts]), made.State(*states[parts:])
            asked = Call(self.cell, x, state, call.lengths, call.hold, call.reset, fresh, True)
            result = run(asked, "native")
            return result.output, *result.state, *result.readings.values()

    whole, count = Whole(), 1 + 2 * parts

    def function(*values):
        named = dict(zip((f"cell.{name}" for name in names), values[count:]))
        return torch.func.functional_call(whole, named, values[:count])

    values = (call.x, *call.state, *call.fresh, *(one.detach().requires_grad_() for one in made.parameters()))
    assert torch.autograd.gradcheck(function, values, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, values, fast_mode=True)


@every_cell
@pytest.mark.parametrize(("batch", "size", "hidden"), [(13, 16, 64), (1, 20, 150), (20, 9, 520)])
def test_threads_change_nothing(cell, options, batch, size, hidden):
    """Threads share the rows of a batch of 13, the hidden units of one of 1, and of one with many weights."""
    torch.manual_seed(1)
    call = asked(
        make(cell, options, size, hidden), (40 if hidden < 500 else 7, batch, size), hold="drawn", reset=True
    )
    before, expected = torch.get_num_threads(), answers(call, "reference")
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found = answers(call, "native")
            for mine, theirs, again in zip(found, expected, answers(call, "native")):
                torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
                assert torch.equal(mine, again)
    finally:
        torch.set_num_threads(before)


@every_cell
def test_nothing_crosses_a_reset(cell, options):
    """The part after a reset equals a sequence of its own, to the last bit of its gradient 0 before."""
    made = make(cell, options, 3, 20)
    call = asked(made, (6, 2, 3))
    reset = torch.zeros(6, 2, dtype=torch.bool)
    reset[3] = True
    whole = run(Call(made, call.x, call.state, reset=reset), "native")
    alone = run(Call(made, call.x[3:], made.initial_state(2)), "native")
    torch.testing.assert_close(whole.output[3:], alone.output)
    gradient = torch.autograd.grad(whole.output[3:].sum(), call.x)[0]
    assert gradient[3:].any() and not gradient[:3].any()


def test_a_hold_that_needs_a_gradient_goes_to_the_reference():
    made = make("gru", {}, 3, 5)
    call = asked(made, (2, 2, 3))
    hold = torch.full((2, 2, 5), 0.5, dtype=torch.float64, requires_grad=True)
    text = str(plan(Call(made, call.x, call.state, hold=(hold,))))
    assert text.startswith("reference") and "native refused: a hold that needs a gradient" in text


@pytest.mark.filterwarnings("ignore")
@every_cell
def test_options_compile_and_export(cell, options):
    torch._dynamo.reset()  # each network is a recompilation of the same code, of which only a few are allowed
    torch.manual_seed(0)
    network = RNN(cell, 4, 8, zoneout=0.2, executor="native", **options).double().eval()
    x, reset = torch.randn(3, 5, 4).double().requires_grad_(True), torch.rand(3, 5) < 0.3
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    gradients = [
        torch.autograd.grad(one(x, None, None, reset)[0].square().sum(), x)[0] for one in (compiled, network)
    ]
    torch.testing.assert_close(*gradients)
    with torch.no_grad():
        exported = torch.export.export(network, (x.detach(), None, None, reset))
        torch.testing.assert_close(
            exported.module()(x, None, None, reset)[0], network(x, None, None, reset)[0]
        )
