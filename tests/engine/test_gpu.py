"""The contract where a GPU is: every cell, executor and option, held against the NumPy transcriptions and the CPU."""

from __future__ import annotations

import pytest
import torch
from tests.contract.choices import (
    CELLS,
    OPTIONS,
    STARTS,
    build,
    call,
    check_training,
    check_values,
    near,
    pairs,
    product,
)

from elman.core.errors import RecipeError

from .gpu import DEVICE, MARKS, TORCH, moved, serving, tensors

pytestmark = MARKS


def name(one):
    return "+".join(one) or "plain" if isinstance(one, tuple) else one


@pytest.mark.parametrize(
    ("cell", "chosen"), [(cell, chosen) for cell in CELLS for chosen in pairs(cell)], ids=name
)
def test_a_pair_of_options(cell, chosen):
    network = build(cell, chosen, device=DEVICE)
    x, given = call(network, chosen)
    check_values(cell, network, x, given)
    check_training(network, x, given)


@pytest.mark.full
@pytest.mark.parametrize("cell", CELLS)
def test_combinations_of_options(cell):
    for chosen in product(cell)[::23]:
        network = build(cell, chosen, size=3, hidden=4, device=DEVICE)
        x, given = call(network, chosen, time=5)
        check_values(cell, network, x, given)
        check_training(network, x, given)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("size", "hidden", "batch", "time"), [(1, 1, 1, 1), (3, 1, 2, 2), (17, 33, 5, 3), (4, 65, 1, 2), (3, 4, 40, 5), (2, 15, 0, 4)]
)  # fmt: skip
def test_sizes_at_the_edge(cell, size, hidden, batch, time):
    network = build(cell, ("lengths",), size, hidden, device=DEVICE)
    x, given = call(network, ("lengths",), batch, time)
    check_values(cell, network, x, given)
    check_training(network, x, given)


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_float32_is_as_exact_as_cudnn_is(cell, tf32):
    """cuDNN multiplies in TF32 (10 bits of mantissa) unless it is told otherwise; without it, its outputs were 2e-5 off."""
    network = build(cell, ("lengths",), 16, 32, dtype=torch.float32, device=DEVICE)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.3)  # else roundings grow from step to step
    x, given = call(network, ("lengths",), 8, 60)
    exact = moved(network).double()
    theirs = answers(exact, x.cpu().double(), {"lengths": given["lengths"].cpu()})
    own = answers(moved(network), x.cpu(), {"lengths": given["lengths"].cpu()})
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=tf32):
        for executor in serving(network, x):
            extra = (2e-2 if tf32 else 1e-4) if network.plan(x).chosen == "vendor" else 0.0
            for mine, true, reference in zip(answers(network, x, given), theirs, own, strict=True):
                scale = float(true.abs().max())
                allowed = max(8 * float((reference - true).abs().max()) / scale, 1e-6) + extra
                assert float((mine - true).abs().max()) / scale <= allowed, executor


def answers(network, x, given):
    """Output, last states, and the gradients of the input and the weights; in evaluation mode, as double on the CPU."""
    network.eval().zero_grad()
    x = x.detach().clone().requires_grad_(True)
    output, state = network(x, **given)
    ends = tensors(state)
    (output.square().sum() + sum(end.square().sum() for end in ends)).backward()
    found = [output, *ends, x.grad, *(parameter.grad for parameter in network.parameters())]
    return [value.detach().double().cpu().nan_to_num(0.0) for value in found]


@pytest.mark.parametrize("cell", CELLS)
def test_everything_that_is_made_is_where_the_network_is(cell):
    network = build(cell, ("bidirectional", "learned_initial_state", "zoneout"), device=DEVICE)
    x, _ = call(network, ())
    lengths = torch.tensor([7, 0, 3])  # from a CPU, as a loader gives them
    output, state = network(x, lengths=lengths)
    trace = network.trace(x, lengths)
    for value in tensors([output, state, trace, network.initial_state(3)]):
        assert value.device.type == DEVICE.type and value.dtype == torch.float64
    near(network.eval()(x, lengths=[7, 0, 3])[0], moved(network)(x.cpu(), lengths=lengths)[0], 1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_chunks_and_the_trace_are_the_sequence(cell):
    network = build(cell, (), device=DEVICE).eval()
    x, _ = call(network, ())
    for _ in serving(network, x):
        whole, end = network(x)
        first, state = network(x[:, :4])
        near(torch.cat([first, network(x[:, 4:], network.detach(state))[0]], 1), whole, 1e-10)
        with torch.no_grad():
            state = None
            for t in range(x.shape[1]):
                output, state = network.step(x[:, t], state)
                near(output, whole[:, t], 1e-10)
        for mine, other in zip(tensors(state), tensors(end)):
            near(mine, other, 1e-10)
        near(network.trace(x)["layers.1.forward.h"], whole, 1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_memory_in_any_order_and_shared(cell):
    network = build(cell, ("bidirectional",), device=DEVICE).eval()
    x, _ = call(network, ())
    start = network.initial_state(1)
    shared = tuple(
        tuple(type(side)(*(part.expand(3, -1) for part in side)) for side in layer) for layer in start
    )
    wide = torch.zeros(3, 7, 10).to(x)
    wide[..., ::2] = x
    for _ in serving(network, x):
        expected = network(x)[0]
        for other in (wide[..., ::2], x.transpose(0, 1).contiguous().transpose(0, 1)):
            near(network(other, shared)[0], expected, 1e-12)
        row = x[:1].clone().requires_grad_(True)
        weight = torch.linspace(-1, 1, expected.numel()).reshape(expected.shape).to(x)
        (network(row.expand(3, -1, -1))[0] * weight).sum().backward()
        each = x[:1].repeat(3, 1, 1).requires_grad_(True)
        (network(each)[0] * weight).sum().backward()
        near(row.grad, each.grad.sum(0, keepdim=True), 1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_means_one_thing(cell):
    network = build(cell, ("zoneout", "variational_dropout"), dtype=torch.float32, device=DEVICE)
    x, _ = call(network, ())
    found = []
    for _ in range(2):
        torch.manual_seed(7)
        network.zero_grad()
        output = network(x)[0]
        output.sum().backward()
        found.append([output, *(parameter.grad.clone() for parameter in network.parameters())])
    assert all(torch.equal(mine, other) for mine, other in zip(*found))
    assert not torch.equal(network(x)[0], found[0][0])


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_single_sequences_and_of_gradients(cell):
    network = build(cell, (), layers=1, device=DEVICE)
    x, _ = call(network, (), 3, 4)
    parameters = dict(network.named_parameters())

    def loss(values, row):
        return torch.func.functional_call(network, values, (row[None],))[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    for row in range(3):
        network.zero_grad()
        network(x[row : row + 1])[0].square().sum().backward()
        for key, parameter in network.named_parameters():
            near(each[key][row], parameter.grad, 1e-9)
    tangent = torch.ones_like(x)
    _, forward = torch.func.jvp(lambda value: network(value)[0].sum(), (x,), (tangent,))
    backward = torch.autograd.grad(network(x.requires_grad_(True))[0].sum(), x)[0]
    near(forward, (backward * tangent).sum(), 1e-9)
    network.executor = "reference"
    assert torch.autograd.gradgradcheck(
        lambda value: network(value)[0], x[:1, :2].detach().requires_grad_(True)
    )


@pytest.mark.parametrize("cell", TORCH)
def test_second_derivatives_by_default(cell):
    """cuDNN has none, and says so; the plain loop has them."""
    network = build(cell, (), layers=1, device=DEVICE)
    x, _ = call(network, (), 2, 3)
    x.requires_grad_(True)
    if DEVICE.type == "cuda":
        (first,) = torch.autograd.grad(network(x)[0].square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="Double backwards is not supported for CuDNN RNNs"):
            first.sum().backward()
        network.executor = "reference"
    assert torch.autograd.gradgradcheck(lambda value: network(value)[0], x)


def test_the_plan_names_the_device():
    network = build("lstm", (), device=DEVICE)
    x, _ = call(network, ())
    if DEVICE.type == "cuda":
        assert str(network.plan(x)) == "vendor: lstm, float64, cuda\nnative refused: the input is on cuda"
        assert network.plan(x, readings=True).chosen == "reference"
    network.executor = "native"
    if DEVICE.type == "cuda":
        with pytest.raises(RecipeError, match="the input is on cuda"):
            network(x)


def test_every_option_that_computes_is_in_the_pairs():
    assert {one for cell in CELLS for chosen in pairs(cell) for one in chosen} >= set(OPTIONS) - STARTS
