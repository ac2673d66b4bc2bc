"""What only the native kernels can get wrong: vector tails, strides, instruction sets, threads, trace and derivatives."""

from __future__ import annotations

import multiprocessing
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import UnknownName
from elman.engine import kernels, memory
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


def make(cell, options, input_size=3, hidden_size=5, dtype=torch.float64, **more):
    torch.manual_seed(1)
    network = RNN(cell, input_size, hidden_size, executor="native", **options, **more).to(dtype)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=min(0.4, 0.8 * hidden_size**-0.5))  # no chaos
    return network


def random_state(network, batch):
    return tuple(
        tuple(type(one)(*(torch.randn_like(part, requires_grad=True) for part in one)) for one in layer)
        for layer in network.initial_state(batch)
    )


def answers(network, x, state, lengths, executor):
    """Output, final state and the gradients of x, of the first state and of the weights."""
    network.executor = executor
    parts = state[0][0]
    inputs = [value for value in (x, *parts) if value.requires_grad]
    output, end = network(x, state, lengths)
    torch.manual_seed(2)
    values = (output, *end[0][0])
    loss = sum((value * torch.randn(value.shape, dtype=value.dtype)).sum() for value in values)
    gradients = torch.autograd.grad(loss, [*inputs, *network.parameters()], allow_unused=True)
    return [
        *values,
        *(torch.zeros(()) if gradient is None else gradient for gradient in gradients),
    ]


def agree(network, x, lengths=None, tolerance=1e-10):
    state = random_state(network, x.shape[0])
    for mine, theirs in zip(*(answers(network, x, state, lengths, name) for name in ("native", "reference"))):
        if mine.shape != theirs.shape:  # not used at all by one of the two
            assert not mine.any() and not theirs.any()
            continue
        scale = max(1.0, float(theirs.detach().abs().max())) if theirs.numel() else 1.0
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance * scale)


@every_cell
@pytest.mark.parametrize("hidden", [1, 2, 7, 8, 16, 17, 31, 48, 65])
def test_hidden_sizes_that_fill_no_vector(cell, options, hidden, instruction_set):
    x = torch.randn(11, 4, 9).double().requires_grad_(True)
    agree(make(cell, options, 9, hidden), x, torch.tensor([4, 1, 0, 2, 4, 4, 3, 3, 2, 1, 1]))


@every_cell
@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=20),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    longer=st.integers(0, 2),
    double=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_shape_equals_the_reference(cell, options, lengths, sizes, longer, double):
    dtype = torch.float64 if double else torch.float32
    x = torch.randn(len(lengths), max(1, max(lengths)) + longer, sizes[0], dtype=dtype)
    # float32: sums of up to 20 x 9 products in another order, each some 1e-7 off. A norm over a few units of nearly one
    # value divides by their spread, down to sqrt(1e-5), and with it what the order of sums leaves.
    wider = 100 if options.get("layer_norm") else 1
    agree(
        make(cell, options, *sizes, dtype=dtype),
        x.requires_grad_(True),
        torch.tensor(lengths),
        wider * (1e-10 if double else 2e-5),
    )


@every_cell
@pytest.mark.parametrize("batch", [0, 1, 2, 9])
def test_batches_of_none_and_one(cell, options, batch):
    agree(make(cell, options), torch.randn(batch, 1, 3).double().requires_grad_(True))


@every_cell
def test_all_lengths_may_be_zero(cell, options):
    agree(
        make(cell, options),
        torch.randn(3, 4, 3).double().requires_grad_(True),
        torch.zeros(3, dtype=torch.long),
    )


@every_cell
def test_strided_and_expanded_input(cell, options):
    network = make(cell, options)
    base = torch.randn(6, 7, 8).double()
    for x in (base[::2, 1:6, 2:5], base.permute(2, 1, 0)[:, :, ::2], base[:1, :, :3].expand(4, -1, -1), base[:, :, :1].expand(-1, -1, 3)):  # fmt: skip
        agree(network, x.detach().requires_grad_(True))
        agree(network, x)


@every_cell
def test_weights_that_are_views_of_others(cell, options):
    network = make(cell, options)
    wide = torch.randn(2 * len(network.layers[0][0].hh.weight), 5).double()
    network.layers[0][0].hh.weight = torch.nn.Parameter(wide[::2])
    agree(network, torch.randn(2, 3, 3).double())


@every_cell
def test_gradcheck_with_lengths_state_and_trace(cell, options, instruction_set):
    network = make(cell, options, 2, 3)
    names = [name for name, _ in network.named_parameters()]
    x, state = torch.randn(3, 3, 2).double().requires_grad_(True), random_state(network, 3)[0][0]
    lengths = torch.tensor([3, 0, 2])

    def run(x, *values):
        parts, values = values[: len(state)], values[len(state) :]
        inputs = (x, ((type(state)(*parts),),), lengths)
        output, end = torch.func.functional_call(network, dict(zip(names, values)), inputs)
        return output, *end[0][0]

    values = [parameter.detach().clone().requires_grad_(True) for parameter in network.parameters()]
    assert torch.autograd.gradcheck(run, (x, *state, *values), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, *state, *values), fast_mode=True)
    assert torch.autograd.gradcheck(lambda x: tuple(network.trace(x, lengths).values()), x)
    assert torch.autograd.gradgradcheck(lambda x: tuple(network.trace(x, lengths).values()), x)


@every_cell
def test_the_trace_is_the_references(cell, options):
    network, x, lengths = make(cell, options), torch.randn(4, 6, 3).double(), torch.tensor([6, 0, 2, 5])
    x[2, 2:] = float("nan")
    with torch.no_grad():
        mine = network.trace(x, lengths)
        assert str(network.plan(x, lengths, readings=True)).startswith("native")
        network.executor = "reference"
        theirs = network.trace(x, lengths)
    assert mine.keys() == theirs.keys()
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-12, atol=1e-12)


@every_cell
def test_float32_is_as_exact_as_the_instruction_set_allows(cell, options, instruction_set):
    agree(
        make(cell, options, 33, 70, torch.float32),
        torch.randn(9, 20, 33).requires_grad_(True),
        tolerance=1e-4,
    )


@every_cell
def test_values_far_out_saturate_and_nan_stays(cell, options):
    network = make(cell, options)
    x = torch.tensor([1e6, -1e6, float("nan")]).double()[:, None, None].expand(3, 2, 3)
    output, _ = network(x)
    network.executor = "reference"
    torch.testing.assert_close(output, network(x)[0], equal_nan=True)


@every_cell
@pytest.mark.parametrize(
    ("batch", "size", "hidden"), [(13, 16, 64), (1, 20, 150), (1, 3, 128), (2, 20, 256), (20, 9, 520)]
)
def test_threads_change_nothing(cell, options, batch, size, hidden):
    """Sums over workers of another size differ in the last bits; one number of threads gives the same bits.

    Threads share the rows of a batch of 13, the hidden units of one of 1, and of one with many weights.
    """
    steps = 70 if hidden < 500 else 7
    network, x = (
        make(cell, options, size, hidden),
        torch.randn(batch, steps, size).double().requires_grad_(True),
    )
    state, before = random_state(network, batch), torch.get_num_threads()
    lengths = torch.randint(0, steps + 1, (batch,))
    lengths[0] = steps - 1
    found = []
    try:
        for threads in (1, 2, 3, 3):  # more than rows, and than some machines' cores
            torch.set_num_threads(threads)
            found.append(answers(network, x, state, lengths, "native"))
    finally:
        torch.set_num_threads(before)
    for one, two, three, again in zip(*found):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(one, three, rtol=1e-10, atol=1e-10)
        assert torch.equal(three, again)


def test_many_python_threads_at_once():
    network, x = make("lstm", {}, 8, 32), torch.randn(6, 30, 8).double().requires_grad_(True)
    state = random_state(network, 6)
    expected, failed = answers(network, x, state, None, "native"), []

    def work():
        for _ in range(20):
            for mine, theirs in zip(answers_alone(network, x, state), expected):
                if not torch.equal(mine, theirs):
                    failed.append(mine)

    def answers_alone(network, x, state):
        output, end = network(x, state)
        return [output, *end[0][0]]

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def _in_the_child(queue, network, x):
    queue.put(float(network(x)[0].sum()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_hang():
    network, x = (
        make("gru", {}, 32, 32),
        torch.randn(16, 40, 32).double(),
    )  # no more: torch itself hangs there
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            expected = float(network(x)[0].sum())
            context = multiprocessing.get_context("fork")
            queue = context.SimpleQueue()
            child = context.Process(target=_in_the_child, args=(queue, network, x))
            child.start()
            child.join(20)
            hung = child.is_alive()
            if hung:
                child.kill()
            assert not hung and abs(queue.get() - expected) < 1e-9
    finally:
        torch.set_num_threads(before)


def test_gradients_of_what_was_changed_in_place_are_refused():
    for network, x in (
        (make("gru", {}), torch.randn(2, 3, 3)),
        (make("gru", {}, 3, 64), torch.randn(9, 200, 3)),
    ):
        output, _ = network(x.double())
        output.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace"):
            output.sum().backward()


def test_an_output_may_be_changed_in_place_where_nothing_needs_it():
    network, x = (
        make("lstm", {}, 8, 64),
        torch.randn(8, 200, 8).double(),
    )  # large: its memory is from the pool
    output, _ = network(x)
    torch.testing.assert_close((output * 1.0).mul_(2), 2 * output)
    with torch.no_grad():
        output = network(x)[0]
        expected = output.clone() * 2
        torch.testing.assert_close(output.mul_(2), expected)


def test_a_second_backward_pass_needs_the_graph():
    network, x = make("lstm", {}), torch.randn(2, 3, 3).double().requires_grad_(True)
    loss = network(x)[0].square().sum()
    first = torch.autograd.grad(loss, x, retain_graph=True)[0]
    torch.testing.assert_close(torch.autograd.grad(loss, x)[0], first)


def test_transforms_and_autocast_go_elsewhere():
    network, x = make("gru", {}, dtype=torch.float32), torch.randn(2, 3, 3)
    network.executor = "auto"
    with torch.autocast("cpu", torch.bfloat16):
        assert "native refused: autocast" in str(network.plan(x))
    with torch.autograd.forward_ad.dual_level():
        assert "native refused: a functorch or forward-mode" in str(network.plan(x))
        tangent = torch.autograd.forward_ad.unpack_dual(
            network(torch.autograd.forward_ad.make_dual(x, x))[0]
        ).tangent
    exact = torch.autograd.functional.jvp(lambda value: network(value)[0], x, x)[1]
    torch.testing.assert_close(tangent, exact)


def test_each_refusal_is_named():
    plan = str(RNN("rnn", 3, 5, activation="gelu").plan(torch.zeros(1, 2, 3)))
    assert "native refused: activation='gelu'" in plan
    assert "native refused: no kernel for MinGRU" in str(RNN("mingru", 3, 5).plan(torch.zeros(1, 2, 3)))


@pytest.mark.parametrize("change", ["epsilon", "kind", "no shift", "type"])
def test_a_norm_that_is_not_the_cells_own_is_refused(change):
    network, x = RNN("gru", 3, 5, layer_norm=True), torch.zeros(1, 2, 3)
    assert str(network.plan(x)).startswith("native")
    affine = network.layers[0][0].hh
    if change == "epsilon":
        affine.norm.eps = 1e-3
    elif change == "kind":
        affine.norm = torch.nn.RMSNorm(15)
    elif change == "no shift":
        affine.norm = torch.nn.LayerNorm(15, bias=False)
    else:
        affine.norm.double()
    assert "native refused: a layer norm that is not the cell's own" in str(network.plan(x))


def test_a_large_lstm_without_gradients_is_left_to_torch_unless_forced():
    network, x, lengths = RNN("lstm", 3, 512), torch.zeros(2, 2, 3), torch.tensor([2, 1])
    assert str(network.plan(x)).startswith("native")  # its weights need gradients
    with torch.no_grad():
        text = str(network.plan(x))
        assert text.startswith("vendor") and "native refused: torch's LSTM of 512 units" in text
        assert str(network.plan(x, lengths)).startswith("native")  # ragged
        assert str(network.plan(x, readings=True)).startswith("native")  # torch's kernels show no gates
        output = network(x)[0]
        network.executor = "native"
        assert str(network.plan(x)).startswith("native")
        torch.testing.assert_close(output, network(x)[0])


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setattr("elman.engine.executors.native.library", lambda: None)
    plan = str(RNN("gru", 3, 5).plan(torch.zeros(1, 2, 3)))
    assert "native refused: the kernels were not built" in plan


def test_an_unknown_instruction_set_names_those_there_are(monkeypatch):
    monkeypatch.setenv("ELMAN_NATIVE_ISA", "avx521")
    with pytest.raises(UnknownName, match="avx512"):
        make("gru", {})(torch.zeros(1, 2, 3).double())


def test_memory_is_used_again():
    network, x = make("gru", {}, 16, 32), torch.randn(8, 50, 16).double()
    for _ in range(3):
        network(x)[0].sum().backward()
    kept = len(memory.pool.kept)
    for _ in range(5):
        network(x)[0].sum().backward()
    assert len(memory.pool.kept) == kept and memory.pool.size <= memory.pool.most


@pytest.mark.filterwarnings("ignore")
def test_an_exported_model_takes_other_batches_and_lengths():
    network = make("gru", {}, 4, 8, num_layers=2).eval()
    batch, time = torch.export.Dim("batch", min=2), torch.export.Dim("time", min=2)
    shapes = ({0: batch, 1: time}, None, None, None)
    with torch.no_grad():
        exported = torch.export.export(
            network, (torch.randn(3, 5, 4).double(), None, None, None), dynamic_shapes=shapes
        )
    assert sum("elman.forward" in str(node.target) for node in exported.graph.nodes) == 2
    x = torch.randn(6, 11, 4).double()
    torch.testing.assert_close(exported.module()(x, None, None, None)[0], network(x)[0])


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_has_no_breaks_and_the_same_gradients():
    network, x = make("lstm", {}, 4, 8), torch.randn(3, 5, 4).double().requires_grad_(True)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    gradients = [torch.autograd.grad(run(x)[0].square().sum(), x)[0] for run in (compiled, network)]
    torch.testing.assert_close(*gradients)
