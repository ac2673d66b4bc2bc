"""Elman beside the rest of torch where a GPU is: torch.nn, observe, autocast, half precision, compile, export."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.contract.choices import CELLS, build, call, near
from torch import nn

import elman
from elman import RNN
from elman.core.errors import RecipeError

from .gpu import DEVICE, MARKS, TORCH, serving, tensors

pytestmark = MARKS
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_to_torch_and_back_keeps_the_device(cell, bidirectional):
    torch.manual_seed(0)
    theirs = LAYERS[cell](3, 5, 2, bidirectional=bidirectional, batch_first=True).to(DEVICE, torch.float64)
    x = torch.randn(4, 9, 3).to(theirs.weight_ih_l0)
    mine = RNN.from_torch(theirs)
    again = mine.to_torch()
    assert {value.device.type for one in (mine, again) for value in one.parameters()} == {DEVICE.type}
    near(mine(x)[0], theirs(x)[0], 1e-12)
    near(again(x)[0], theirs(x)[0], 1e-12)
    step = STEPS[cell](3, 5).to(DEVICE, torch.float64)
    h = step(x[:, 0])
    near(RNN.from_torch(step)(x[:, :1])[0][:, 0], h[0] if cell == "lstm" else h, 1e-12)


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("packed", [False, True])
def test_observed_gates_are_those_of_a_cpu(cell, packed):
    torch.manual_seed(0)
    layer = LAYERS[cell](3, 5, 2, bidirectional=True, batch_first=True).double().eval()
    x = torch.randn(4, 7, 3).double()
    if packed:
        x = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 7, 1, 5]), True, enforce_sorted=False)
    model = nn.ModuleDict({"encoder": layer})
    seen = []
    for device in ("cpu", DEVICE):
        model.to(device)
        before = torch.cuda.get_rng_state() if DEVICE.type == "cuda" else None
        with elman.observe(model) as found:
            layer(x.to(device))
        assert before is None or torch.equal(before, torch.cuda.get_rng_state())
        seen.append(found)
    assert sorted(seen[0]) == sorted(seen[1])
    for key in seen[0]:
        assert key.startswith("encoder.layers.") and seen[1][key].device.type == DEVICE.type
        near(seen[1][key], seen[0][key], 1e-10)


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_observed_in_lower_precision(cell, dtype):
    torch.manual_seed(0)
    layer = LAYERS[cell](32, 64, 2, batch_first=True).to(DEVICE, dtype).eval()
    x = torch.randn(4, 50, 32).to(DEVICE, dtype)
    with elman.observe(layer) as seen:
        output = layer(x)[0]
    near(seen["layers.1.forward.h"].float(), output.float(), 0.05)
    step = STEPS[cell](32, 64).to(DEVICE, dtype)
    with elman.observe(step) as seen:
        after = step(x[:, 0])
    near(seen["layers.0.forward.h"][:, 0].float(), (after[0] if cell == "lstm" else after).float(), 0.05)


def test_dropout_between_torchs_layers_in_training():
    layer = nn.LSTM(3, 5, 2, dropout=0.5).to(DEVICE)
    x = torch.randn(4, 7, 3, device=DEVICE)
    if DEVICE.type == "cuda":
        with pytest.raises(RecipeError, match="inside a kernel of cuda"), elman.observe(layer):
            layer(x)
    with elman.observe(layer.eval()) as seen:
        layer(x)
    assert len(seen) == 12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_autocast(cell, dtype):
    network = build(cell, (), size=8, hidden=8, dtype=torch.float32, device=DEVICE).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    x, given = call(network, ("lengths",))
    x = x.nan_to_num(0.0)
    exact, state = network(x, **given)
    with torch.autocast(DEVICE.type, dtype):
        served = list(serving(network, x))
    for network.executor in served:
        network.zero_grad()
        with torch.autocast(DEVICE.type, dtype):
            output, carried = network(x, **given)
            again, end = network(x, carried)
            stepped, _ = network.step(x[:, 0], end)
            trace = network.trace(x, given["lengths"])["layers.1.forward.h"]
        near(output.float(), exact, 0.08)
        near(trace.float(), exact, 0.08)
        network.executor = "auto"
        near(again.float(), network(x, state)[0], 0.08)
        near(stepped.float(), network.step(x[:, 0], network(x, state)[1])[0], 0.1)
        (output.float().sum() + again.float().sum()).backward()
        for parameter in network.parameters():
            assert parameter.grad.dtype == torch.float32 and parameter.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_a_network_in_half_precision(cell, dtype):
    network = build(cell, (), size=8, hidden=8, dtype=torch.float32, device=DEVICE).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    x, given = call(network, ("lengths",))
    x = x.nan_to_num(0.0)
    exact = network(x, **given)[0]
    network.to(dtype)
    for _ in serving(network, x.to(dtype)):
        output, _ = network(x.to(dtype), **given)
        assert output.dtype == dtype
        near(output.float(), exact, 0.1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("cell", "executor"), [("gru", "vendor"), ("lstm", "vendor"), ("rnn", "vendor"), ("lru", "scan"), ("mgu", "reference")]
)  # fmt: skip
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_compiled_network_has_the_same_gradients(cell, executor, backend):
    if DEVICE.type == "cpu" and (backend, cell) != ("aot_eager", "gru"):
        pytest.skip("slow on a CPU")
    torch._dynamo.reset()
    network = build(cell, (), device=DEVICE).eval()
    network.executor = executor
    x, given = call(network, ("lengths",), time=4)
    x = x.nan_to_num(0.0)
    compiled, found = torch.compile(network, backend=backend, fullgraph=True, dynamic=False), []
    for run in (compiled, network):
        network.zero_grad()
        output, state = run(x, None, given["lengths"])
        (output.square().sum() + sum(end.sum() for end in tensors(state))).backward()
        found.append([output, *(parameter.grad.clone() for parameter in network.parameters())])
    for mine, other in zip(*found):
        near(mine, other, 1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
def test_an_exported_network_takes_other_batches(cell):
    network = build(cell, (), device=DEVICE).eval()
    x, _ = call(network, (), 3, 4)
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(network, (x,), dynamic_shapes=({0: batch},)).module()
    other, _ = call(network, (), 5, 4)
    near(exported(other)[0], network(other)[0], 1e-10)


def test_weights_travel_between_devices(tmp_path):
    network = build("lstm", (), device=DEVICE)
    x, _ = call(network, ())
    torch.save(network.state_dict(), tmp_path / "w.pt")
    other = build("lstm", (), seed=4)
    other.load_state_dict(torch.load(tmp_path / "w.pt", map_location="cpu"))
    near(other(x.cpu())[0], network(x)[0], 1e-10)
    near(other.to(DEVICE)(x)[0], network(x)[0], 1e-10)
    near(other.cpu()(x.cpu())[0], network(x)[0], 1e-10)


@pytest.mark.filterwarnings("error:RNN module weights")
@pytest.mark.parametrize(
    ("cell", "options"),
    [("lstm", {}), ("gru", {}), ("rnn", {"activation": "relu"}), ("lstm", {"projection_size": 3})],
    ids=str,
)
def test_weights_on_a_gpu_are_one_block_for_cudnn(cell, options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), RNN(cell, 4, 6, 2, bidirectional=True, **options)).double()
    x, names = torch.randn(3, 5, 4).double(), [name for name, _ in model.named_parameters()]
    expected, before = model(x)[0], {key: value.clone() for key, value in model.state_dict().items()}
    identity = [id(parameter) for parameter in model.parameters()]
    model.to(DEVICE)
    assert [id(parameter) for parameter in model.parameters()] == identity
    assert [name for name, _ in model.named_parameters()] == names
    for key, value in model.state_dict().items():
        assert torch.equal(value.cpu(), before[key])
    for layer in model[1].layers:
        for one in layer:
            blocks = {part.untyped_storage().data_ptr() for part in one.parameters()}
            assert len(blocks) == 1 or DEVICE.type == "cpu"
    near(model(x.to(DEVICE))[0], expected, 1e-10)  # a warning of weights that lie apart would be an error
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model(x.to(DEVICE))[0].square().sum().backward()
    optimizer.step()
    near(model(x.to(DEVICE))[0], copy.deepcopy(model).cpu()(x)[0], 1e-10)
