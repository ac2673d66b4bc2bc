"""One suite over all cells and executors: what every cell and every executor promises. Discovered, never listed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.catalogue import catalogue
from elman.core.errors import ElmanError, RecipeError, UnknownName
from elman.engine.kernels import library
from elman.engine.plan import executors
from elman.models.rnn import RNN

CELLS = sorted(catalogue("cells"))
TORCH = ("lstm", "gru", "rnn")
PAIRS = [(cell, executor) for cell in CELLS for executor in sorted(catalogue("engine.executors"))]


def make(cell, executor="auto", **options):
    torch.manual_seed(1)
    network = RNN(cell, 3, 5, executor=executor, **options).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def transcription(cell):
    return importlib.import_module(f"tests.references.{cell}")


def serves(cell, executor, lengths=None):
    network = make(cell)
    from elman.engine.contract import Call

    kind = network.layers[0][0]
    call = Call(kind, torch.zeros(2, 2, 3).double(), kind.initial_state(2), lengths)
    return executors()[executor].refuses(call) is None


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    cell, executor = request.param
    if not serves(cell, executor):
        pytest.skip(f"{executor} refuses {cell}")
    return cell, executor


def same(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_every_cell_has_an_independent_reference():
    assert all(callable(transcription(cell).step) for cell in CELLS)


def test_equals_the_numpy_transcription(pair):
    cell, executor = pair
    network = make(cell, executor)
    weights = {name: value.detach().numpy() for name, value in network.layers[0][0].named_parameters()}
    x = np.random.default_rng(0).normal(size=(7, 3))
    state = tuple(np.zeros(5) for _ in network.state_names)
    readout = getattr(transcription(cell), "readout", lambda weights, x, state: state[0])
    outputs, readings = [], []
    for row in x:
        state, seen = transcription(cell).step(weights, row, state)
        outputs.append(readout(weights, row, state))
        readings.append(seen)
    output, end = network(torch.from_numpy(x)[None])
    same(output[0].detach(), torch.tensor(np.array(outputs)))
    for mine, theirs in zip(end[0][0], state):
        same(mine[0].detach(), torch.from_numpy(theirs))
    network.executor = "auto"
    trace = network.trace(torch.from_numpy(x)[None])
    assert set(readings[0]) == set(network.readings)
    for name in network.readings:
        same(
            trace[f"layers.0.forward.{name}"][0].detach(),
            torch.tensor(np.array([seen[name] for seen in readings])),
        )


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    bidirectional=st.booleans(),
    layers=st.integers(1, 2),
)
@settings(max_examples=12, deadline=None)
@pytest.mark.parametrize("cell", CELLS)
def test_ragged_is_each_alone(cell, lengths, bidirectional, layers):
    network = make(cell, num_layers=layers, bidirectional=bidirectional)
    x = torch.randn(len(lengths), max(lengths), 3).double()
    for row, length in enumerate(lengths):
        x[row, length:] = float("nan")  # padding must not matter, whatever it holds
    output, state = network(x, lengths=torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, end = network(x[row : row + 1, :length])
        same(output[row, :length], alone[0])
        assert (output[row, length:] == 0).all()
        for layer, other in zip(state, end):
            for one, two in zip(layer, other):
                for a, b in zip(one, two):
                    same(a[row], b[0])


def test_padding_gives_no_gradient_and_no_nan(pair):
    cell, executor = pair
    network = make(cell, executor)
    x = torch.randn(2, 6, 3).double()
    x[1, 3:] = float("nan")
    x.requires_grad_(True)
    network(x, lengths=torch.tensor([6, 3]))[0].sum().backward()
    assert torch.isfinite(x.grad).all() and (x.grad[1, 3:] == 0).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_chunks_with_a_carried_state_are_the_whole(pair):
    cell, executor = pair
    network = make(cell, executor)
    x = torch.randn(2, 40, 3).double()
    whole, end = network(x)
    first, state = network(x[:, :33])
    second, last = network(x[:, 33:], state)
    same(torch.cat([first, second], 1), whole)
    for a, b in zip(end[0][0], last[0][0]):
        same(a, b)


def test_streaming_is_the_sequence(pair):
    cell, executor = pair
    network = make(cell, executor)
    x, state = torch.randn(2, 5, 3).double(), None
    whole, _ = network(x)
    for t in range(5):
        output, state = network.step(x[:, t], state)
        same(output, whole[:, t])


def test_executors_agree_in_value_and_gradient(pair):
    cell, executor = pair
    network, reference = make(cell, executor), make(cell, "reference")
    x = torch.randn(3, 37, 3).double()
    weight = torch.randn(3, 37, 5).double()
    results = []
    for one in (network, reference):
        one.eval()  # gradients must work in evaluation mode too
        inputs = x.clone().requires_grad_(True)
        output, state = one(inputs, lengths=torch.tensor([37, 20, 1]))
        (output * weight).sum().add(sum(part.sum() for part in state[0][0])).backward()
        results.append([output, inputs.grad, *(parameter.grad for parameter in one.parameters())])
    for a, b in zip(*results):
        same(a, b, 1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_gradcheck_twice(cell):
    network = make(cell, "reference")
    x = torch.randn(2, 3, 3).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda value: network(value)[0], x)
    assert torch.autograd.gradgradcheck(lambda value: network(value)[0], x)


@pytest.mark.parametrize("cell", CELLS)
def test_per_sample_gradients(cell):
    network = make(cell, num_layers=1)
    x = torch.randn(3, 4, 3).double()
    parameters = dict(network.named_parameters())

    def loss(values, row):
        return torch.func.functional_call(network, values, (row[None],))[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    for row in range(3):
        network.zero_grad()
        network(x[row : row + 1])[0].square().sum().backward()
        for name, parameter in network.named_parameters():
            same(each[name][row], parameter.grad, 1e-10)


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_parity_with_torch_both_ways(cell, bidirectional, dtype):
    torch.manual_seed(0)
    network = RNN(cell, 3, 5, 2, bidirectional=bidirectional).to(dtype)
    theirs = network.to_torch()
    again = RNN.from_torch(theirs)
    x = torch.randn(4, 9, 3, dtype=dtype)
    # float32: the reference's own error against float64 on this input is about 2e-7; ten times that.
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    same(network(x)[0], theirs(x)[0], tolerance)
    same(again(x)[0], theirs(x)[0], tolerance)
    for name, value in network.state_dict().items():
        same(value, again.state_dict()[name])


@pytest.mark.parametrize("cell", CELLS)
def test_options_compose(cell):
    x, lengths = torch.randn(3, 8, 3).double(), torch.tensor([8, 5, 2])
    reset = torch.zeros(3, 8, dtype=torch.bool)
    reset[:, 4] = True
    network = make(
        cell,
        layer_norm=True,
        zoneout=0.3,
        learned_initial_state=True,
        bidirectional=True,
        num_layers=2,
        residual=True,
    )
    output, _ = network.eval()(x, lengths=lengths, reset=reset)
    for row, length in enumerate(lengths.tolist()):
        same(
            network(x[row : row + 1, :length], reset=reset[row : row + 1, :length])[0][0],
            output[row, :length],
        )


@pytest.mark.parametrize("cell", CELLS)
def test_a_reset_forgets(cell):
    network = make(cell)
    x = torch.randn(1, 8, 3).double()
    reset = torch.zeros(1, 8, dtype=torch.bool)
    reset[0, 5] = True
    same(network(x, reset=reset)[0][:, 5:], network(x[:, 5:])[0])


@pytest.mark.parametrize("cell", CELLS)
def test_zoneout_holds_by_mask_in_training_and_by_rate_in_evaluation(cell):
    network = make(cell, "reference", zoneout=0.5)
    x = torch.randn(1, 1, 3).double()
    plain = make(cell, "reference")(x)[1][0][0]
    for part, whole in zip(network.eval()(x)[1][0][0], plain):
        same(part, whole / 2)
    for part, whole in zip(network.train()(x)[1][0][0], plain):
        assert ((part == 0) | (part - whole).abs().lt(1e-12)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_scan_and_reference_agree_with_every_option(cell):
    if not serves(cell, "scan"):
        pytest.skip("not linear")
    x, reset = torch.randn(2, 70, 3).double(), torch.rand(2, 70) < 0.1
    networks = [make(cell, executor, zoneout=0.2).eval() for executor in ("scan", "reference")]
    results = [one(x, lengths=torch.tensor([70, 41]), reset=reset) for one in networks]
    same(results[0][0], results[1][0])
    traces = [one.trace(x, lengths=torch.tensor([70, 41])) for one in networks]
    for name in traces[0]:
        same(traces[0][name], traces[1][name])


def test_deterministic_under_a_seed():
    outputs = []
    for _ in range(2):
        network = make("gru", zoneout=0.3)
        torch.manual_seed(7)
        outputs.append(network(torch.ones(2, 5, 3).double())[0])
    same(*outputs)


def test_save_and_load(tmp_path):
    network, other = make("lstm"), RNN("lstm", 3, 5).double()
    torch.save(network.state_dict(), tmp_path / "w.pt")
    other.load_state_dict(torch.load(tmp_path / "w.pt"))
    x = torch.randn(1, 4, 3).double()
    same(network(x)[0], other(x)[0])


def test_plan_says_who_ran_and_why_not():
    plan = str(RNN("lstm", 3, 5).plan(torch.zeros(1, 2, 3)))
    if library() is None:
        assert plan.startswith("vendor: lstm, float32, cpu\nnative refused: the kernels were not built")
    else:
        assert plan == "native: lstm, float32, cpu"
    text = str(RNN("lstm", 3, 5, layer_norm=True).plan(torch.zeros(1, 2, 3)))
    assert (
        text == "native: lstm, float32, cpu" if library() is not None else text.startswith("reference: lstm")
    )
    text = str(RNN("gru_before", 3, 5, layer_norm=True).plan(torch.zeros(1, 2, 3)))
    assert text.startswith("reference: grubefore") and "native refused: no kernel for GRUBefore" in text
    assert "scan" in str(RNN("mingru", 3, 5).plan(torch.zeros(1, 2, 3)))


def test_a_forced_executor_that_refuses_says_why(monkeypatch):
    with pytest.raises(RecipeError, match="no kernel for MinGRU"):
        RNN("mingru", 3, 5, executor="vendor")(torch.zeros(1, 2, 3))
    with pytest.raises(UnknownName, match="vendor"):
        RNN("gru", 3, 5, executor="vendr")(torch.zeros(1, 2, 3))
    monkeypatch.setenv("ELMAN_EXECUTOR", "reference")
    assert str(RNN("gru", 3, 5).plan(torch.zeros(1, 2, 3))).startswith("reference")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "lstn"}, "Did you mean 'lstm'"),
        ({"cell": "lstm", "activation": "relu"}, "Cells that do: rnn"),
        ({"cell": "rnn", "activation": "rely"}, "Did you mean 'relu'"),
        ({"cell": "gru", "dropout": 1.5}, "expected a share"),
        ({"cell": "gru", "num_layers": 0}, "at least 1"),
    ],
)
def test_errors_name_the_fix(options, words):
    with pytest.raises(ElmanError, match=words):
        RNN(options.pop("cell"), 3, **{"hidden_size": 5, **options})


@pytest.mark.parametrize("x", [torch.zeros(2, 3), torch.zeros(1, 2, 4), torch.zeros(1, 0, 3)])
def test_wrong_shapes_are_told(x):
    with pytest.raises(ElmanError, match="expected"):
        RNN("gru", 3, 5)(x)


@pytest.mark.parametrize("cell", CELLS)
def test_a_replica_of_data_parallel_runs(cell):
    """Its weights are attributes, not parameters: as torch.nn.parallel.replicate leaves it on each GPU."""

    def replica(module):
        made = module._replicate_for_data_parallel()
        made._former_parameters = dict(module._parameters)
        made.__dict__.update(module._parameters)
        made._modules = {name: replica(part) for name, part in module._modules.items()}
        return made

    network, x = make(cell, num_layers=2, bidirectional=True, layer_norm=True), torch.randn(3, 6, 3).double()
    same(
        replica(network)(x, lengths=torch.tensor([6, 2, 0]))[0],
        network(x, lengths=torch.tensor([6, 2, 0]))[0],
    )


def test_a_cell_of_ones_own_runs_everywhere():
    from elman.cells.contract import Affine, Cell

    class Leaky(Cell):
        readings = ("candidate",)

        def __init__(self, input_size, hidden_size):
            super().__init__(input_size, hidden_size)
            self.ih, self.hh = Affine(input_size, hidden_size), Affine(hidden_size, hidden_size)
            for affine in (self.ih, self.hh):
                torch.nn.init.normal_(affine.weight)

        def project(self, x):
            return self.ih(x)

        def step(self, projected, state):
            n = (projected + self.hh(state.h)).tanh()
            return self.State(0.9 * state.h + 0.1 * n), (n,)

    network = RNN(Leaky, 3, 5, 2, bidirectional=True)
    output, _ = network(torch.randn(2, 6, 3), lengths=torch.tensor([6, 3]))
    assert output.shape == (2, 6, 10) and "layers.1.backward.candidate" in network.trace(torch.randn(2, 6, 3))
