"""Single steps: fused where torch has one, else the cell's own; the same numbers as the sequence."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from elman.core.catalogue import catalogue
from elman.core.errors import RecipeError
from elman.engine import kernels, streaming
from elman.models.rnn import RNN

OPTIONS = (
    {},
    {"num_layers": 3, "residual": True},
    {"layer_norm": True},
    {"zoneout": 0.3},
    {"learned_initial_state": True},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", sorted(catalogue("cells")))
def test_steps_are_the_sequence_with_every_option(cell, options):
    torch.manual_seed(0)
    network = RNN(cell, 5, 5, **options).double().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, state = torch.randn(2, 6, 5).double(), None
    with torch.no_grad():
        whole, end = network(x)
        for t in range(6):
            output, state = network.step(x[:, t], state)
            torch.testing.assert_close(output, whole[:, t], rtol=1e-12, atol=1e-12)
    for layer, other in zip(state, end):
        assert type(layer[0]) is type(other[0])
        torch.testing.assert_close(tuple(layer[0]), tuple(other[0]), rtol=1e-12, atol=1e-12)


def test_steps_have_gradients_and_vectorise():
    network = RNN("gru", 3, 5).double()
    x = torch.randn(4, 3).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda value: network.step(value)[0], x)
    each = torch.func.vmap(lambda row: network.step(row[None])[0][0])(x)
    torch.testing.assert_close(each, network.step(x)[0])


def test_wrong_steps_are_told():
    with pytest.raises(RecipeError, match="bidirectional"):
        RNN("gru", 3, 5, bidirectional=True).step(torch.zeros(1, 3))
    with pytest.raises(RecipeError, match=r"expected \(batch, 3\)"):
        RNN("gru", 3, 5).step(torch.zeros(1, 1, 3))
    with pytest.raises(RecipeError, match="no kernel for MinGRU"):
        RNN("mingru", 3, 5, executor="vendor").step(torch.zeros(1, 3))
    with pytest.raises(RecipeError, match=r"initial_state\(1\)"):
        network = RNN("gru", 3, 5)
        network.step(torch.zeros(1, 3), network.initial_state(2))


@pytest.fixture(params=["portable", "avx2", "avx512"])
def instruction_set(request, monkeypatch):
    """Each one that this machine has; kernels kept from step to step are made anew."""
    if kernels.library() is None:
        pytest.skip("the kernels were not built")
    if kernels.INSTRUCTION_SETS.index(request.param) > kernels.library().elman_native_isa():
        pytest.skip(f"this machine has no {request.param}")
    monkeypatch.setenv("ELMAN_NATIVE_ISA", request.param)


CELLS = [("gru", {}), ("lstm", {}), ("rnn", {}), ("rnn", {"activation": "relu"})]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("cell", "options"), CELLS)
def test_the_quick_step_is_the_step_of_the_cell(instruction_set, cell, options, dtype):
    for size, hidden, batch in [
        (1, 1, 1),
        (3, 5, 1),
        (17, 33, 2),
        (16, 16, 3),
        (31, 64, 4),
        (40, 19, 1),
        (64, 128, 2),
        (32, 8, 1),
    ]:
        torch.manual_seed(size)
        network = RNN(cell, size, hidden, 2, **options).to(dtype)
        slow = copy.deepcopy(network)
        slow.executor = "reference"
        with torch.no_grad():
            state = other = network.initial_state(batch)
            for _ in range(3):
                x = torch.randn(batch, size, dtype=dtype)
                assert network.streams.step(network.layers, x, state, "auto") is not None
                y, state = network.step(x, state)
                expected, other = slow.step(x, other)
                tolerance = 2e-6 if dtype == torch.float32 else 1e-13
                torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)
                for mine, theirs in zip(state, other):
                    torch.testing.assert_close(
                        tuple(mine[0]), tuple(theirs[0]), rtol=tolerance, atol=tolerance
                    )


needs_kernels = pytest.mark.skipif(kernels.library() is None, reason="the kernels were not built")


@needs_kernels
def test_changed_and_replaced_weights_are_seen():
    network, x = RNN("gru", 4, 6), torch.randn(1, 4)
    with torch.no_grad():
        state = network.initial_state(1)
        first, _ = network.step(x, state)
        network.layers[0][0].hh.bias.add_(1.0)
        second, _ = network.step(x, state)
        assert not torch.allclose(first, second)
        network.load_state_dict(RNN("gru", 4, 6).state_dict())
        third, _ = network.step(x, state)
        torch.testing.assert_close(third, network(x[:, None])[0][:, 0])
        network.layers[0][0].ih.weight = torch.nn.Parameter(torch.zeros(18, 4))
        torch.testing.assert_close(network.step(x, state)[0], network(x[:, None])[0][:, 0])
        cell = network.layers[0][0]
        cell.hh.weight.data = (
            cell.hh.weight.data[:, torch.arange(5, -1, -1)].t().contiguous().t()
        )  # not dense
        torch.testing.assert_close(network.step(x, state)[0], network(x[:, None])[0][:, 0])
        network.layers[0] = RNN("gru", 4, 6).layers[0]
        torch.testing.assert_close(network.step(x, state)[0], network(x[:, None])[0][:, 0])
        network.double()
        again = network.initial_state(1)
        torch.testing.assert_close(network.step(x.double(), again)[0], network(x[:, None].double())[0][:, 0])


@needs_kernels
def test_an_old_state_stays_as_it_was():
    network, x = RNN("lstm", 4, 6), torch.randn(2, 4)
    with torch.no_grad():
        _, state = network.step(x, network.initial_state(2))
        kept = [part.clone() for part in state[0][0]]
        for _ in range(3):
            network.step(x, state)
        assert all(torch.equal(a, b) for a, b in zip(kept, state[0][0]))


@needs_kernels
def test_what_the_quick_step_does_not_know_goes_the_slow_way():
    network, x = RNN("gru", 4, 6), torch.randn(1, 4)
    state = network.initial_state(1)

    def quick(x, state):
        return network.streams.step(network.layers, x, state, "auto")

    with torch.no_grad():
        assert quick(x, state) is not None
        assert quick(torch.randn(9, 4), network.initial_state(9)) is None  # many rows
        assert quick(x, network.initial_state(2)) is None  # another batch
        assert quick(x.double(), state) is None
        assert quick(torch.randn(1, 8)[:, ::2], state) is None
        assert quick(x, ()) is None
        with pytest.raises(RecipeError, match="parts of shape"):
            network.step(x, network.initial_state(2))
        residual = RNN("gru", 6, 6, residual=True)
        y, _ = residual.step(torch.ones(1, 6), residual.initial_state(1))
        torch.testing.assert_close(y, residual(torch.ones(1, 1, 6))[0][:, 0])
    y, _ = network.step(x, state)  # with gradients
    assert y.requires_grad


@needs_kernels
def test_another_type_costs_one_slow_step():
    network, x = RNN("lstm", 4, 6), torch.randn(1, 4)
    with torch.no_grad():
        network.step(x, network.initial_state(1))
        network.double()
        x, state = x.double(), network.initial_state(1)
        made = [network.streams.step(network.layers, x, state, "auto") for _ in range(2)]
        assert made[0] is None and made[1] is not None
        torch.testing.assert_close(made[1][0], network(x[:, None])[0][:, 0])


@needs_kernels
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_what_is_no_plain_tensor_with_memory_goes_the_slow_way(cell):
    network, x = RNN(cell, 4, 6), torch.randn(1, 4)
    state = network.initial_state(1)

    def quick(x, *parts):
        return network.streams.step(network.layers, x, ((parts,),), "auto")

    with torch.no_grad():
        parts = tuple(state[0][0])
        assert quick(x, *parts) is not None
        gone = torch.randn(1, 4)
        gone.untyped_storage().resize_(0)
        assert quick(gone, *parts) is None
        for strange in (gone, x.to_sparse(), x.to_mkldnn(), torch._efficientzerotensor(1, 4)):
            assert quick(strange, *parts) is None
        for place in range(len(parts)):
            for strange in (
                None,
                3,
                "h",
                x.numpy(),
                torch.nn.Parameter(parts[place]),
                parts[place].to_sparse(),
            ):
                assert quick(x, *parts[:place], strange, *parts[place + 1 :]) is None
        assert quick(x, *parts, parts[0]) is None and quick(x) is None
        for name in ("ih", "hh"):
            other = copy.deepcopy(network)
            other.streams.step(other.layers, x, state, "auto")
            kept = getattr(other.layers[0][0], name)
            weight = kept.weight.detach()
            kept.weight.data = weight.half()
            assert other.streams.step(other.layers, x, state, "auto") is None
            kept.weight.data = weight
            assert other.streams.step(other.layers, x, state, "auto") is not None


@needs_kernels
@pytest.mark.parametrize("hidden", [32, 300])  # of many weights Python's lock is let go meanwhile
def test_threads_and_copies_step_on_their_own(hidden):
    network = RNN("gru", 8, hidden)
    inputs = torch.randn(50, 1, 8)

    def read(seed: int) -> torch.Tensor:
        with torch.no_grad():
            state = network.initial_state(1)
            for x in inputs.roll(seed, 0):
                _, state = network.step(x, state)
        return state[0][0].h

    expected = [read(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(found, expected))
    other = pickle.loads(pickle.dumps(copy.deepcopy(network)))
    with torch.no_grad():
        other.layers[0][0].ih.weight.zero_()
    assert torch.equal(read(0), expected[0])


@needs_kernels
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_quick_step_serves_what_it_can_and_nothing_else(cell, monkeypatch):
    network, x = RNN(cell, 4, 6, 2), torch.randn(1, 4)
    state = network.initial_state(1)

    def quick(x, state, wanted="auto", network=network):
        return network.streams.step(network.layers, x, state, wanted)

    def with_part(layer, part, value):
        parts = [list(one[0]) for one in state]
        parts[layer][part] = value
        return tuple((type(one[0])(*values),) for one, values in zip(state, parts))

    with torch.no_grad():
        for rows in range(streaming.FEW + 2):
            served = quick(torch.randn(rows, 4), network.initial_state(rows)) is not None
            assert served == (1 <= rows <= streaming.FEW)
        assert quick(x, state, "native") is not None
        assert quick(x, state, "vendor") is None and quick(x, state, "reference") is None
        monkeypatch.setenv("ELMAN_EXECUTOR", "reference")
        assert quick(x, state) is None
        monkeypatch.delenv("ELMAN_EXECUTOR")
        for part in range(len(network.state_names)):
            for wrong in (
                torch.zeros(2, 6),
                torch.zeros(1, 6).double(),
                torch.zeros(6, 2)[:, :1].T,
                torch.zeros(1, 6, device="meta"),
            ):
                assert quick(x, with_part(1, part, wrong)) is None
        assert quick(x.half(), state) is None and quick(torch.zeros(1, 4, device="meta"), state) is None
        assert quick(torch.nn.Parameter(x), state) is None
        assert quick(x, state + state) is None  # of another network
        assert quick(x, state[:1]) is None and quick(x, tuple((layer[0][:0],) for layer in state)) is None
        with torch.autocast("cpu", torch.bfloat16):
            assert quick(x, state) is None
        seen = []
        torch.func.vmap(lambda row: seen.append(quick(row[None], state)) or row)(x)
        assert seen == [None]
        for name in ("ih", "hh"):
            for weight in (
                torch.zeros(100, 8)[:, ::2],
                torch.zeros(100, 4).double(),
                torch.zeros(100, 4, device="meta"),
            ):
                other = copy.deepcopy(network)
                getattr(other.layers[0][0], name).weight = torch.nn.Parameter(weight)
                assert quick(x, state, network=other) is None
            other = copy.deepcopy(network)
            getattr(other.layers[0][0], name).bias = None
            assert quick(x, state, network=other) is None
        for unknown in (
            RNN("mgu", 4, 6),
            RNN("gru", 4, 6, layer_norm=True),
            RNN("rnn", 4, 6, activation="elu"),
        ):
            assert quick(x, unknown.initial_state(1), network=unknown) is None


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_who_makes_a_step(monkeypatch):
    """Quick without gradients, where nothing lies between layers; fused on demand; else, and under a transform, the cell's own."""
    asked, answered = [], []
    quick, fused = streaming.Streams.step, streaming._fused
    monkeypatch.setattr(streaming.Streams, "step", lambda *values: asked.append(1) or quick(*values))
    monkeypatch.setattr(streaming, "_fused", lambda *values: answered.append(1) or fused(*values))

    def counts(network, *, grad=False, state=True):
        asked.clear(), answered.clear()
        with torch.set_grad_enabled(grad):
            x = torch.ones(1, 6)
            y, after = network.step(x, network.initial_state(1) if state else None)
            torch.testing.assert_close(y, network.eval()(x[:, None])[0][:, 0])
        return len(asked), len(answered)

    slow = (0, 2)  # two layers by torch's fused step
    built = kernels.library() is not None
    assert counts(RNN("gru", 6, 6, 2)) == ((1, 0) if built else (1, 2))
    assert counts(RNN("gru", 6, 6, 2).eval()) == ((1, 0) if built else (1, 2))
    assert counts(RNN("gru", 6, 6, 2, dropout=0.5).eval()) == ((1, 0) if built else (1, 2))
    assert counts(RNN("gru", 6, 6, 2), grad=True) == slow
    assert counts(RNN("gru", 6, 6, 2), state=False) == slow
    assert counts(RNN("gru", 6, 6, 2, residual=True)) == slow
    assert counts(RNN("gru", 6, 6, 2, executor="vendor")) == (1, 2)
    assert counts(RNN("gru", 6, 6, 2, executor="reference")) == (1, 0)
    assert counts(RNN("lstm", 6, 6, 2, projection_size=3), grad=True) == (0, 0)
    assert counts(RNN("gru", 6, 6, 2, layer_norm=True), grad=True) == (0, 0)
    monkeypatch.setenv("ELMAN_EXECUTOR", "reference")
    assert counts(RNN("gru", 6, 6, 2), grad=True) == (0, 0)
    monkeypatch.delenv("ELMAN_EXECUTOR")
    network = RNN("gru", 6, 6, 2, dropout=0.5).train()
    asked.clear()
    with torch.no_grad():
        network.step(torch.ones(1, 6), network.initial_state(1))
    assert not asked  # dropout between the layers is not the kernel's
    answered.clear()
    torch.func.vmap(lambda row: network.eval().step(row[None])[0][0])(torch.ones(2, 6))
    assert not answered
    with pytest.raises(RecipeError, match="projection_size, in single steps"):
        RNN("lstm", 6, 6, projection_size=3, executor="vendor").step(torch.ones(1, 6))


@needs_kernels
def test_a_square_matrix_turned_in_place_is_seen():
    network, x = RNN("rnn", 6, 6), torch.randn(1, 6)
    with torch.no_grad():
        state = network.initial_state(1)
        for _ in range(3):
            _, state = network.step(x, state)
        network.layers[0][0].hh.weight.data.t_()
        torch.testing.assert_close(network.step(x, state)[0], network(x[:, None], state)[0][:, 0])
