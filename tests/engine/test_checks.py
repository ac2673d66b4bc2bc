"""Wrong lengths, states, resets and inputs are refused by name; kernels would read past their buffers."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence

from elman.core.errors import ElmanError, RecipeError, UnknownName
from elman.engine import plan
from elman.engine.contract import Call
from elman.engine.kernels import library
from elman.models.rnn import RNN

X = torch.zeros(2, 6, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lengths": torch.tensor([6, 9])}, "from 6 to 9; expected 0 to 6"),
        ({"lengths": torch.tensor([-1, 6])}, "from -1 to 6"),
        ({"lengths": torch.tensor([6.0, 2.0])}, r"lengths\.long\(\)"),
        ({"lengths": torch.tensor([6])}, r"expected \(2,\)"),
        ({"reset": torch.zeros(2, 5, dtype=torch.bool)}, r"expected \(2, 6\)"),
        ({"reset": torch.zeros(2, 6)}, r"reset\.bool\(\)"),
        ({"state": (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5))}, "initial_state"),
        ({"state": RNN("lstm", 3, 5).initial_state(3)}, r"initial_state\(2\)"),
        ({"state": RNN("gru", 3, 5).initial_state(2)}, r"h \(2, 5\), c \(2, 5\)"),
        ({"state": RNN("lstm", 3, 5, 2).initial_state(2)}, "1 layers"),
        (
            {"state": RNN("lstm", 3, 5).double().initial_state(2)},
            "state of torch.float64 on cpu; the input is torch.float32",
        ),
        (
            {"state": RNN("lstm", 3, 5).to("meta").initial_state(2)},
            "state of torch.float32 on meta; the input is .* on cpu",
        ),
        ({"x": X.double()}, r"x\.to\(torch\.float32\)"),
        ({"x": X.to("meta")}, r"input on meta; the weights are on cpu. Use x\.to\('cpu'\)"),
        ({"x": X.numpy()}, r"got a ndarray; expected a tensor of 3 features a step. Use torch\.from_numpy"),
        ({"x": pack_padded_sequence(X, [6, 2], batch_first=True)}, "PackedSequence; .*pad_packed_sequence"),
        ({"x": [[0.0]]}, r"got a list; expected a tensor of 3 features a step\.$"),
        ({"lengths": ["a", "b"]}, r"lengths \['a', 'b'\]; expected 2 whole numbers"),
        ({"reset": [[True]]}, r"resets as a list; expected a tensor \(2, 6\)"),
        (
            {"reset": torch.zeros(2, 6, dtype=torch.bool, device="meta")},
            "resets on meta; the input is on cpu",
        ),
    ],
)
def test_wrong_arguments_are_told(arguments, words):
    with pytest.raises(RecipeError, match=words):
        RNN("lstm", 3, 5)(**{"x": X, **arguments})


@pytest.mark.parametrize("executor", ["auto", "native", "vendor", "reference"])
def test_a_state_of_another_type_reaches_no_kernel(executor):
    """A kernel would take it for its own type, and read past its end."""
    network = RNN("gru", 3, 5, executor=executor).double()
    with pytest.raises(RecipeError, match="state of torch.float32"):
        network(X.double(), RNN("gru", 3, 5).initial_state(2))
    with torch.no_grad(), pytest.raises(RecipeError, match="state of torch.float32"):
        network.step(X[:, 0].double(), RNN("gru", 3, 5).initial_state(2))


@pytest.mark.parametrize("x", [X[:, 0].numpy(), [0.0], X[:, 0].to("meta"), X[:, 0].double()])
@pytest.mark.parametrize("grad", [True, False])
def test_a_step_of_another_kind_is_told(x, grad):
    network = RNN("gru", 3, 5)
    with torch.set_grad_enabled(grad), pytest.raises(RecipeError, match="got a|got input"):
        network.step(x, network.initial_state(2))


def test_a_list_of_lengths_will_do():
    network, x = RNN("gru", 3, 5), torch.randn(2, 6, 3)
    assert torch.equal(network(x, lengths=[6, 2])[0], network(x, lengths=torch.tensor([6, 2]))[0])


@pytest.mark.parametrize(
    ("cell", "options", "words"),
    [
        ("gru", {"layernorm": True}, "Did you mean 'layer_norm'"),
        ("gru", {"initialisation": "unifrom"}, "Did you mean 'uniform'"),
        (lambda a, b: torch.nn.Linear(a, b), {}, "got a Linear as a cell"),
        (
            lambda a, b: RNN("gru", a, b).layers[0][0],
            {"layer_norm": True},
            "set these where the cell is made",
        ),
    ],
)
def test_wrong_options_are_told(cell, options, words):
    with pytest.raises(ElmanError, match=words):
        RNN(cell, 3, 5, **options)


@pytest.mark.parametrize(
    "options",
    [{"residual": True}, {"layer_norm": True}, {"learned_initial_state": True}, {"weight_drop": 0.1}],
)
def test_torch_lacks_what_it_lacks(options):
    with pytest.raises(RecipeError, match=next(iter(options))):
        RNN("gru", 3, 5, **options).to_torch()


def test_a_carried_state_survives_pickling():
    _, state = RNN("lstm", 3, 5)(X)
    again = pickle.loads(pickle.dumps(RNN.detach(state)))
    assert type(again[0][0]) is type(state[0][0]) and torch.equal(again[0][0].c, state[0][0].c)
    assert not again[0][0].c.requires_grad and copy.deepcopy(again)[0][0].h.shape == (2, 5)


def test_a_plan_draws_nothing():
    network = RNN("gru", 3, 5, zoneout=0.3)
    before = torch.get_rng_state()
    assert network.plan(X).chosen in ("native", "reference")  # asked with the rate, not with a mask
    assert torch.equal(before, torch.get_rng_state())


def test_a_forced_executor_does_not_hide_the_gates(monkeypatch):
    network = RNN("lstm", 3, 5, executor="vendor")
    expected = RNN.trace(network, X)
    assert "layers.0.forward.forget_gate" in expected
    assert not str(network.plan(X, readings=True)).startswith("vendor")
    network.executor = "auto"
    monkeypatch.setenv("ELMAN_EXECUTOR", "vendor")
    assert network.trace(X).keys() == expected.keys()


def test_a_new_executor_comes_before_the_reference(monkeypatch):
    found = dict.fromkeys(["mine", "native", "reference", "scan", "triton", "vendor"])
    monkeypatch.setattr(plan, "catalogue", lambda room: found)
    monkeypatch.setattr(plan, "find", lambda room, name: type("Module", (), {"executor": name}))
    order = list(plan.executors.__wrapped__())
    assert order == ["native", "triton", "vendor", "scan", "mine", "reference"]


def test_unknown_cells_name_the_nearest():
    with pytest.raises(UnknownName, match="lstm"):
        RNN("lsmt", 3, 5)


def test_a_plan_is_of_the_call_that_is_described():
    lstm, reset = RNN("lstm", 3, 5, executor="vendor"), torch.zeros(2, 6, dtype=torch.bool)

    def told(**given):
        try:
            return lstm.plan(X, **given).chosen
        except RecipeError as error:
            return str(error)

    assert told() == told(lengths=torch.tensor([6, 2])) == "vendor"
    assert "resets inside a sequence" in told(reset=reset)
    assert told(readings=True) != "vendor"
    assert "from 2 to 9" in told(lengths=torch.tensor([9, 2])) and "expected (2, 6)" in told(
        reset=reset[:, 1:]
    )


def test_a_share_and_a_size_have_their_limits():
    for name in ("dropout", "zoneout", "weight_drop"):
        assert RNN("gru", 3, 5, **{name: 0.0}) and RNN("gru", 3, 5, **{name: 0.99})
        for wrong in (1.0, -0.01):
            with pytest.raises(RecipeError, match=f"{name} is {wrong}; expected a share"):
                RNN("gru", 3, 5, **{name: wrong})
    assert RNN("gru", 1, 1, 1)(torch.zeros(1, 1, 1))[0].shape == (1, 1, 1)
    for place, name in enumerate(("input_size", "hidden_size", "num_layers")):
        with pytest.raises(RecipeError, match=f"{name} must be at least 1, got 0"):
            RNN("gru", *(0 if k == place else 1 for k in range(3)))
        for wrong in (2.0, "6"):
            with pytest.raises(RecipeError, match=f"{name} must be a whole number, got {wrong!r}"):
                RNN("gru", *(wrong if k == place else 1 for k in range(3)))
    with pytest.raises(RecipeError, match="dropout is a; expected a share"):
        RNN("gru", 3, 5, dropout="a")
    with pytest.raises(UnknownName, match="executor 'natve'. Did you mean 'native'"):
        RNN("gru", 3, 5, executor="natve")


@pytest.mark.parametrize(
    ("settings", "given", "words"),
    [
        ({"cell": "gru"}, {"x": X[:0]}, "an empty batch or sequence"),
        ({"cell": "lstm", "zoneout": 0.1}, {}, "zoneout"),
        ({"cell": "gru", "layer_norm": True}, {}, "layer_norm=True"),
        ({"cell": "rnn", "activation": "elu"}, {}, "activation='elu'"),
        ({"cell": "mgu"}, {}, "torch has no kernel for MGU"),
    ],
)
def test_torchs_kernels_refuse_by_name(settings, given, words):
    network = RNN(**settings, input_size=3, hidden_size=5, executor="vendor")
    with pytest.raises(RecipeError, match=f"'vendor' refuses this call: {words}. Use executor"):
        network(**{"x": X, **given})


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_torchs_kernels_refuse_transforms_that_would_not_see_inside(cell):
    network = RNN(cell, 3, 5, executor="vendor")
    with (
        torch.autograd.forward_ad.dual_level(),
        pytest.raises(RecipeError, match="functorch or forward-mode"),
    ):
        network(X)
    with pytest.raises(RecipeError, match="functorch or forward-mode"):
        torch.func.vmap(lambda row: network(row[None])[0])(X)


def test_to_torch_names_what_torch_lacks_and_takes_what_draws_nothing():
    with pytest.raises(RecipeError, match=r"torch\.nn has no MGU; it has LSTM, GRU and RNN"):
        RNN("mgu", 3, 5).to_torch()
    with pytest.raises(RecipeError, match=r"no RNN with activation='elu'"):
        RNN("rnn", 3, 5, activation="elu").to_torch()
    with pytest.raises(RecipeError, match="no GRU with zoneout, weight_drop"):
        RNN("gru", 3, 5, zoneout=0.1, weight_drop=0.1).to_torch()
    with pytest.raises(RecipeError, match="no GRU with variational_dropout"):
        RNN("gru", 3, 5, 2, dropout=0.1, variational_dropout=True).to_torch()
    assert RNN("gru", 3, 5, variational_dropout=True).to_torch().dropout == 0  # nothing to drop
    assert RNN("gru", 3, 5, 2, dropout=0.1).to_torch().dropout == 0.1


def test_a_forget_bias_is_a_number():
    for wrong in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(RecipeError, match="forget_bias is -?(nan|inf); expected a finite number"):
            RNN("gru", 3, 5, forget_bias=wrong)


def test_the_longest_memory_has_a_limit():
    assert RNN("gru", 3, 5, initialisation="chrono", longest_memory=2.5)
    for wrong in (2.0, float("inf")):
        with pytest.raises(RecipeError, match="expected more than 2, in steps"):
            RNN("gru", 3, 5, initialisation="chrono", longest_memory=wrong)


def test_a_network_of_two_directions_makes_no_single_steps():
    network = RNN("gru", 3, 5, bidirectional=True)
    with torch.no_grad(), pytest.raises(RecipeError, match="reads from the end"):
        network.step(X[:, 0].contiguous(), network.initial_state(2))


@pytest.mark.parametrize(
    ("executor", "cell", "reason"),
    [
        ("native", "mgu", "no kernel for MGU"),
        ("scan", "gru", "GRU is not linear"),
        ("vendor", "mgu", "no kernel for MGU"),
    ],
)
@pytest.mark.parametrize("grad", [True, False])
def test_a_forced_executor_is_forced_in_single_steps_too(executor, cell, reason, grad):
    network = RNN(cell, 3, 5, executor=executor)
    with torch.set_grad_enabled(grad), pytest.raises(RecipeError, match=reason):
        network.step(X[:, 0].contiguous(), network.initial_state(2))
    network.executor = "nativ"
    with pytest.raises(UnknownName, match="native"):
        network.step(X[:, 0])


@pytest.mark.parametrize(("executor", "cell"), [("native", "gru"), ("native", "lstm"), ("scan", "lru")])
def test_a_single_step_of_a_forced_executor(executor, cell):
    if executor == "native" and library() is None:
        pytest.skip("the kernels were not built")
    network, x = RNN(cell, 3, 5, 2, layer_norm=True, executor=executor), torch.randn(9, 3)
    y, state = network.step(x)
    expected, end = network(x[:, None])
    torch.testing.assert_close(y, expected[:, 0])
    torch.testing.assert_close(tuple(state[1][0]), tuple(end[1][0]))


def put_over(cell, how):
    """Something over the cell's recurrent product, which a kernel that takes the weights would go past."""
    if how == "a hook on hh":
        cell.hh.register_forward_hook(lambda module, inputs, output: output * 0.5)
    elif how == "hh is a Linear":
        cell.hh = torch.nn.Linear(5, 15)
    elif how == "hh without a bias":
        cell.hh.bias = None
    else:
        prune.l1_unstructured(cell.hh, "weight", 0.5)


@pytest.mark.parametrize(
    "how", ["a hook on hh", "hh is a Linear", "hh without a bias", "pruning: a hook on hh"]
)
def test_what_is_put_over_a_product_counts_whoever_runs(how):
    network = RNN("gru", 3, 5)
    with torch.no_grad():
        network.step(
            torch.randn(2, 3), network.initial_state(2)
        )  # what is kept for streams must not outlive it
    put_over(network.layers[0][0], how)
    x = torch.randn(2, 6, 3)
    for _ in range(2):  # a pruned weight is made anew for each run, or there would be no second backward pass
        output, _ = network(x)
        output.square().sum().backward()
    for executor in ("native", "vendor"):
        network.executor = executor
        with pytest.raises(RecipeError, match=how.removeprefix("pruning: ")):
            network(x)
        with pytest.raises(RecipeError, match=how.removeprefix("pruning: ")), torch.no_grad():
            network.step(x[:, 0].contiguous(), network.initial_state(2))
    network.executor = "reference"
    torch.testing.assert_close(output, network(x)[0])
    network.executor = "auto"
    with torch.no_grad():
        y, _ = network.step(x[:, 0].contiguous(), network.initial_state(2))
    torch.testing.assert_close(y, output[:, 0].detach())


def test_weights_that_do_not_fit_reach_no_kernel():
    cases = [("weight", (15, 4)), ("weight", (14, 5)), ("bias", (14,))]
    for part in ("ih", "hh"):
        for name, shape in cases:
            network = RNN("gru", 5, 5)
            setattr(getattr(network.layers[0][0], part), name, torch.nn.Parameter(torch.zeros(shape)))
            assert "weights of another shape" in refusal(network)
    for moved in (torch.nn.Parameter(torch.zeros(15)).double(), torch.zeros(15, device="meta")):
        network = RNN("gru", 5, 5)
        network.layers[0][0].hh.bias = torch.nn.Parameter(moved.detach())
        assert "type or device" in refusal(network)


def refusal(network):
    cell = network.layers[0][0]
    return str(plan.executors()["native"].refuses(Call(cell, torch.zeros(2, 2, 5), cell.initial_state(2))))


@pytest.mark.parametrize(
    ("network", "x", "reason"),
    [
        (RNN("lstm", 3, 5, projection_size=2), X, "projection_size=2"),
        (RNN("mgu", 3, 5), X, "no kernel for MGU"),
        (RNN("gru", 3, 5).half(), X.half(), "float16 input and float16 weights"),
        (RNN("gru", 3, 5).to("meta"), X.to("meta"), "the input is on meta"),
    ],
)
def test_the_kernels_refuse_by_name(network, x, reason):
    network.executor = "native"
    with pytest.raises(RecipeError, match=f"'native' refuses this call: {reason}. Use executor"):
        network.plan(x)


def test_the_kernels_refuse_input_of_another_type_than_the_weights():
    cell = RNN("gru", 3, 5).layers[0][0]
    call = Call(cell, X.transpose(0, 1).double(), cell.initial_state(2))
    assert plan.executors()["native"].refuses(call) == "float64 input and float32 weights"


@pytest.mark.skipif(library() is None, reason="the kernels were not built")
def test_where_torchs_lstm_is_faster_the_kernels_yield():
    """bench/ENGINE.md: of 512 units and more, without gradients, but for a single sequence."""
    network = RNN("lstm", 3, 512)
    with torch.no_grad():
        assert "without gradients" in str(network.plan(X[:, :1])) and network.plan(X).chosen == "vendor"
        assert network.plan(X[:1]).chosen == network.plan(X, torch.tensor([6, 2])).chosen == "native"
        assert RNN("lstm", 3, 511).plan(X).chosen == RNN("gru", 3, 512).plan(X).chosen == "native"
    assert network.plan(X).chosen == "native"
