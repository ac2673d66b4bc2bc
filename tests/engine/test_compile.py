"""torch.compile, torch.export and autocast around a network: the same numbers, or one sentence that tells the way."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from elman import RNN
from elman.core.errors import RecipeError
from elman.engine.kernels import library

pytestmark = pytest.mark.filterwarnings("ignore")  # torch's own, about its own
built = pytest.mark.skipif(library() is None, reason="the kernels were not built")
FEW = [
    pytest.param("gru", "native", marks=built),
    ("gru", "vendor"),
    ("lru", "scan"),
    ("lstm", "reference"),
]
MORE = [
    pytest.param("lstm", "native", marks=built),
    pytest.param("rnn", "native", marks=built),
    ("rnn", "vendor"),
    ("mingru", "scan"),
    ("minlstm", "scan"),
    *[(cell, "reference") for cell in ("gru", "gru_before", "indrnn", "leaky_rnn", "lru", "lstm_peephole", "mgu", "mingru", "rnn")],
]  # fmt: skip
NAMED = {"argnames": ("cell", "executor"), "ids": str}
few, more = pytest.mark.parametrize(argvalues=FEW, **NAMED), pytest.mark.parametrize(argvalues=MORE, **NAMED)


def make(cell, executor, **options):
    torch._dynamo.reset()
    torch.manual_seed(0)
    return RNN(cell, 3, 4, executor=executor, **options).double().eval()


def same(mine, other):
    torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)


def compiles(cell, executor, shapes, **options):
    network = make(cell, executor, **options)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=False)
    for batch, time in shapes:
        x, lengths = torch.randn(batch, time, 3).double(), torch.randint(0, time + 1, (batch,))
        lengths[0] = time
        reset = None if executor == "vendor" else torch.rand(batch, time) < 0.3
        found = []
        for run in (compiled, network):
            network.zero_grad()
            output, state = run(x, None, lengths, reset)
            sum(part.square().sum() for part in (output, *state[-1][-1])).backward()
            found.append([output, *state[0][0], *(one.grad for one in network.parameters())])
        for mine, other in zip(*found, strict=True):
            same(mine, other)


def exports(cell, executor, time, **options):
    """The batch is dynamic, and the length where `time` is True; grad mode on, as one forgets to turn it off."""
    network = make(cell, executor, **options)
    dims = {0: torch.export.Dim("batch", min=2)} | ({1: torch.export.Dim("time", min=2)} if time else {})
    given = (torch.randn(3, 5, 3).double(), None, torch.tensor([5, 3, 0]))
    exported = torch.export.export(network, given, dynamic_shapes=(dims, None, {0: dims[0]})).module()
    x, lengths = torch.randn(4, 9 if time else 5, 3).double(), torch.tensor([5, 0, 1, 4])
    same(exported(x, None, lengths)[0], network(x, None, lengths)[0])
    with pytest.raises(RuntimeError, match="expected lengths from 0 to the steps of the input"):
        exported(x, None, lengths + 50)


class Step(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, state):
        return self.network.step(x, state)


def steps(cell, executor):
    network = make(cell, executor, num_layers=2)
    compiled, state = torch.compile(network.step, backend="aot_eager", fullgraph=True), None
    with torch.no_grad():
        batch = torch.export.Dim("batch", min=2)
        before = network.initial_state(3)
        shapes = ({0: batch}, torch.utils._pytree.tree_map(lambda _: {0: batch}, before))
        exported = torch.export.export(
            Step(network), (torch.randn(3, 3).double(), before), dynamic_shapes=shapes
        )
        for rows in (2, 2, 5):
            state = None if state is None or state[0][0][0].shape[0] != rows else state
            x = torch.randn(rows, 3).double()
            expected, after = network.step(x, state)
            for run in (compiled, exported.module()):
                given = network.initial_state(rows) if state is None else state
                output, end = run(x, given)
                same(output, expected)
                same(end[1][0][0], after[1][0][0])
            state = after


@few
def test_a_compiled_network_has_no_breaks_and_the_same_gradients(cell, executor):
    compiles(cell, executor, [(3, 4)])


@pytest.mark.parametrize(
    "options", [{"weight_drop": 0.3}, {"zoneout": 0.3, "dropout": 0.3, "num_layers": 2}], ids=str
)
def test_a_compiled_network_draws_in_training(options):
    network = make("gru", "auto", **options).train()
    x = torch.randn(3, 6, 3).double()
    output, _ = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=False)(x)
    output.square().sum().backward()
    assert all(one.grad.isfinite().all() for one in network.parameters())
    assert not torch.equal(output, network.eval()(x)[0])


@pytest.mark.full
@more
def test_every_other_cell_compiles_for_several_lengths(cell, executor):
    compiles(cell, executor, [(3, 4), (2, 6)], bidirectional=True)


@few
def test_an_exported_network_takes_other_batches(cell, executor):
    exports(cell, executor, time=False)


@pytest.mark.full
@more
def test_every_other_cell_exports(cell, executor):
    exports(cell, executor, time=False, bidirectional=True)


@built
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_kernels_export_as_one_operator_for_every_length(cell):
    exports(cell, "auto", time=True)


class Output(torch.nn.Module):
    """A layer without its final state, whose type torch cannot save."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.parametrize(
    ("executor", "first"),
    [
        pytest.param("native", "import elman.engine.kernels", marks=built),
        ("vendor", "sys.modules['elman'] = None"),
    ],
)
def test_a_saved_program_is_loaded_by_another_process(executor, first, tmp_path):
    layer, x = make("gru", executor).float(), torch.randn(3, 6, 3)
    network = Output(layer).eval()
    torch.export.save(torch.export.export(network, (x,)), tmp_path / "network.pt2")
    torch.save(x, tmp_path / "x.pt")
    code = f"""
import sys, torch
{first}
torch.save(torch.export.load("network.pt2").module()(torch.load("x.pt")), "y.pt")
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    torch.testing.assert_close(torch.load(tmp_path / "y.pt"), layer(x)[0])


@pytest.mark.parametrize(("cell", "executor"), [("gru", "vendor"), ("lru", "auto"), ("lstm", "reference")])
def test_what_is_unrolled_says_that_its_length_is_fixed(cell, executor):
    with pytest.raises(RecipeError, match=r"unrolled .* fixed length .* or export `step`"):
        exports(cell, executor, time=True)


@few
def test_single_steps_compile_and_export(cell, executor):
    steps(cell, executor)


@pytest.mark.full
@more
def test_every_other_cell_steps_compiled_and_exported(cell, executor):
    steps(cell, executor)


def test_a_compiled_network_refuses_lengths_that_are_wrong():
    network = make("gru", "auto")
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with pytest.raises(RuntimeError, match="expected lengths from 0 to the steps of the input"):
        compiled(torch.randn(2, 3, 3).double(), None, torch.tensor([3, 4]))


def test_torchs_lstm_is_not_compiled_with_gradients_on_a_cpu():
    """What its oneDNN operator saves is not all tensors; without gradients it compiles."""
    network, x = make("lstm", "vendor"), torch.randn(2, 3, 3).double()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        same(compiled(x)[0], network(x)[0])
    with pytest.raises(Exception, match="LSTM with gradients on a CPU"):
        compiled(x)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn", "mingru", "lru", "mgu"])
@pytest.mark.parametrize("executor", ["auto", "reference"])
def test_autocast_multiplies_in_half_precision_and_keeps_states_whole(cell, executor):
    """Products in bfloat16, states and gradients in float32; native refuses, so that the next one serves."""
    torch.manual_seed(0)
    network = RNN(cell, 3, 4, 2, executor=executor)
    x, lengths, reset = torch.randn(3, 9, 3), torch.tensor([9, 2, 5]), torch.rand(3, 9) < 0.3
    exact, plain = network(x, None, lengths), network(x, reset=reset)[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert network.plan(x).chosen != "native"
        output, state = network(x, None, lengths)
        again, trace = network(x, reset=reset)[0], network.trace(x, lengths)
        step, after = network.step(x[:, 0], state)
        dense, end = network(x)
        _, end = network(x, end)
    torch.testing.assert_close(output.float(), exact[0], rtol=0, atol=0.05)
    torch.testing.assert_close(again.float(), plain, rtol=0, atol=0.05)
    torch.testing.assert_close(step.float(), network.step(x[:, 0], exact[1])[0], rtol=0, atol=0.05)
    torch.testing.assert_close(trace["layers.1.forward.h"].float(), exact[0], rtol=0, atol=0.05)
    assert not torch.equal(output.float(), exact[0])
    for kept in (state, after, end):  # and can be carried on outside
        assert all(part.dtype == torch.float32 for layer in kept for side in layer for part in side)
        network(x, kept)
    output.float().square().sum().backward()
    assert all(one.grad.dtype == torch.float32 and one.grad.isfinite().all() for one in network.parameters())


@built
def test_whoever_watches_torchs_operators_sees_the_kernels():
    """Where nobody does they are called past torch's dispatch."""
    network, x, seen = make("gru", "native"), torch.randn(2, 5, 3).double().requires_grad_(), []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            seen.append(str(function))
            return function(*arguments, **(options or {}))

    plain = torch.autograd.grad(network(x)[0].sum(), [x, *network.parameters()])
    with Watch():
        watched = torch.autograd.grad(network(x)[0].sum(), [x, *network.parameters()])
    same(watched, plain)
    assert {"elman.forward.default", "elman.backward.default"} <= set(seen)
    with torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True):
        assert network(torch.randn(2, 7, 3).double())[0].shape == (2, 7, 4)
    with torch.profiler.profile() as profile:
        network(x)
    assert "elman::forward" in {event.key for event in profile.key_averages()}
