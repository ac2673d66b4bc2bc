"""Gates read inside any model: against NumPy transcriptions, with the model and its randomness as they were."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.references import gru, lstm, network, rnn
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import elman
from elman.core.errors import RecipeError, UnknownName

# torch says once that it has no faster kernel for these
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")
LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}
TRANSCRIBED = {"lstm": lstm.step, "gru": gru.step, "rnn": rnn.step}
PARTS = {"lstm": ("h", "c"), "gru": ("h",), "rnn": ("h",)}
X = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))


class Deep(nn.Module):
    """A layer far inside a model, beside what is none of ours."""

    def __init__(self, layer):
        super().__init__()
        self.body = nn.ModuleDict({"encoder": nn.ModuleList([nn.Identity(), layer])})
        self.head = nn.Linear(2, 2)

    def forward(self, *inputs):
        return self.body["encoder"][1](*inputs)


def weights_of(module, end):
    """A torch module's weights under the names of the transcriptions."""
    names = {f"{kind}_{place}{end}": f"{place}.{kind}" for kind in ("weight", "bias") for place in ("ih", "hh", "hr")}  # fmt: skip
    return {ours: getattr(module, theirs).detach().numpy() for theirs, ours in names.items() if getattr(module, theirs, None) is not None}  # fmt: skip


def tensors(value):
    """All tensors in an output, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [one for part in value if part is not None for one in tensors(part)]


def same(a, b):
    assert len(tensors(a)) == len(tensors(b))
    assert all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b)))


def inventory(model):
    """All that a module carries apart from the values of its weights."""
    return [
        {name: sorted(map(str, value)) if isinstance(value, dict) else repr(value) for name, value in vars(one).items()}
        for one in model.modules()
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(LAYERS)),
    depth=st.integers(1, 3),
    wide=st.booleans(),
    batch_first=st.booleans(),
    bias=st.booleans(),
    projection=st.sampled_from([0, 2]),
    form=st.sampled_from(["batch", "single", "packed"]),
    stateful=st.booleans(),
    relu=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_readings_equal_the_transcriptions(
    kind, depth, wide, batch_first, bias, projection, form, stateful, relu, seed
):
    torch.manual_seed(seed)
    projection = projection if kind == "lstm" else 0
    options = {"proj_size": projection} if projection else {}
    options |= {"nonlinearity": "relu" if relu else "tanh"} if kind == "rnn" else {}
    layer = LAYERS[kind](
        3, 4, depth, bias=bias, batch_first=batch_first, bidirectional=wide, **options
    ).double()
    model = Deep(layer)
    batch, time = (1 if form == "single" else 3), 5
    lengths = torch.randint(1, time + 1, (batch,)) if form == "packed" else torch.full((batch,), time)
    x = torch.randn(batch, time, 3, dtype=torch.float64)
    sides, parts = 1 + wide, PARTS[kind]
    sizes = [projection or 4, 4][: len(parts)]
    state = [torch.randn(depth * sides, batch, size, dtype=torch.float64) for size in sizes]
    given_x, given_state = x if batch_first else x.transpose(0, 1), state
    if form == "single":
        given_x, given_state = x[0], [part[:, 0] for part in state]
    if form == "packed":
        given_x = pack_padded_sequence(given_x, lengths, batch_first, enforce_sorted=False)
    hx = tuple(given_state) if len(parts) > 1 else given_state[0]
    inputs = (given_x, hx) if stateful else (given_x,)
    expected = model(*inputs)
    with elman.observe(model) as seen:
        same(model(*inputs), expected)

    def step(w, value, old):
        return (
            rnn.step(w, value, old, layer.nonlinearity) if kind == "rnn" else TRANSCRIBED[kind](w, value, old)
        )

    layers = [
        [weights_of(layer, f"_l{d}" + "_reverse" * side) for side in range(sides)] for d in range(depth)
    ]
    for row, length in enumerate(lengths.tolist()):
        start = [
            [[part[d * sides + side, row].numpy() * stateful for part in state] for side in range(sides)]
            for d in range(depth)
        ]
        _, _, read = network.run(
            step, layers, x[row, : int(lengths.max())].numpy(), parts=parts, hidden=4, start=start, fresh=start,
            length=length, reset=np.zeros(time, bool), projection=projection or None,
        )  # fmt: skip
        assert set(seen) == {f"body.encoder.1.{name}" for name in read}
        for name, value in read.items():
            mine = seen[f"body.encoder.1.{name}"]
            assert not mine.requires_grad
            np.testing.assert_allclose(mine if form == "single" else mine[row], value, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_loop_over_a_step_cell_reads_as_one_sequence(kind, single, bias):
    torch.manual_seed(0)
    cell = STEPS[kind](3, 5, bias=bias).double()
    model, x, state, outputs = nn.ModuleDict({"cell": cell}), X.double(), None, []
    with elman.observe(model) as seen:
        for t in range(7):
            state = cell(input=x[0, t] if single else x[:, t], hx=state)
            outputs.append(state[0] if kind == "lstm" else state)
    names = {name.removeprefix("cell.layers.0.forward.") for name in seen}
    assert names == {*PARTS[kind], *elman.RNN(kind, 1, 1).readings}
    torch.testing.assert_close(
        seen["cell.layers.0.forward.h"], torch.stack(outputs, -2), rtol=1e-12, atol=1e-12
    )
    w, old = weights_of(cell, ""), [np.zeros(5)] * len(PARTS[kind])
    for t in range(7):
        old, read = TRANSCRIBED[kind](w, x[0, t].numpy(), old)
        for name, value in read.items():
            mine = seen[f"cell.layers.0.forward.{name}"]
            np.testing.assert_allclose(mine[t] if single else mine[0, t], value, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_dropout_in_training_is_the_modules_own(kind, packed, batch_first):
    """The last layer's h is the output only where the very same mask fell between the layers."""
    torch.manual_seed(0)
    layer = LAYERS[kind](3, 5, 3, dropout=0.5, bidirectional=True, batch_first=batch_first)
    x = X if batch_first else X.transpose(0, 1)
    if packed:
        x = pack_padded_sequence(x, torch.tensor([3, 7, 1, 5]), batch_first, enforce_sorted=False)
    runs = []
    for watched in (False, True):
        torch.manual_seed(1)
        layer.zero_grad()
        if watched:
            with elman.observe(layer) as seen:
                output, state = layer(x)
        else:
            output, state = layer(x)
        tensors(output)[0].square().sum().backward()
        runs.append(
            (
                tensors(output)[0],
                *tensors(state),
                torch.rand(3),
                *(p.grad.clone() for p in layer.parameters()),
            )
        )
    same(runs[0], runs[1])
    if packed:
        output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first)
    output = output if batch_first else output.transpose(0, 1)
    h = torch.cat([seen[f"layers.2.{side}.h"] for side in ("forward", "backward")], -1)
    torch.testing.assert_close(h, output, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", [True, False])
def test_our_own_network_inside_a_model(mode):
    torch.manual_seed(0)
    ours = elman.RNN("gru_before", 3, 5, 2, zoneout=0.3, dropout=0.4, weight_drop=0.2, bidirectional=True)
    model = Deep(ours).train(mode)
    lengths, reset = torch.tensor([7, 2, 5, 1]), torch.zeros(4, 7, dtype=torch.bool)
    reset[:, 3] = True
    torch.manual_seed(1)
    expected, after = model(X, None, lengths, reset), torch.rand(2)
    torch.manual_seed(1)
    with elman.observe(model) as seen:
        found = model(X, None, lengths, reset)
    same((found[0], torch.rand(2)), (expected[0], after))
    assert seen["body.encoder.1.layers.1.backward.update_gate"].shape == (4, 7, 5)
    if not mode:
        with elman.observe(model) as seen:
            model(X, None, lengths)
        for name, value in ours.trace(X, lengths).items():
            assert torch.equal(seen[f"body.encoder.1.{name}"], value)


def test_several_calls_and_shared_modules():
    layer = nn.GRU(3, 3, batch_first=True)
    model = nn.Sequential()
    model.left, model.right = layer, layer
    with elman.observe(model) as seen:
        outputs = [model.left(X)[0], model.right(X[:2, :4])[0]]
    name = "right.layers.0.forward.h"
    with pytest.raises(RecipeError, match=r"2 calls.*seen\.calls"):
        seen[name]
    for call, also, output in zip(seen.calls[name], seen.calls[name.replace("right", "left")], outputs):
        torch.testing.assert_close(call, output)
        assert torch.equal(call, also)
    cell = nn.GRUCell(3, 5)
    with elman.observe(cell) as seen:
        cell(X[:, 0]), cell(X[:2, 0])
    with pytest.raises(RecipeError, match="2 calls"):
        seen["layers.0.forward.h"]


@pytest.mark.parametrize("layer", [nn.LSTM(3, 5, 2, dropout=0.5), nn.GRUCell(3, 5), elman.RNN("lstm", 3, 5)])
def test_the_model_is_left_as_it_was_also_after_an_error(layer):
    model = Deep(layer)
    model.body["encoder"][1].register_forward_hook(lambda *_: None)
    before, weights = inventory(model), copy.deepcopy(model.state_dict())
    step = X[:, 0] if isinstance(layer, nn.GRUCell) else X
    with elman.observe(model):
        model(step)
    assert inventory(model) == before
    with pytest.raises(ZeroDivisionError), elman.observe(model):
        model(step)
        1 / 0  # noqa: B018
    assert inventory(model) == before
    with pytest.raises((RuntimeError, RecipeError)), elman.observe(model):
        model(step[..., :2])
    assert inventory(model) == before
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_weights_are_those_of_the_call():
    layer = nn.GRU(3, 5, batch_first=True)
    with elman.observe(layer) as seen:
        first = layer(X)[0]
        with torch.no_grad():
            layer.weight_hh_l0.mul_(-2.0)
        second = layer(X)[0]
    for call, output in zip(seen.calls["layers.0.forward.h"], (first, second)):
        torch.testing.assert_close(call, output)


def test_a_computed_weight_and_a_hook_that_changes_the_output():
    layer = nn.utils.parametrizations.weight_norm(nn.LSTMCell(3, 5), "weight_hh")
    layer.register_forward_hook(lambda module, args, output: (output[0] * 3, output[1]))
    with elman.observe(layer) as seen:
        h, _ = layer(X[:, 0])
    torch.testing.assert_close(seen["layers.0.forward.h"][:, 0] * 3, h)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lower_precision(dtype):
    layer = nn.LSTM(3, 5, 2, batch_first=True).to(dtype)
    with elman.observe(layer) as seen:
        output, _ = layer(X.to(dtype))
    assert seen["layers.1.forward.h"].dtype == dtype
    torch.testing.assert_close(seen["layers.1.forward.h"], output, rtol=0, atol=0.02)


@pytest.mark.parametrize("kind", LAYERS)
def test_under_autocast_readings_differ_by_its_rounding_and_no_more(kind):
    torch.manual_seed(0)
    layer = LAYERS[kind](3, 5, 2, batch_first=True)
    with torch.autocast("cpu", torch.bfloat16), elman.observe(layer) as seen:
        output, _ = layer(X)
    h = seen["layers.1.forward.h"]
    assert h.dtype == torch.float32
    torch.testing.assert_close(h, output.float(), rtol=0, atol=0.02)
    other = Turned(3, 5)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(RecipeError, match="do not explain its output"), elman.observe(other):  # fmt: skip
        other(X)


class Turned(nn.GRU):
    """A subclass whose output is far from its equations."""

    def forward(self, input, hx=None):
        output, state = super().forward(input, hx)
        return -output, state


class Louder(nn.GRU):
    """A subclass whose forward is its own."""

    def forward(self, input, hx=None):
        output, state = super().forward(input, hx)
        return output * 1.01, state


@pytest.mark.parametrize(("path", "label"), [(None, "Louder"), ("encoder", "encoder")])
def test_a_forward_of_its_own_is_refused_by_name_with_how_far_it_is_off(path, label):
    torch.manual_seed(0)
    layer = Louder(3, 5)
    model = nn.ModuleDict({path: layer}) if path else layer
    with pytest.raises(RecipeError, match=f"equations of {label} do not explain its output") as refusal, elman.observe(model):  # fmt: skip
        layer(X)
    off = float(re.search(r"largest difference: ([\d.e-]+),", str(refusal.value))[1])
    assert off == pytest.approx(float(layer(X)[0].detach().abs().max() * (1 - 1 / 1.01)), rel=0.01)


def test_large_values_and_nan_are_explained_too():
    """Rounding is allowed for in proportion to the output; an input of NaN gives NaN, in the readings as in the output."""
    torch.manual_seed(0)
    layer = nn.RNN(3, 5, nonlinearity="relu", batch_first=True)
    with elman.observe(layer) as seen:
        output = layer(X * 1e6)[0].detach()
    assert float(output.max()) > 1e5
    torch.testing.assert_close(
        seen["layers.0.forward.h"], output, rtol=1e-5, atol=1.0
    )  # of up to 1e6: float32 in another order
    x = X.clone()
    x[0, 3] = torch.nan
    with elman.observe(layer) as seen:
        output = layer(x)[0].detach()
    assert torch.equal(seen["layers.0.forward.h"].isnan(), output.isnan()) and output.isnan().any()


class Alone(nn.Module):
    """A layer's output without its state."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::torch.jit.TracerWarning")
def test_what_cannot_be_observed_is_told():
    with pytest.raises(RecipeError, match=r"Linear has no recurrent layer.*torch\.nn\.LSTM"), elman.observe(nn.Linear(1, 1)):  # fmt: skip
        pass
    with pytest.raises(RecipeError, match=r"got a int to observe"), elman.observe(3):
        pass
    layer = nn.GRU(3, 5)
    with (
        pytest.raises(RecipeError, match=r"^0 is compiled"),
        elman.observe(nn.Sequential(torch.compile(layer))),
    ):
        pass
    with pytest.raises(RecipeError, match=r"^the model is compiled"), elman.observe(torch.compile(layer)):
        pass
    wrapped = nn.Sequential(nn.Identity(), nn.ModuleDict({"encoder": Alone(layer)}))
    wrapped[1]["encoder"] = torch.jit.trace(wrapped[1]["encoder"], X)
    with (
        pytest.raises(RecipeError, match=r"^1\.encoder\.layer is scripted or traced"),
        elman.observe(wrapped),
    ):
        pass
    with elman.observe(nn.ModuleList([layer, torch.jit.script(nn.Linear(1, 1))])):
        pass  # a scripted part that has nothing to read is none of ours
    with elman.observe(nn.Sequential(layer)) as seen:
        with pytest.raises(RecipeError, match="none of the observed modules has run: 0"):
            seen["0.layers.0.forward.h"]
        layer(X)
        with pytest.raises(UnknownName, match=re.escape("Did you mean '0.layers.0.forward.reset_gate'")):
            seen["0.layers.0.forward.resetgate"]
        assert "nothing" not in seen and len(seen) == len(dict(seen)) == 4


def test_there_is_no_dropout_in_evaluation_and_the_mode_may_change_inside_the_block():
    layer = nn.LSTM(3, 5, 3, dropout=0.5, batch_first=True)
    with elman.observe(layer) as seen:
        outputs = [layer.train(mode)(X)[0] for mode in (False, True, False)]
    for call, output in zip(seen.calls["layers.2.forward.h"], outputs):
        torch.testing.assert_close(call, output, rtol=1e-5, atol=1e-6)


def test_what_was_seen_prints_its_names_and_shapes() -> None:
    layer = nn.GRU(2, 3, batch_first=True)
    with elman.observe(layer) as seen:
        layer(torch.zeros(4, 5, 2))
    assert str(seen).splitlines()[:2] == ["4 readings of GRU", "  layers.0.forward.candidate (4, 5, 3)"]
