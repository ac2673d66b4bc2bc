"""Sizes at the edge, memory in any order, many threads, a fork, every instruction set: all cells and executors."""

from __future__ import annotations

import multiprocessing
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import RecipeError
from elman.engine.kernels import INSTRUCTION_SETS, library
from elman.models.rnn import RNN

from .choices import CELLS, EXECUTORS, build, call, check_training, check_values, near

PAIRS = [(cell, executor) for cell in CELLS for executor in EXECUTORS]


@pytest.fixture(params=PAIRS, ids="-".join)
def network(request):
    cell, executor = request.param
    network = build(cell, ("bidirectional",))
    network.executor = executor
    try:
        network(torch.zeros(1, 1, 5).double())
    except RecipeError as refusal:
        pytest.skip(str(refusal))
    return network


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("size", "hidden", "layers", "batch", "time"),
    [(1, 1, 1, 1, 1), (1, 3, 2, 2, 1), (3, 1, 2, 1, 2), (2, 15, 1, 3, 4), (17, 33, 1, 5, 3), (4, 65, 1, 1, 2), (3, 4, 1, 17, 5)],
)  # fmt: skip
@pytest.mark.parametrize("chosen", [(), ("bidirectional", "lengths")], ids=["dense", "ragged"])
def test_sizes_at_the_edge(cell, size, hidden, layers, batch, time, chosen):
    network = build(cell, chosen, size, hidden, layers)
    x, given = call(network, chosen, batch, time)
    check_values(cell, network, x, given)
    check_training(network, x, given)


def test_a_batch_of_none_has_gradients(network):
    network.executor = "auto"
    output, state = network(torch.zeros(0, 4, 5).double(), lengths=torch.zeros(0, dtype=torch.long))
    assert output.shape == (0, 4, 10) and state[0][0][0].shape == (0, 5)
    output.sum().backward()
    assert all(
        (parameter.grad == 0).all() for parameter in network.parameters() if parameter.grad is not None
    )


def test_lengths_of_0_alone_keep_the_state(network):
    start = tuple(
        tuple(type(side)(*map(torch.randn_like, side)) for side in layer)
        for layer in network.initial_state(2)
    )
    output, end = network(
        torch.full((2, 4, 5), torch.nan).double(), start, lengths=torch.zeros(2, dtype=torch.long)
    )
    assert (output == 0).all()
    near(end[0][0][0], start[0][0][0].detach(), 0)


@pytest.mark.parametrize(("size", "hidden", "layers"), [(0, 5, 1), (5, 0, 1), (5, 5, 0), (5, -1, 1)])
@pytest.mark.parametrize("cell", CELLS)
def test_sizes_below_1_are_refused(cell, size, hidden, layers):
    with pytest.raises(RecipeError, match="must be at least 1"):
        RNN(cell, size, hidden, layers)
    with pytest.raises(RecipeError, match="0 steps"):
        RNN(cell, 5, 5)(torch.zeros(1, 0, 5))


def layouts(x):
    """The same values in other memory: as they come, time-major, strided, turned round, shared by all rows."""
    wide = torch.zeros(*x.shape[:2], 2 * x.shape[2]).to(x)
    wide[..., ::2] = x
    yield "time-major", x.transpose(0, 1).contiguous().transpose(0, 1)
    yield "strided", wide[..., ::2]
    yield "turned", x.flip(1).contiguous().flip(1)
    yield "features first", x.permute(2, 0, 1).contiguous().permute(1, 2, 0)


def test_memory_in_any_order(network):
    x, lengths = torch.randn(4, 6, 5).double(), torch.tensor([6, 2, 0, 5])
    expected = network(x, lengths=lengths)[0]
    for name, other in layouts(x):
        assert torch.equal(other, x), name
        near(network(other, lengths=lengths)[0], expected.detach(), 1e-12)
    near(network(x, lengths=torch.stack([lengths, lengths], 1)[:, 0])[0], expected.detach(), 1e-12)


def test_one_row_shared_by_all_is_that_row_repeated(network):
    row, start = torch.randn(1, 6, 5).double(), network.initial_state(1)
    shared = row.expand(4, 6, 5).clone().requires_grad_(True)
    leaf = row.clone().requires_grad_(True)
    state = tuple(
        tuple(type(side)(*(part.expand(4, -1) for part in side)) for side in layer) for layer in start
    )
    weight = torch.randn(4, 6, 10).double()
    output = network(leaf.expand(4, 6, 5), state)[0]
    near(output, network(shared.detach())[0].detach(), 1e-12)
    (output * weight).sum().backward()
    (network(shared)[0] * weight).sum().backward()
    near(leaf.grad, shared.grad.sum(0, keepdim=True), 1e-12)
    one_step = torch.randn(4, 1, 5).double()  # and a step that stands for all of a sequence
    near(network(one_step.expand(4, 6, 5))[0], network(one_step.repeat(1, 6, 1))[0].detach(), 1e-12)


def test_many_threads_at_once(network):
    """Values and gradients of eight threads on one network are those of one."""
    inputs = [torch.randn(3, 20, 5).double() for _ in range(8)]
    expected = [torch.autograd.grad(network(x.requires_grad_(True))[0].square().sum(), x)[0] for x in inputs]
    found, failed = [None] * 8, []

    def work(place):
        try:
            for _ in range(4):
                loss = network(inputs[place])[0].square().sum()
                found[place] = torch.autograd.grad(loss, inputs[place])[0]
        except BaseException as error:  # a thread's error would pass unseen
            failed.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for mine, other in zip(found, expected):
        near(mine, other, 1e-12)


def test_weight_drop_leaves_the_weights_to_other_threads():
    network = build("lstm", ("weight_drop",))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x, failed = torch.randn(2, 9, 5).double(), []

    def work():
        for _ in range(20):
            output = network(x)[0]
            failed.extend([1] if not output.isfinite().all() else [])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and all(
        torch.equal(value, before[name]) for name, value in network.state_dict().items()
    )


def _child(queue, network, x):
    queue.put(float(network(x)[0].sum()))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_use(network):
    x = torch.randn(4, 9, 5).double()
    with torch.no_grad():
        expected = float(network(x)[0].sum())
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=_child, args=(queue, network, x))
        child.start()
        child.join(20)
        hung = child.is_alive()
        if hung:
            child.kill()
        assert not hung and abs(queue.get() - expected) < 1e-9


@pytest.mark.skipif(library() is None, reason="the kernels were not built")
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("cell", CELLS)
@given(hidden=st.integers(1, 40), size=st.integers(1, 20), batch=st.integers(1, 20), ragged=st.booleans())
@settings(max_examples=2, deadline=None)
def test_each_instruction_set_forced(instruction_set, cell, hidden, size, batch, ragged):
    chosen = ("lengths",) if ragged else ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_NATIVE_ISA", instruction_set)
        network = build(cell, chosen, size, hidden, 1)
        x, given = call(network, chosen, batch, 6)
        check_values(cell, network, x, given)
        check_training(network, x, given)
